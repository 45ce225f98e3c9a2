package bench

import (
	"errors"
	"fmt"
	"os"
	"time"

	json "github.com/goccy/go-json"

	"resound/bench/crowd"
	"resound/bench/swarm"
)

// An order is what a load process is asked to do.
type order struct {
	Op string // open, counts, connect, bursts, requests, broadcast, pause, resume, wait or leave; crowd, and then begin and stop

	Swarm    swarm.Options // open
	Sockets  int           // connect
	Messages int           // bursts: as many events, Window of them at once
	Window   int
	How      uint32        // bursts of the baseline: raw.Write or raw.Writev
	Size     int           // and the bytes of a frame
	Rate     float64       // broadcast: of Messages, a second
	Wait     time.Duration // wait
	Batch    int           // requests: events of each; 0 is 1
	Fresh    bool          // requests: Messages of them over Window connections, or a connection for each
	Channel  string        // requests: where to; "" is one that nobody listens to

	Crowd *crowd.Options `json:",omitempty"` // crowd
	At    int64          // begin, stop: Unix time in nanoseconds
}

// A report is the answer to an order.
type report struct {
	Error  string `json:",omitempty"`
	Counts swarm.Counts
	Frame  int // bytes of an event on the wire

	Deliveries int64   `json:",omitempty"`
	Took       []int64 `json:",omitempty"` // of each burst or dial, in nanoseconds

	Broadcasts []swarm.Broadcast `json:",omitempty"`
	Began      int64             // when the order was begun and done, Unix time in nanoseconds
	Done       int64

	Open   int           `json:",omitempty"` // of a crowd: sockets that are connected
	Ready  bool          `json:",omitempty"` // all are
	Second *crowd.Second `json:",omitempty"` // and what a second of the play brought
	Played *crowd.Result `json:",omitempty"` // and all of it
}

// load is a process that holds sockets.
type load struct{ child *child }

// startLoad starts a load process and opens a swarm in it.
func startLoad(at place, o swarm.Options) (*load, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c, err := startChild(at, nil, self, "load")
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

// pair is a server that runs and a load for it.
type pair struct {
	*server
	load    *load
	stopped bool
}

// startPair starts both. o says what the load does; where to is filled in.
func startPair(t Target, c Cores, o swarm.Options) (*pair, error) {
	s, err := startServer(t, c.server())
	if err != nil {
		return nil, err
	}
	o.Control = s.control
	l, err := s.load(c.load(), o)
	if err != nil {
		s.stop()
		return nil, err
	}
	return &pair{server: s, load: l}, nil
}

// load starts one more load for the server.
func (s *server) load(at place, o swarm.Options) (*load, error) {
	o.Server, o.API, o.Host, o.APIHost, o.Silent = s.addr, s.api, s.Address, s.API, s.raw()
	o.ID, o.Key, o.Secret, o.Path = s.ID, s.Key, s.Secret, s.Path
	l, err := startLoad(at, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	return l, nil
}

// connect subscribes so many sockets more, all of them.
func (l *load) connect(sockets int) error {
	before, err := l.do(order{Op: "counts"})
	if err != nil {
		return err
	}
	r, err := l.do(order{Op: "connect", Sockets: sockets})
	if err == nil && r.Counts.Ready-before.Counts.Ready != sockets {
		err = fmt.Errorf("%d of %d sockets could subscribe: %v", r.Counts.Ready-before.Counts.Ready, sockets, r.Counts.Closed)
	}
	return err
}

// connect is load.connect with the server's name in its error.
func (p *pair) connect(sockets int) error {
	if err := p.load.connect(sockets); err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	return nil
}

// stop ends both. It may be called again.
func (p *pair) stop() {
	if !p.stopped {
		p.load.stop()
		p.server.stop()
	}
	p.stopped = true
}
