package crowd

import (
	"flag"
	"os"
	"testing"

	"resound/protocol/ws"
)

// TestMain lets many tests run at once: they wait for what is due, and do little.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// A load that is to hold tens of thousands of sockets makes no garbage for a delivery, or for what it publishes.
func TestNoGarbage(t *testing.T) {
	w := Workload{Duration: 1e9, Groups: []Group{{Name: "a", Sockets: 1, Publish: Publish{Rate: 10}}}}
	if err := w.Complete(); err != nil {
		t.Fatal(err)
	}
	c, err := New(Options{ID: "1", Key: "k", Secret: "s", Workload: w}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.begin, c.from, c.end = 1, 1, 1<<62
	c.plan()
	c.publishers = []*publisher{{fd: hungUp}}
	s := &c.conns[0]
	s.subs[0] = sub{since: 1, had: true}
	c.now = 1000
	number := uint32(0)
	var frame, text []byte
	if n := testing.AllocsPerRun(1000, func() {
		text = append(text[:0], `{"event":"tick","data":"`...)
		text = w.Groups[0].appendData(text, 0, number, 10)
		text = append(text, `","channel":"a-0"}`...)
		frame = ws.AppendFrame(frame[:0], ws.OpText, text)
		c.frames(0, s, frame)
		number++
	}); n != 0 {
		t.Errorf("%v allocations for a delivery", n)
	}
	if e := s.group.Events; e.Delivered != int64(number) || e.Lost+e.Duplicates+e.Disorder != 0 {
		t.Errorf("%+v of %d", e, number)
	}
	p := c.publishers[0]
	ok := []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
	due := int64(1)
	if n := testing.AllocsPerRun(1000, func() {
		c.publish(task{due, doPublish, 0}, due)
		t, _ := c.pacer.next(1 << 62)
		due = t.due
		p.answered(c, due, 200, ok)
	}); n > 1 {
		t.Errorf("%v allocations for a publish", n)
	}
}
