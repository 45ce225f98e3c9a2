package overload

// ladder turns a measure into a level. It goes up when the measure is above a rung for patience samples, to the highest rung
// that it is above, and down by one when it is below what the present rung is left at for rest samples.
type ladder struct {
	steps        []step
	patience     int
	level        Level
	above, below int // samples in a row
}

// step takes one sample and returns the level.
func (l *ladder) step(v float64) Level {
	reached := Calm
	for i, s := range l.steps {
		if v >= s.enter {
			reached = Level(i + 1)
		}
	}
	switch {
	case reached > l.level:
		l.below = 0
		if l.above++; l.above >= l.patience {
			l.level, l.above = reached, 0
		}
	case l.level > Calm && v < l.steps[l.level-1].leave:
		l.above = 0
		if l.below++; l.below >= rest {
			l.level, l.below = l.level-1, 0
		}
	default:
		l.above, l.below = 0, 0
	}
	return l.level
}
