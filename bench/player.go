package bench

import (
	"bytes"
	"errors"
	"io"
	"os"
	"time"

	json "github.com/goccy/go-json"

	"resound/bench/crowd"
)

// player carries out the orders of a play: crowd, then begin, and stop at any time.
type player struct {
	in, out *os.File
	line    []byte // the start of an order
	crowd   *crowd.Crowd
	begin   int64
}

// play is all of a play as its load process has it. The report is what came out.
func play(in, out *os.File, o crowd.Options) (*crowd.Result, error) {
	p := &player{in: in, out: out}
	var err error
	p.crowd, err = crowd.New(o, func(s crowd.Second) { p.say(report{Second: &s}) })
	if err != nil {
		return nil, err
	}
	defer p.crowd.Close()
	if err := p.crowd.Watch(int(in.Fd()), p.read); err != nil {
		return nil, err
	}
	told := time.Now()
	if err := p.crowd.Connect(func(open int) {
		if now := time.Now(); now.Sub(told) > 200*time.Millisecond {
			told = now
			p.say(report{Open: open})
		}
	}); err != nil {
		return nil, err
	}
	p.say(report{Ready: true})
	if err := p.crowd.Wait(func() bool { return p.begin != 0 }); err != nil {
		return nil, err
	}
	return p.crowd.Play(p.begin)
}

// say writes a report that is no answer.
func (p *player) say(r report) {
	if line, err := json.Marshal(r); err == nil {
		_, _ = p.out.Write(append(line, '\n')) // if nobody listens, the next order is the end
	}
}

// read takes orders.
func (p *player) read() error {
	room := make([]byte, 4<<10)
	n, err := p.in.Read(room)
	if errors.Is(err, io.EOF) {
		return errEnd
	}
	if err != nil {
		return err
	}
	p.line = append(p.line, room[:n]...)
	for {
		line, rest, ok := bytes.Cut(p.line, []byte("\n"))
		if !ok {
			return nil
		}
		var o order
		err := json.Unmarshal(line, &o)
		p.line = append(p.line[:0], rest...)
		switch {
		case err != nil:
			return err
		case o.Op == "begin":
			p.begin = o.At
		case o.Op == "stop":
			p.crowd.Stop(o.At)
		}
	}
}
