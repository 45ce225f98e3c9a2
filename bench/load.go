package bench

import (
	"errors"
	"fmt"
	"os"

	json "github.com/goccy/go-json"

	"resound/bench/swarm"
)

// An order is what a load process is asked to do.
type order struct {
	Op string // the name of a method of worker, in lower case

	Swarm    swarm.Options // open
	Sockets  int           // connect
	Messages int           // bursts: as many events, Window of them at once
	Window   int
	How      uint32 // bursts of the baseline: raw.Write or raw.Writev
	Size     int    // and the bytes of a frame
}

// A report is the answer to an order.
type report struct {
	Error  string `json:",omitempty"`
	Counts swarm.Counts
	Frame  int // bytes of an event on the wire

	Deliveries int64   `json:",omitempty"`
	Took       []int64 `json:",omitempty"` // of each burst or dial, in nanoseconds
}

// load is a process that holds sockets.
type load struct{ child *child }

// startLoad starts a load process and opens a swarm in it.
func startLoad(at place, o swarm.Options) (*load, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c, err := startChild(at, self, "load")
	if err != nil {
		return nil, err
	}
	l := &load{c}
	if _, err := l.do(order{Op: "open", Swarm: o}); err != nil {
		return nil, errors.Join(err, errors.New(l.stop()))
	}
	return l, nil
}

// do gives an order and waits for the report.
func (l *load) do(o order) (report, error) {
	line, err := json.Marshal(o)
	if err != nil {
		return report{}, err
	}
	if _, err := l.child.in.Write(append(line, '\n')); err != nil {
		return report{}, fmt.Errorf("the load process has ended: %s", l.child.stop())
	}
	answer, err := l.child.out.ReadBytes('\n')
	if err != nil {
		return report{}, fmt.Errorf("the load process has ended: %s", l.child.stop())
	}
	var r report
	if err := json.Unmarshal(answer, &r); err != nil {
		return report{}, fmt.Errorf("the load process said %q: %w", answer, err)
	}
	if r.Error != "" {
		return r, errors.New(r.Error)
	}
	return r, nil
}

func (l *load) stop() string { return l.child.stop() }

// options are those of a swarm for the server.
func (s *server) options() swarm.Options {
	return swarm.Options{Server: s.addr, Control: s.control, ID: s.ID, Key: s.Key, Secret: s.Secret, Path: s.Path}
}
