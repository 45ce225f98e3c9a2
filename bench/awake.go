package bench

import (
	"fmt"

	"resound/bench/raw"
)

// quickAcks is how many segments Linux acknowledges one by one, as soon as they come, after a socket got nothing for a while
// (TCP_MAX_QUICKACKS). On loopback the sender's core makes and takes these acknowledgements: a third of what a send costs.
// From then on they come when the socket is read, on the load's core.
const quickAcks = 16

// silence is how long a socket gets nothing before it does so again, in ms: the least that TCP waits before it sends again.
const silence = 200

// waking is how many messages end the silence that sockets have behind them while others had their turns.
func waking(how uint32, window, channels int) int {
	segments := 1 // that a socket gets of a window at least: a server may join what is in flight
	if how == raw.Write {
		segments = window
	}
	return (quickAcks/segments + 1) * max(window, channels)
}

// wake sends bursts like o that are not counted, so that a column is measured as in the middle of a stream.
func (l *load) wake(o order, channels int) error {
	o.Messages = waking(o.How, o.Window, channels)
	_, err := l.do(o)
	return err
}

// lap is what a column's sockets got in a turn: channels to which events went by turns, and the milliseconds of each window.
type lap struct {
	name     string
	channels int
	bursts   []float64
}

// silences are notes on which sockets had been silent, and acknowledged events at once.
func silences(awake bool, window int, laps []lap) (notes []string) {
	if !awake {
		return []string{fmt.Sprintf("The sockets had been silent before each turn, so that the kernel acknowledged the first %d segments of each at once, at the server's cost.", quickAcks)}
	}
	for _, l := range laps {
		between := quantile(l.bursts, 0.5) * float64(l.channels) / float64(window)
		if l.channels > 1 && between > silence {
			notes = append(notes, fmt.Sprintf("The sockets of %s got an event every %s ms, so that the kernel acknowledged each at once, at the server's cost.", l.name, number(between)))
		}
	}
	return notes
}
