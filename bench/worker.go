package bench

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	json "github.com/goccy/go-json"

	"resound/bench/swarm"
)

// worker carries out orders on a swarm.
type worker struct {
	in, out *os.File
	swarm   *swarm.Swarm
	line    []byte // the start of an order
}

// errEnd is the end of the orders.
var errEnd = errors.New("no more orders")

// RunLoad is the main function of a load process: an order on each line of
// standard input, a report on each line of standard output. While there is no
// order the swarm answers pings.
func RunLoad(in, out *os.File) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	w := &worker{in: in, out: out}
	room := make([]byte, 64<<10)
	var failure error
	read := func() error {
		n, err := in.Read(room)
		if errors.Is(err, io.EOF) {
			return errEnd
		}
		if err != nil {
			return err
		}
		w.line = append(w.line, room[:n]...)
		for {
			line, rest, ok := bytes.Cut(w.line, []byte("\n"))
			if !ok {
				return nil
			}
			answer := w.answer(line)
			w.line = append(w.line[:0], rest...)
			if _, err := out.Write(answer); err != nil {
				return err
			}
		}
	}
	for failure == nil {
		if w.swarm == nil {
			failure = read()
			if w.swarm != nil {
				failure = errors.Join(failure, w.swarm.Watch(int(in.Fd()), read))
			}
			continue
		}
		_, failure = w.swarm.Poll(-1)
	}
	if errors.Is(failure, errEnd) {
		return nil
	}
	return failure
}

// answer carries out one order.
func (w *worker) answer(line []byte) []byte {
	var o order
	var r report
	err := json.Unmarshal(line, &o)
	if err == nil {
		r.Began = time.Now().UnixNano()
		err = w.carryOut(o, &r)
		r.Done = time.Now().UnixNano()
	}
	if err != nil {
		r.Error = err.Error()
	}
	if w.swarm != nil {
		r.Counts, r.Frame = w.swarm.Counts, w.swarm.FrameLen()
	}
	b, err := json.Marshal(r)
	if err != nil {
		b = fmt.Appendf(nil, `{"Error":%q}`, err.Error())
	}
	return append(b, '\n')
}

func (w *worker) carryOut(o order, r *report) (err error) {
	if o.Op == "open" {
		w.swarm, err = swarm.New(o.Swarm)
		return err
	}
	if o.Op == "crowd" && o.Crowd != nil {
		r.Played, err = play(w.in, w.out, *o.Crowd)
		return err
	}
	if w.swarm == nil {
		return fmt.Errorf("%s: there is no swarm", o.Op)
	}
	switch o.Op {
	case "counts":
		return nil
	case "connect":
		err = w.swarm.Connect(context.Background(), o.Sockets, nil)
		r.Took = w.swarm.TakeConnectTimes()
		return err
	case "bursts":
		return w.bursts(o, r)
	case "requests":
		took, err := w.swarm.Requests(cmp.Or(o.Channel, "nobody"), o.Messages, o.Window, o.Batch, o.Fresh)
		r.Took = []int64{int64(took)}
		return err
	case "broadcast":
		r.Broadcasts, err = w.swarm.Broadcast(o.Messages, o.Rate, o.Size)
		return err
	case "pause", "resume":
		return w.swarm.Pause(o.Sockets, o.Op == "pause")
	case "wait":
		return w.swarm.Wait(o.Wait)
	case "leave":
		w.swarm.Leave()
		return nil
	}
	return fmt.Errorf("%q is not an order", o.Op)
}

func (w *worker) bursts(o order, r *report) error {
	for sent := 0; sent < o.Messages; sent += o.Window {
		n := min(o.Window, o.Messages-sent)
		var deliveries int64
		var took time.Duration
		var err error
		if o.How != 0 {
			deliveries, took, err = w.swarm.BurstRaw(o.How, n, o.Size)
		} else {
			deliveries, took, err = w.swarm.Burst(n)
		}
		if err != nil {
			return err
		}
		r.Deliveries += deliveries
		r.Took = append(r.Took, int64(took))
	}
	return nil
}
