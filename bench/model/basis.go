package model

import (
	"fmt"
	"strings"
)

// Basis is what a figure rests on.
type Basis string

// From the best to the worst.
const (
	Measured     Basis = "measured"     // at points like this one
	Computed     Basis = "computed"     // from the sizes of headers and the like, not measured
	Interpolated Basis = "interpolated" // between points that were measured
	Extrapolated Basis = "EXTRAPOLATED" // beyond them
)

// A variable is what a figure depends on, and where it was measured.
type variable struct {
	name  string
	value float64
	span  Span
}

// far is how much beyond the points a value may be until that is said to be beyond: points are not that exact.
const far = 1.1

// rest says what a figure rests on that depends on these, and why it is not better.
func rest(list ...variable) (Basis, string) {
	basis, between := Measured, false
	var beyond []string
	for _, v := range list {
		near := false
		for _, at := range v.span.At {
			near = near || v.value <= at*far && v.value >= at/far
		}
		switch {
		case near:
		case len(v.span.At) == 0:
			beyond = append(beyond, v.name+": not measured")
		case v.value > v.span.High*far:
			beyond = append(beyond, fmt.Sprintf("%s: measured up to %s, of %s", v.name, digits(v.span.High), digits(v.value)))
		case v.value < v.span.Low/far:
			beyond = append(beyond, fmt.Sprintf("%s: measured from %s, of %s", v.name, digits(v.span.Low), digits(v.value)))
		default:
			between = true
		}
	}
	switch {
	case len(beyond) > 0:
		basis = Extrapolated
	case between:
		basis = Interpolated
	}
	return basis, strings.Join(beyond, "; ")
}

// bases of an answer's figures.
func (m *Model) delivered(d Demand) []variable {
	return []variable{{"sockets", float64(d.Viewers), m.Range.Sockets}, {"bytes of a frame", d.frame(), m.Range.Frame}, {"events that go out together", d.Together, m.Range.Together}}
}

func (m *Model) held(d Demand) []variable {
	list := []variable{{"sockets", float64(d.Viewers), m.Range.Held}}
	if d.Presence {
		list = append(list, variable{"bytes of user_info", float64(d.UserInfo), m.Range.UserInfo})
	}
	return list
}

func (m *Model) onCores(cores int) variable {
	return variable{"cores", float64(cores), Span{1, float64(m.Range.Cores), []float64{float64(m.Range.Cores)}}}
}
