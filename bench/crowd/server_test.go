package crowd

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	json "github.com/goccy/go-json"

	"resound/bench/sys"
	"resound/protocol/ws"
)

// event is a publish as the server of the tests has it.
type event struct {
	number int
	due    int64 // as its data says
	frame  []byte
}

// pusherServer is a server of one channel that can be told to do wrong.
type pusherServer struct {
	*httptest.Server
	deliver func(s *pusherServer, e event) // how an event goes out
	publish func(number int) (status int)  // what a publish is answered, if not nil; 0 is 200 and the end of the connection
	mu      sync.Mutex
	conns   []net.Conn
	silent  int // a socket behind so many is never answered its subscription, if not 0
	number  int // of the next event
	history []event
	replays func(number int) (times int) // how often an event is replayed, if not nil: once is right
	held    event
	did     []int64 // when the events were due that it did wrong with, one for each socket
}

// What options set is set before it serves: the race detector does not see that the crowd, with system calls of its
// own, can only come later.
func newServer(t *testing.T, deliver func(*pusherServer, event), publish func(int) int, options ...func(*pusherServer)) *pusherServer {
	s := &pusherServer{deliver: deliver, publish: publish}
	for _, set := range options {
		set(s)
	}
	s.Server = httptest.NewServer(s)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, c := range s.conns {
			_ = c.Close()
		}
	})
	return s
}

func (s *pusherServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") == "" {
		s.api(w, r)
		return
	}
	conn, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
	write(conn, `{"event":"pusher:connection_established","data":"{\"socket_id\":\"1.2\"}"}`)
	asked := readFrame(rw.Reader)
	var command struct {
		Data struct {
			Channel string
			Replay  *struct{ Serial int }
		}
	}
	if err := json.Unmarshal(asked, &command); err != nil {
		panic(err)
	}
	go s.whispers(conn, rw.Reader)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.silent > 0 && len(s.conns) >= s.silent {
		return
	}
	s.conns = append(s.conns, conn)
	position := ""
	if command.Data.Replay != nil {
		position = fmt.Sprintf(`,"epoch":"e","serial":%d`, len(s.history))
	}
	write(conn, fmt.Sprintf(`{"event":"pusher_internal:subscription_succeeded","channel":%q,"data":"{}"%s}`, command.Data.Channel, position))
	if command.Data.Replay == nil || command.Data.Replay.Serial == 0 {
		return
	}
	for _, e := range s.history[command.Data.Replay.Serial:] {
		times := 1
		if s.replays != nil {
			times = s.replays(e.number)
		}
		if times != 1 {
			s.wrong(e, 1)
		}
		for range times {
			_, _ = conn.Write(e.frame)
		}
	}
}

// whispers passes on what a socket whispers, but for every third.
func (s *pusherServer) whispers(from net.Conn, r *bufio.Reader) {
	for {
		text := readFrame(r)
		if !strings.HasPrefix(string(text), `{"event":"client-`) {
			return // it has ended
		}
		_, _, number, due, _ := parseMark(text)
		s.mu.Lock()
		for _, c := range s.conns {
			if c == from {
				continue
			}
			if number%3 == 1 {
				s.did = append(s.did, due)
				continue
			}
			write(c, string(text))
		}
		s.mu.Unlock()
	}
}

func (s *pusherServer) api(w http.ResponseWriter, r *http.Request) {
	var body struct{ Name, Data, Channel string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	_, _, _, due, _ := parseMark([]byte(body.Data))
	s.mu.Lock()
	defer s.mu.Unlock()
	text := fmt.Appendf(nil, `{"event":%q,"data":%q,"channel":%q,"serial":%d}`, body.Name, body.Data, body.Channel, s.number+1)
	e := event{s.number, due, ws.AppendFrame(nil, ws.OpText, text)}
	s.number++
	s.history = append(s.history, e)
	if s.publish != nil {
		if status := s.publish(e.number); status == 0 {
			w.Header().Set("Connection", "close")
		} else if status != 200 {
			w.WriteHeader(status)
			s.did = append(s.did, due)
			return
		}
	}
	s.deliver(s, e)
	_, _ = io.WriteString(w, "{}")
}

// to sends an event to the sockets from number from on.
func (s *pusherServer) to(from int, e event) {
	for _, c := range s.conns[from:] {
		_, _ = c.Write(e.frame)
	}
}

// wrong notes that it did wrong with an event, for so many sockets.
func (s *pusherServer) wrong(e event, sockets int) {
	for range sockets {
		s.did = append(s.did, e.due)
	}
}

// within is how much it did wrong in a steady window.
func (s *pusherServer) within(r *Result) (n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, due := range s.did {
		if due >= r.From && due < r.End {
			n++
		}
	}
	return n
}

func write(c net.Conn, text string) { _, _ = c.Write(ws.AppendFrame(nil, ws.OpText, []byte(text))) }

// readFrame reads a client's frame.
func readFrame(r *bufio.Reader) []byte {
	head := make([]byte, 2)
	_, _ = io.ReadFull(r, head)
	size := int(head[1] & 0x7f)
	if size == 126 {
		_, _ = io.ReadFull(r, head)
		size = int(binary.BigEndian.Uint16(head))
	}
	frame := make([]byte, 4+size)
	_, _ = io.ReadFull(r, frame)
	for i := range frame[4:] {
		frame[4+i] ^= frame[i%4]
	}
	return frame[4:]
}

const sockets = 20

// play plays 100 events a second for a second, after a quarter of one.
func play(t *testing.T, s *pusherServer, change func(*Options)) *Result {
	t.Helper()
	addr, err := sys.ParseAddr(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Server: addr, ID: "1", Key: "k", Secret: "s", Publishers: 1, Patience: 500 * time.Millisecond,
		Workload: Workload{Warmup: 250 * time.Millisecond, Duration: time.Second, Groups: []Group{{Name: "fan", Sockets: sockets, Publish: Publish{Rate: 100}}}}}
	if change != nil {
		change(&o)
	}
	if err := o.Workload.Complete(); err != nil {
		t.Fatal(err)
	}
	c, err := New(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Connect(nil); err != nil {
		t.Fatal(err)
	}
	r, err := c.Play(time.Now().UnixNano())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What the harness counts is what the server did, to the last delivery.
func TestFaultsAreCounted(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]struct {
		deliver func(*pusherServer, event)
		publish func(int) int
		counted func(*GroupResult) int64 // what is compared with what the server did wrong
	}{
		"nothing wrong": {func(s *pusherServer, e event) { s.to(0, e) }, nil, func(g *GroupResult) int64 { return g.Events.Lost }},
		"loses for two sockets": {func(s *pusherServer, e event) {
			if e.number%7 == 3 {
				s.wrong(e, 2)
				s.to(2, e)
				return
			}
			s.to(0, e)
		}, nil, func(g *GroupResult) int64 { return g.Events.Lost }},
		"loses all from some time on": {func(s *pusherServer, e event) {
			if e.number > 80 {
				s.wrong(e, sockets)
				return
			}
			s.to(0, e)
		}, nil, func(g *GroupResult) int64 { return g.Events.Lost }},
		"delivers twice": {func(s *pusherServer, e event) {
			s.to(0, e)
			if e.number%5 == 1 {
				s.wrong(e, sockets-3)
				s.to(3, e)
			}
		}, nil, func(g *GroupResult) int64 { return g.Events.Duplicates }},
		"delivers out of order": {func(s *pusherServer, e event) {
			switch e.number % 10 {
			case 1:
				s.held = e
				return
			case 4: // the held one comes three events late
				s.to(0, e)
				s.wrong(s.held, sockets)
				s.to(0, s.held)
				return
			}
			s.to(0, e)
		}, nil, func(g *GroupResult) int64 { return g.Events.Disorder }},
		"refuses publishes": {func(s *pusherServer, e event) { s.to(0, e) }, func(number int) int {
			if number%4 == 2 {
				return 503
			}
			return 200
		}, func(g *GroupResult) int64 {
			if g.Events.Lost != g.Events.Failed*sockets {
				return -1
			}
			return g.Events.Failed
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, f.deliver, f.publish)
			r := play(t, s, nil)
			g := &r.Groups[0]
			if did := s.within(r); f.counted(g) != did || did == 0 && name != "nothing wrong" {
				t.Errorf("the server did wrong %d times, counted were %+v", did, g.Events)
			}
			others := g.Events
			if sum := others.Delivered + others.Lost; sum != 100*sockets || g.Events.Sent+g.Events.Failed != 100 || g.Stray != 0 {
				t.Errorf("100 events for %d sockets: %+v, %d astray", sockets, g.Events, g.Stray)
			}
			if wrong := others.Lost + others.Duplicates + others.Disorder; f.publish == nil && wrong != s.within(r) {
				t.Errorf("only one thing is wrong with this server: %+v", g.Events)
			}
			if got := g.Latency.Delivery.Count(); got != others.Delivered {
				t.Errorf("%d latencies of %d deliveries", got, others.Delivered)
			}
		})
	}
}

// A server that stalls is asked for nothing less meanwhile, and what it did not take counts from when it was due.
func TestStallIsInTheLatencies(t *testing.T) {
	t.Parallel()
	const stall = 500 * time.Millisecond
	s := newServer(t, func(s *pusherServer, e event) {
		if e.number == 50 {
			time.Sleep(stall)
		}
		s.to(0, e)
	}, nil)
	r := play(t, s, nil)
	g := &r.Groups[0]
	if g.Events.Lost != 0 || g.Events.Sent != 100 {
		t.Fatalf("%+v", g.Events)
	}
	// The 40 events that were due in the first four fifths of the stall waited for a fifth of it or longer.
	for name, h := range map[string]time.Duration{"deliveries": g.Latency.Delivery.Quantile(0.7), "publishes": g.Latency.Publish.Quantile(0.7)} {
		if h < stall/5 {
			t.Errorf("three of ten %s took no more than %v", name, h)
		}
	}
	if most := g.Latency.Delivery.Max(); most < stall {
		t.Errorf("the worst delivery took %v", most)
	}
}

// A server may end a publisher's connection with each answer, or with some.
func TestPublishersConnectAgain(t *testing.T) {
	for name, publish := range map[string]func(int) int{
		"each": func(int) int { return 0 },
		"some": func(number int) int { return min(number%10, 1) * 200 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := play(t, newServer(t, func(s *pusherServer, e event) { s.to(0, e) }, publish), func(o *Options) { o.Workload.Groups[0].Publish.Rate = 500 })
			if e := r.Groups[0].Events; e.Sent != 500 || e.Delivered != 500*sockets || e.Lost+e.Duplicates+e.Disorder+e.Failed != 0 {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestSlowServerIsSlow(t *testing.T) {
	t.Parallel()
	const delay = 30 * time.Millisecond
	r := play(t, newServer(t, func(s *pusherServer, e event) {
		time.AfterFunc(delay, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.to(0, e)
		})
	}, nil), nil)
	if g := r.Groups[0]; g.Latency.Delivery.Quantile(0) < delay-time.Millisecond || g.Events.Delivered != 100*sockets {
		t.Errorf("%v at least, %+v", g.Latency.Delivery.Quantile(0), g.Events)
	}
}

// A socket that the server closes comes back, and nothing excuses what it missed.
func TestClosedSocketsMissEvents(t *testing.T) {
	t.Parallel()
	var missed []event
	s := newServer(t, func(s *pusherServer, e event) {
		if e.number == 40 {
			_ = s.conns[0].Close()
			s.conns = s.conns[1:]
		}
		if len(s.conns) < sockets {
			missed = append(missed, e)
		}
		s.to(0, e)
	}, nil)
	r := play(t, s, func(o *Options) { o.Workload.Duration = 2 * time.Second })
	g := &r.Groups[0]
	ended := int64(0)
	for reason, n := range g.Closed {
		ended += n
		if !strings.Contains(reason, "end") && !strings.Contains(reason, "reset") {
			t.Errorf("%d times %q", n, reason)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// It is back after a second, of 100 events.
	if ended != 1 || g.Events.Lost != int64(len(missed)) || len(missed) < 99 || len(s.conns) != sockets || g.Events.Delivered+g.Events.Lost != 200*sockets {
		t.Errorf("%d sockets ended; it missed %d; %+v", ended, len(missed), g.Events)
	}
}

// Who is cut off without replay need not get what was published meanwhile, and all else it must get.
func TestDropsAreExcused(t *testing.T) {
	t.Parallel()
	r := play(t, newServer(t, func(s *pusherServer, e event) { s.to(0, e) }, nil), func(o *Options) {
		o.Workload.Groups[0].Drop = Drop{Rate: 10, Away: 100 * time.Millisecond}
	})
	g := &r.Groups[0]
	if g.Dropped != 10 || g.Returned == 0 || g.Events.Excused == 0 || g.Events.Lost+g.Events.Duplicates+g.Events.Disorder != 0 {
		t.Errorf("%d were cut, %d came back, %+v", g.Dropped, g.Returned, g.Events)
	}
	if sum := g.Events.Delivered + g.Events.Excused; sum != 100*sockets {
		t.Errorf("%d deliveries came or were excused, want %d", sum, 100*sockets)
	}
}

// A server that does not let in again who was cut off is not excused: what he missed since he is back is lost.
func TestWhoIsNotLetInAgainMissesEvents(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(s *pusherServer, e event) { s.to(0, e) }, nil, func(s *pusherServer) { s.silent = sockets })
	r := play(t, s, func(o *Options) {
		o.Workload.Duration = 2 * time.Second
		o.Workload.Groups[0].Drop = Drop{Rate: 10, Away: 100 * time.Millisecond}
	})
	g := &r.Groups[0]
	if g.Dropped == 0 || g.Returned != 0 || g.Closed["no subscription within 500ms"] == 0 || g.Events.Lost < 100 || g.Events.Delivered+g.Events.Excused+g.Events.Lost != 200*sockets {
		t.Errorf("%d were cut, %d came back, closed %v, %+v", g.Dropped, g.Returned, g.Closed, g.Events)
	}
}

// Who comes back with replay must get everything, once, and what the server does with it is counted.
func TestReplayFaultsAreCounted(t *testing.T) {
	for name, f := range map[string]struct {
		replays func(number int) int
		counted func(Tally) int64
	}{
		"right":   {nil, func(e Tally) int64 { return e.Lost + e.Duplicates + e.Disorder }},
		"loses":   {func(number int) int { return min(number%4, 1) }, func(e Tally) int64 { return e.Lost }},
		"doubles": {func(number int) int { return 2 - min(number%4, 1) }, func(e Tally) int64 { return e.Duplicates }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, func(s *pusherServer, e event) { s.to(0, e) }, nil, func(s *pusherServer) { s.replays = f.replays })
			r := play(t, s, func(o *Options) {
				o.Workload.Groups[0].Drop = Drop{Rate: 20, Away: 100 * time.Millisecond, Replay: true}
			})
			g := &r.Groups[0]
			if did := s.within(r); f.counted(g.Events) != did || did == 0 && f.replays != nil || g.Events.Delivered+g.Events.Lost != 100*sockets || g.Events.Excused+g.Events.Disorder+g.Gaps+g.NoHistory != 0 {
				t.Errorf("the server did wrong %d times, counted were %+v", did, g.Events)
			}
			if g.Replayed == 0 || g.Returned == 0 || g.Latency.CatchUp.Count() == 0 {
				t.Errorf("%d replayed, %d came back, %d caught up", g.Replayed, g.Returned, g.Latency.CatchUp.Count())
			}
		})
	}
}

func TestLostWhispersAreCounted(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(s *pusherServer, e event) { s.to(0, e) }, nil)
	r := play(t, s, func(o *Options) {
		o.Workload.Groups = []Group{{Name: "w", Kind: Private, Sockets: sockets, Whisper: Whisper{Rate: 60}}}
	})
	if w := r.Groups[0].Whispers; w.Lost != s.within(r) || w.Lost != 20*(sockets-1) || w.Delivered != 40*(sockets-1) || w.Sent != 60 || w.Duplicates+w.Disorder != 0 {
		t.Errorf("%+v, and the server lost %d", w, s.within(r))
	}
}

func TestStopEndsEarly(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(s *pusherServer, e event) { s.to(0, e) }, nil)
	addr, err := sys.ParseAddr(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	w := Workload{Duration: time.Hour, Groups: []Group{{Name: "fan", Sockets: 5, Publish: Publish{Rate: 100}}}}
	if err := w.Complete(); err != nil {
		t.Fatal(err)
	}
	var c *Crowd
	seconds := 0
	c, err = New(Options{Server: addr, ID: "1", Key: "k", Secret: "s", Workload: w}, func(Second) {
		if seconds++; seconds == 1 {
			c.Stop(time.Now().Add(100 * time.Millisecond).UnixNano())
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Connect(nil); err != nil {
		t.Fatal(err)
	}
	r, err := c.Play(time.Now().UnixNano())
	if err != nil {
		t.Fatal(err)
	}
	sent := r.Groups[0].Events.Sent
	if want := int64(time.Duration(r.End-r.From) / (10 * time.Millisecond)); sent < want || sent > want+1 || r.Groups[0].Events.Delivered != 5*sent || r.Groups[0].Events.Lost != 0 {
		t.Errorf("%d events in %v: %+v", sent, time.Duration(r.End-r.From), r.Groups[0].Events)
	}
}

// A proxy may end a connection that is idle with an answer to nothing.
func TestAnswerToNothingIsAnError(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(s *pusherServer, e event) { s.to(0, e) }, nil)
	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close() //nolint:errcheck // a test's
	go func() {
		for {
			conn, err := proxy.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 408 Request Time-out\r\nContent-Length: 0\r\n\r\n")
		}
	}()
	w := Workload{Duration: time.Second, Groups: []Group{{Name: "fan", Sockets: 5, Publish: Publish{Rate: 1}}}}
	server, err1 := sys.ParseAddr(s.Listener.Addr().String())
	api, err2 := sys.ParseAddr(proxy.Addr().String())
	if err := errors.Join(err1, err2, w.Complete()); err != nil {
		t.Fatal(err)
	}
	c, err := New(Options{Server: server, API: api, ID: "1", Key: "k", Secret: "s", Workload: w}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err = c.Connect(nil); err == nil {
		_, err = c.Play(time.Now().Add(200 * time.Millisecond).UnixNano())
	}
	if err == nil || !strings.Contains(err.Error(), "408 Request Time-out") || !strings.HasSuffix(err.Error(), "nothing was asked") {
		t.Error(err)
	}
}

func TestServerThatRefusesIsAnError(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	addr, err := sys.ParseAddr(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	w := Workload{Duration: time.Second, Groups: []Group{{Name: "fan", Sockets: 5}}}
	if err := w.Complete(); err != nil {
		t.Fatal(err)
	}
	c, err := New(Options{Server: addr, Workload: w}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Connect(nil); err == nil || !strings.Contains(err.Error(), "of 5 sockets could subscribe") || !strings.Contains(err.Error(), "404") {
		t.Error(err)
	}
}

// Who is closed by a server goes on to the others, and who they do not let in goes on to the next of them.
func TestClosedSocketsGoOn(t *testing.T) {
	seats := make([]conn, 4)
	c := &Crowd{o: Options{Server: sys.Addr{Port: 1}, Others: []sys.Addr{{Port: 2}, {Port: 3}}}, conns: seats}
	for failed, want := range [][4]int{{1, 1, 1, 1}, {3, 2, 3, 2}, {2, 3, 2, 3}} {
		for id := range seats {
			seats[id].failed = failed
			if got := c.server(int32(id)).Port; got != want[id] {
				t.Errorf("seat %d, closed %d times: server %d, want %d", id, failed, got, want[id])
			}
		}
	}
	c.o.Others = nil
	if got := c.server(0).Port; got != 1 {
		t.Errorf("without others: server %d", got)
	}
}
