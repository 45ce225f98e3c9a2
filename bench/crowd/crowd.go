package crowd

import (
	"errors"
	"time"

	"resound/bench/hist"
	"resound/bench/sys"
	"resound/bench/wire"
)

// Options is what a crowd connects to, and its part in the play.
type Options struct {
	Server sys.Addr
	API    sys.Addr // where it takes publishes; Server if it has no port
	// Others are servers that are one with Server: who is closed or refused by one goes on to the next of them, as behind a
	// balancer that takes a server out. Without any, everybody comes back to Server.
	Others          []sys.Addr
	Host, APIHost   string // the names that requests carry; the addresses if they are ""
	ID, Key, Secret string // of the application
	Path            string // prefix of the server's paths, or ""

	Workload Workload
	Part     int // this process's number
	Parts    int // of so many; 0 is 1

	Publishers int           // kept-alive HTTP connections of this process; 0 is 4
	Parallel   int           // connections that are on their way at the same time, at first; 0 is 200
	Patience   time.Duration // how long nothing may happen while something has to; 0 is 5 s
}

// The states of a conn.
const (
	away = iota // not there: cut off, closed by the server, or not yet dialled
	connecting
	upgrading
	greeting    // waits for pusher:connection_established
	subscribing // waits for subscription_succeeded of each channel
	ready
)

// conn is a seat of a group, which one socket after another may have.
type conn struct {
	fd     int32
	state  uint8
	cut    bool  // the last socket was cut off on purpose
	waits  int32 // subscriptions that are not answered
	times  int32 // sockets that had the seat and left for good
	socket int   // its number in the group
	group  *group
	begun  int64 // when it was dialled, Unix time in nanoseconds
	asked  int64 // when the upgrade was sent
	failed int   // sockets that a server closed or refused
	ended  int64 // when the last of those that was ready was closed, until there is another that is; Unix time in nanoseconds
	id     string
	subs   []sub
	rest   []byte // the start of a frame, or of the answer to the upgrade
}

// sub is the subscription of a seat to a channel.
type sub struct {
	since    int64 // when it was accepted, Unix time in nanoseconds; 0 if it is not
	events   tracker
	whispers tracker
	fresh    bool   // nothing has come since: what was due before may come or not
	resumed  bool   // it goes on from where the last one was: what was due before is replayed
	told     bool   // of a gap: the next event may be any
	goal     uint32 // it has caught up when it has all events below
	behind   bool   // and has not
	excused  span   // events that need not have come while it was away
	least    uint32 // the first that may come, when it is fresh
	had      bool   // it is not the first of its socket
	epoch    string // of its position, as the server gave it; "" if it gave none
	serial   uint64 // the newest event that it has
}

// group is a Group that is played.
type group struct {
	Group
	number int
	seats  []int32 // those of this process, as numbers of conns
	turn   int     // the next of them to leave or to be cut off
	first  int32   // its first channel
	churns schedule
	drops  schedule
	GroupResult
}

// Crowd is the sockets. Make it with New.
type Crowd struct {
	o          Options
	poller     sys.Poller
	polled     []sys.Event
	room       []byte
	out        []byte
	groups     []*group
	channels   []channel
	conns      []conn
	leavers    map[int32]int32 // descriptors of sockets that wait for the server's farewell, by their id
	leaver     int32           // the id of the next
	publishers []*publisher
	signer     *wire.Signer
	pacer      pacer
	inputs     []func() error

	begin, from, end int64 // of the warm-up, of the steady window, and of both; Unix time in nanoseconds
	now              int64 // when the socket was read that is being handled
	arrived          int64 // when anything last came that was waited for
	dials            int
	dialling         int   // conns that are on their way
	open             int   // conns that are ready
	missing          int64 // events that have not come although later ones have
	stopped          bool
	second           Second
	report           func(Second)
	late             *hist.Histogram
	err              error // the first thing that ends the run
}

// The ids that the poller gives what is no conn: publishers, inputs and leavers, downwards.
const (
	idPublisher = -1 - iota<<16
	idInput
	idLeaver
)

// ErrStopped says that a crowd was stopped before it had begun.
var ErrStopped = errors.New("stopped")

// New makes a crowd without sockets. Its workload has to be complete. report is given the figures of each second
// that is over.
func New(o Options, report func(Second)) (*Crowd, error) {
	for _, d := range []struct {
		v *int
		n int
	}{{&o.Parts, 1}, {&o.Publishers, 4}, {&o.Parallel, 200}} {
		if *d.v <= 0 {
			*d.v = d.n
		}
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
	if o.Patience <= 0 {
		o.Patience = 5 * time.Second
	}
	p, err := sys.NewPoller()
	if err != nil {
		return nil, err
	}
	c := &Crowd{o: o, poller: p, polled: make([]sys.Event, 256), room: make([]byte, 256<<10), signer: wire.NewSigner(o.Key, o.Secret),
		leavers: map[int32]int32{}, leaver: idLeaver, report: report, late: hist.New()}
	for i, g := range o.Workload.Groups {
		c.addGroup(i, g)
	}
	return c, nil
}

// addGroup makes a group's channels, and this process's seats in it.
func (c *Crowd) addGroup(number int, from Group) {
	g := &group{Group: from, number: number, first: int32(len(c.channels)), GroupResult: NewGroupResult(from.Name)}
	c.groups = append(c.groups, g)
	for i := range g.Channels {
		c.channels = append(c.channels, channel{name: g.channel(i), group: g, local: i})
	}
	for i := c.o.Part; i < g.Sockets; i += c.o.Parts {
		g.seats = append(g.seats, int32(len(c.conns)))
		c.conns = append(c.conns, conn{group: g, socket: i, subs: make([]sub, g.Subscribe)})
	}
}

// channelOf is the channel of a seat's subscription.
func (c *Crowd) channelOf(s *conn, place int) *channel {
	return &c.channels[int(s.group.first)+s.group.subscribed(s.socket, place)]
}

// Watch calls f when fd can be read, from within the phases.
func (c *Crowd) Watch(fd int, f func() error) error {
	c.inputs = append(c.inputs, f)
	return c.poller.Add(fd, idInput-int32(len(c.inputs)-1), sys.In)
}

// poll handles what has happened, once; it waits for up to a time for anything to happen.
func (c *Crowd) poll(wait time.Duration) error {
	n, err := c.poller.WaitFor(c.polled, wait)
	if err != nil {
		return err
	}
	c.now = time.Now().UnixNano()
	for _, e := range c.polled[:n] {
		switch {
		case e.Fd >= 0:
			c.happened(e.Fd, e.Events)
		case e.Fd > idInput:
			c.publishers[idPublisher-e.Fd].happened(c, e.Events)
		case e.Fd > idLeaver:
			if err := c.inputs[idInput-e.Fd](); err != nil {
				c.fail(err)
			}
		default:
			c.farewell(e.Fd)
		}
	}
	return c.err
}

// fail keeps the first error.
func (c *Crowd) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// happened handles a seat's socket.
func (c *Crowd) happened(id int32, what uint32) {
	s := &c.conns[id]
	switch {
	case s.state == away:
		return
	case s.state == connecting:
		c.connected(id, s)
		return
	case what&(sys.In|sys.Failed) == 0:
		return
	}
	n, again, err := sys.Read(int(s.fd), c.room)
	c.now = time.Now().UnixNano()
	switch {
	case again:
	case err != nil:
		c.lost(id, s, err.Error())
	case n == 0:
		c.lost(id, s, "end")
	case s.state == upgrading:
		c.upgraded(id, s, c.room[:n])
	default:
		c.frames(id, s, c.room[:n])
	}
}

// frames handles the frames of what was read and keeps the start of the next.
func (c *Crowd) frames(id int32, s *conn, b []byte) {
	if c.steady(c.now) {
		s.group.Bytes += int64(len(b))
	}
	fd := s.fd
	rest := wire.Frames(s.rest, b, func(frame []byte, header int) bool {
		c.handle(id, s, frame, header)
		return s.fd == fd
	})
	if s.fd == fd {
		s.rest = rest
	}
}

// steady says whether what was due at a time counts.
func (c *Crowd) steady(t int64) bool { return t >= c.from && t < c.end && c.from != 0 }

// window is the events of a stream that count.
func (c *Crowd) window(s schedule) span { return span{s.before(c.from), s.before(c.end)} }

// Close closes all sockets.
func (c *Crowd) Close() {
	for i := range c.conns {
		if s := &c.conns[i]; s.state != away {
			sys.Reset(int(s.fd))
			sys.Close(int(s.fd))
			s.state = away
		}
	}
	for _, fd := range c.leavers {
		sys.Close(int(fd))
	}
	for _, p := range c.publishers {
		p.close()
	}
	c.poller.Close()
}
