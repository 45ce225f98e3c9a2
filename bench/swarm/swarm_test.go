package swarm

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"resound/bench/raw"
	"resound/bench/sys"
)

const sockets = 50

func connected(t *testing.T, o Options) *Swarm {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if err := s.Connect(context.Background(), sockets, nil); err != nil {
		t.Fatal(err)
	}
	if s.Ready != sockets || s.Refused != 0 {
		t.Fatalf("%+v", s.Counts)
	}
	return s
}

func TestEveryEventArrives(t *testing.T) {
	cut := func(conns []net.Conn, frame []byte, number int) { // anywhere, in its header too
		at := number % len(frame)
		for _, c := range conns {
			_, _ = c.Write(frame[:at])
			_, _ = c.Write(frame[at:])
		}
	}
	for name, deliver := range map[string]func([]net.Conn, []byte, int){"whole": all, "cut": cut} {
		t.Run(name, func(t *testing.T) {
			s := connected(t, newServer(t, deliver).options(t))
			for _, n := range []int{1, 1, 16, 5} {
				got, took, err := s.Burst(n)
				if err != nil || got != int64(n)*sockets || took <= 0 {
					t.Fatalf("a burst of %d: %d deliveries, %v, %v", n, got, took, err)
				}
			}
			if want := int64(23 * sockets); s.Delivered != want {
				t.Errorf("%d deliveries, want %d", s.Delivered, want)
			}
		})
	}
}

// A server may end a publisher's connection with an answer.
func TestPublishersConnectAgain(t *testing.T) {
	server := newServer(t, all)
	server.hangsUp = true
	o := server.options(t)
	o.Publishers = 3
	s := connected(t, o)
	for range 4 {
		if got, _, err := s.Burst(3); err != nil || got != 3*sockets {
			t.Fatalf("%d deliveries, %v", got, err)
		}
	}
	server.begin(func([]net.Conn, []byte, int) {})
	if _, err := s.Requests("fan", 20, 4, 1, false); err != nil {
		t.Fatal(err)
	}
	if s.Hangups != 12+20 {
		t.Errorf("%d connections ended, want %d", s.Hangups, 12+20)
	}
	for _, publishers := range []int{1, 3} {
		server.begin(all)
		o.Publishers = publishers
		s = connected(t, o)
		if got, _, err := s.Burst(12); err != nil || got != 12*sockets { // each waits for the answer before
			t.Fatalf("%d deliveries, %v", got, err)
		}
		if _, err := s.Broadcast(30, 10_000, 0); err != nil {
			t.Error(err)
		}
		s.Leave()
	}
}

// A ramp dials no faster than it says, however fast the server is.
func TestRamp(t *testing.T) {
	server := newServer(t, all)
	o := server.options(t)
	o.Ramp, o.Channels = 100, []string{"fan"}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	const sockets = 20
	begun := time.Now()
	if err := s.Connect(t.Context(), sockets, nil); err != nil || s.Ready != sockets {
		t.Fatalf("%d of %d sockets, %v", s.Ready, sockets, err)
	}
	if took, least := time.Since(begun), (sockets-1)*10*time.Millisecond; took < least {
		t.Errorf("%d sockets took %v, and at 100 a second the last is dialled after %v", sockets, took, least)
	}
}

func TestOnlyLoopbackHasManySources(t *testing.T) {
	for to, want := range map[[4]byte][4]byte{{127, 0, 0, 1}: {127, 0, 1, 3}, {192, 0, 2, 1}: {}} {
		if got := source(sys.Addr{IP: to}, 1, 252); got != want {
			t.Errorf("to %v from %v, want %v", to, got, want)
		}
	}
}

func TestLossIsCaught(t *testing.T) {
	var held []byte
	faults := map[string]struct {
		deliver func(conns []net.Conn, frame []byte, number int)
		want    string
	}{
		"the last event of one socket": {func(conns []net.Conn, frame []byte, number int) {
			if number == 7 {
				conns = conns[1:]
			}
			all(conns, frame, number)
		}, "399 of 400 deliveries"},
		"an event of one socket": {func(conns []net.Conn, frame []byte, number int) {
			if number == 3 {
				conns = conns[1:]
			}
			all(conns, frame, number)
		}, "got event 4 of its channel where number 3 was next"},
		"an event twice": {func(conns []net.Conn, frame []byte, number int) {
			all(conns, frame, number)
			if number == 3 {
				all(conns[:1], frame, number)
			}
		}, "got event 3 of its channel where number 4 was next"},
		"two events changed over": {func(conns []net.Conn, frame []byte, number int) {
			switch number {
			case 3:
				held = frame
				return
			case 4:
				defer all(conns, held, 3)
			}
			all(conns, frame, number)
		}, "got event 4 of its channel where number 3 was next"},
		"a socket": {func(conns []net.Conn, frame []byte, number int) {
			if number == 3 {
				_ = conns[0].Close()
			}
			all(conns, frame, number)
		}, "of 400 deliveries"},
	}
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			o := newServer(t, f.deliver).options(t)
			o.Patience = 300 * time.Millisecond
			if _, _, err := connected(t, o).Burst(8); err == nil || !strings.Contains(err.Error(), f.want) {
				t.Errorf("%v, want an error with %q", err, f.want)
			}
		})
	}
}

// With several publishers the order is open, but not what arrives.
func TestLossAmongSeveralPublishersIsCaught(t *testing.T) {
	var held []byte
	swap := func(conns []net.Conn, frame []byte, number int) {
		if number == 3 {
			held = frame
			return
		}
		all(conns, frame, number)
		if number == 4 {
			all(conns, held, 3)
		}
	}
	replace := func(conns []net.Conn, frame []byte, number int) { // one event twice, and another not at all
		if number == 3 {
			held = frame
		}
		if number == 4 {
			all(conns[:1], held, number)
			conns = conns[1:]
		}
		all(conns, frame, number)
	}
	for name, f := range map[string]struct {
		deliver func(conns []net.Conn, frame []byte, number int)
		want    string
	}{"changed over": {swap, ""}, "replaced": {replace, "1 of 50 sockets did not get every event"}} {
		t.Run(name, func(t *testing.T) {
			o := newServer(t, f.deliver).options(t)
			o.Publishers = 2
			_, _, err := connected(t, o).Burst(8)
			if err == nil && f.want != "" || err != nil && (f.want == "" || !strings.Contains(err.Error(), f.want)) {
				t.Errorf("%v, want %q", err, f.want)
			}
		})
	}
}

func TestBaseline(t *testing.T) {
	ports, ended := make(chan [2]int), make(chan error, 1)
	go func() {
		ended <- raw.Serve(func(port, control int) error {
			ports <- [2]int{port, control}
			return nil
		})
	}()
	var p [2]int
	select {
	case p = <-ports:
	case err := <-ended:
		t.Fatal(err)
	}
	local := [4]byte{127, 0, 0, 1}
	s := connected(t, Options{Silent: true, Server: sys.Addr{IP: local, Port: p[0]}, Control: sys.Addr{IP: local, Port: p[1]}})
	for _, burst := range []struct {
		how     uint32
		n, size int
	}{{raw.Write, 1, 113}, {raw.Write, 3, 113}, {raw.Writev, 16, 113}, {raw.Writev, 16, 500}, {raw.Write, 2, 20}} {
		got, _, err := s.BurstRaw(burst.how, burst.n, burst.size)
		if err != nil || got != int64(burst.n*sockets) || s.FrameLen() != burst.size {
			t.Fatalf("%+v: %d deliveries of %d bytes, %v", burst, got, s.FrameLen(), err)
		}
	}
	s.Close()
	if err := <-ended; err != nil {
		t.Errorf("the baseline ended with %v", err)
	}
}

// Of several servers that are one, each has as many sockets of every channel.
func TestSocketsOfSeveralServers(t *testing.T) {
	one, two, three := sys.Addr{Port: 1}, sys.Addr{Port: 2}, sys.Addr{Port: 3}
	for _, channels := range []int{1, 2, 3, 6} {
		s, err := New(Options{Server: one, Others: []sys.Addr{two, three}, Channels: make([]string, channels)})
		if err != nil {
			t.Fatal(err)
		}
		have := map[[2]int]int{}
		for id := range 3 * channels * 5 {
			have[[2]int{s.channelOf(id), s.server(id).Port}]++
		}
		for at, n := range have {
			if n != 5 || len(have) != 3*channels {
				t.Errorf("%d channels: %d sockets of channel %d on server %d, of %d such pairs", channels, n, at[0], at[1], len(have))
			}
		}
		s.Close()
	}
}
