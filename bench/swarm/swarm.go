package swarm

import (
	"fmt"
	"time"

	"resound/bench/sys"
	"resound/bench/wire"
)

// Options is what a swarm connects to and how.
type Options struct {
	Server sys.Addr
	API    sys.Addr // where it takes publishes; Server if it has no port
	// Host and APIHost are the names that requests carry; the addresses if they are "".
	Host, APIHost string
	// Others are more servers that are one with Server: with n of them, every channel has an (n+1)th of its sockets on each.
	Others []sys.Addr
	// Silent sockets connect and send nothing: the server is the raw baseline, which
	// takes orders at Control, if that has a port.
	Silent  bool
	Control sys.Addr

	ID, Key, Secret string // of the application
	Path            string // prefix of the server's paths, or ""

	// Channels: socket i is subscribed to number i % len(Channels), or with
	// Members, which fills one channel after the other, to i / Members % len(Channels).
	Channels []string
	Members  int
	UserInfo int // bytes of user_info of a member of a presence channel
	First    int // the user that the first socket is on a presence channel; the next one is the next
	// Further is how many more channels each socket is subscribed to, at most 65,535; nothing happens on them, and
	// nothing may be published before all are subscribed.
	Further int

	Parallel   int     // connections that are on their way at the same time; 0 is 200
	Ramp       float64 // dials a second; 0 is as many as can be
	Publishers int     // kept-alive HTTP connections that publish; 0 is 1
	Payload    int     // bytes of an event's data, at least 16

	// Foreign says that another swarm publishes: a socket counts from the first event it gets.
	Foreign bool
	// ReceiveBuffer is the kernel's buffer of a socket in bytes; 0 leaves it alone.
	ReceiveBuffer int

	// Patience is how long nothing may happen while something has to; 0 is 10 s.
	Patience time.Duration
}

// The states of a conn.
const (
	connecting = iota
	upgrading
	greeting    // waits for pusher:connection_established
	subscribing // waits for pusher_internal:subscription_succeeded
	ready
	paused // ready, and not read
	closed
)

type conn struct {
	fd    int32
	state uint8
	began bool   // has had an event
	more  uint16 // further channels that it asked for
	got   uint32 // events
	sum   uint32 // of their numbers, mixed
	rest  []byte // the start of a frame, or of the answer to the upgrade
	begun int64  // when it was dialled, in nanoseconds since the swarm began
}

// Counts is what has happened to a swarm since it was made.
type Counts struct {
	Ready     int            // sockets that are connected and subscribed now
	Delivered int64          // events
	Refused   int            // dials that failed
	Closed    map[string]int // sockets that the server closed, by close code or reason
	Pings     int64          // answered
	Other     int64          // frames that are none of the above
	Hangups   int64          // publishers' connections that the server closed
}

// Swarm is the sockets. Make it with New.
type Swarm struct {
	Counts

	o         Options
	poller    sys.Poller
	events    []sys.Event
	room      []byte
	out       []byte
	conns     []conn
	open      int // conns on their way
	begun     time.Time
	signer    *wire.Signer
	counts    []uint32 // events published, by channel
	sums      []uint32 // of their numbers, mixed
	readers   []int64  // sockets that are subscribed and read, by channel
	pubs      []*publisher
	pipelines bool // the last answer to a publish left its connection open
	control   int  // to raw, or -1
	turn      int  // the channel of the next event
	frame     int  // bytes of the newest event on the wire, or 0
	inputs    []func() error
	err       error // the first thing that must not happen

	answer  func(p *publisher)  // told of each answer to a publish, if not nil
	arrived func(number uint32) // told of each event, if not nil
	took    []int64             // of each dial until ready, in nanoseconds
}

// The ids that a poller gives what is no conn.
const (
	idPublisher = -1 - iota<<16
	idInput
	idControl
)

// New makes a swarm without sockets.
func New(o Options) (*Swarm, error) {
	if o.Parallel == 0 {
		o.Parallel = 200
	}
	if o.Publishers == 0 {
		o.Publishers = 1
	}
	if o.Patience == 0 {
		o.Patience = 10 * time.Second
	}
	if o.Host == "" {
		o.Host = o.Server.String()
	}
	if o.API.Port == 0 {
		o.API, o.APIHost = o.Server, o.Host
	}
	if o.APIHost == "" {
		o.APIHost = o.API.String()
	}
	if o.Payload < minPayload {
		o.Payload = minPayload
	}
	if len(o.Channels) == 0 {
		o.Channels = []string{"fan"}
	}
	p, err := sys.NewPoller()
	if err != nil {
		return nil, err
	}
	s := &Swarm{
		Counts: Counts{Closed: map[string]int{}}, o: o, poller: p, begun: time.Now(), signer: wire.NewSigner(o.Key, o.Secret),
		events: make([]sys.Event, 512), room: make([]byte, 256<<10), counts: make([]uint32, len(o.Channels)), sums: make([]uint32, len(o.Channels)), readers: make([]int64, len(o.Channels)), control: -1,
	}
	if o.Control.Port != 0 {
		err = s.dialControl()
	}
	return s, err
}

// channelOf is the number of a socket's channel.
func (s *Swarm) channelOf(id int) int {
	if s.o.Members > 0 {
		id /= s.o.Members
	}
	return id % len(s.counts)
}

func (s *Swarm) raw() bool { return s.o.Silent }

// FrameLen is the bytes of one event on the wire, as the server sent the last; 0 before it did.
func (s *Swarm) FrameLen() int { return s.frame }

// Watch calls f when fd can be read, from within Poll.
func (s *Swarm) Watch(fd int, f func() error) error {
	s.inputs = append(s.inputs, f)
	return s.poller.Add(fd, idInput-int32(len(s.inputs)-1), sys.In)
}

// Poll handles what has happened, once; it waits for up to timeout ms for
// anything to happen, without limit for -1. It says how many events it handled.
func (s *Swarm) Poll(timeout int) (int, error) {
	n, err := s.poller.Wait(s.events, timeout)
	if err != nil {
		return 0, err
	}
	for _, e := range s.events[:n] {
		switch {
		case e.Fd >= 0:
			s.happened(e.Fd, e.Events)
		case e.Fd > idInput:
			s.pubs[idPublisher-e.Fd].happened(s, e.Events)
		case e.Fd > idControl:
			if err := s.inputs[idInput-e.Fd](); err != nil {
				s.fail(err)
			}
		default:
			s.fail(fmt.Errorf("the baseline has ended"))
		}
	}
	return n, s.err
}

// fail keeps the first error.
func (s *Swarm) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

func (s *Swarm) happened(id int32, what uint32) {
	c := &s.conns[id]
	if c.state == connecting {
		s.connected(id, c)
		return
	}
	if what&(sys.In|sys.Failed) == 0 || c.state == closed {
		return
	}
	n, again, err := sys.Read(int(c.fd), s.room)
	switch {
	case again:
	case err != nil:
		s.lost(id, c, err.Error())
	case n == 0:
		s.lost(id, c, "end")
	case c.state >= greeting:
		s.frames(id, c, s.room[:n])
	default:
		s.upgraded(id, c, s.room[:n])
	}
}

// lost is the end of a socket that its own side did not want.
func (s *Swarm) lost(id int32, c *conn, reason string) {
	if c.state == closed {
		return
	}
	switch {
	case c.state < ready:
		s.open--
		s.Refused++
	case c.state == ready:
		s.readers[s.channelOf(int(id))]--
		s.Ready--
	default:
		s.Ready--
	}
	s.Closed[reason]++
	s.drop(c)
}

func (s *Swarm) drop(c *conn) {
	sys.Close(int(c.fd))
	c.state, c.rest = closed, nil
}

// Pause stops reading the first n sockets, if on, or reads them again.
func (s *Swarm) Pause(n int, on bool) error {
	for id := range s.conns[:min(n, len(s.conns))] {
		c := &s.conns[id]
		from, to, watch, more := uint8(ready), uint8(paused), uint32(0), int64(-1)
		if !on {
			from, to, watch, more = paused, ready, sys.In, 1
		}
		if c.state != from {
			continue
		}
		if !on && s.o.ReceiveBuffer > 0 {
			sys.SetReceive(int(c.fd), 1<<20) // what waits for it is to come at once
		}
		if err := s.poller.Change(int(c.fd), int32(id), watch); err != nil {
			return err
		}
		c.state = to
		s.readers[s.channelOf(id)] += more
	}
	return nil
}

// Leave closes every socket, and forgets them.
func (s *Swarm) Leave() {
	for i := range s.conns {
		if c := &s.conns[i]; c.state != closed {
			sys.Reset(int(c.fd))
			s.drop(c)
		}
	}
	s.conns, s.Ready, s.open = s.conns[:0], 0, 0
	clear(s.readers)
}

// Close ends the swarm.
func (s *Swarm) Close() {
	s.Leave()
	for _, p := range s.pubs {
		if p.fd != hungUp {
			sys.Close(p.fd)
		}
	}
	if s.control >= 0 {
		sys.Close(s.control)
	}
	s.poller.Close()
}

// Wait polls for so long.
func (s *Swarm) Wait(d time.Duration) error {
	for end := time.Now().Add(d); ; {
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		if _, err := s.Poll(int(left.Milliseconds()) + 1); err != nil {
			return err
		}
	}
}

// check says whether every socket that is still there has every event of its channel.
func (s *Swarm) check() error {
	missing := 0
	for i := range s.conns {
		if c := &s.conns[i]; c.state == ready && (c.got != s.counts[s.channelOf(i)] || c.sum != s.sums[s.channelOf(i)]) {
			missing++
		}
	}
	if missing != 0 {
		return fmt.Errorf("%d of %d sockets did not get every event", missing, len(s.conns))
	}
	return nil
}
