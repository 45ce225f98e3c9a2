package redisbroker

import (
	"context"
	"math/rand/v2"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"resound/channels"
	"resound/persist"
)

// Broker is a channels.Broker over Redis. Make one with New.
type Broker struct {
	opt      Options
	receiver channels.Receiver
	parts    []*partition
	ctx      context.Context // of all that a broker runs
	stop     context.CancelFunc
	wg       sync.WaitGroup

	clientMu sync.Mutex
	client   rueidis.Client

	inbox     uint64 // names this broker, whatever node it is
	joined    atomic.Bool
	changing  sync.Mutex // held while joined changes
	closed    bool       // guarded by changing: joined is false for good
	ids       ids
	warned    atomic.Bool        // about how Redis is set up
	unwritten atomic.Bool        // Redis has refused records: they are noted anew when it does not
	kick      chan struct{}      // of capacity 1: the supervisor has something to look at
	refreshes chan chan struct{} // who wants to know who is alive
	questions chan question
	room      room
	keeps     keeps
	sealers   sealers
	roll      roll
	surveys   surveys
	stats     counters

	mu         sync.Mutex
	up         []bool      // by partition
	since      []time.Time // the partition is down
	cause      error       // the newest trouble
	unsettled  bool        // the Receiver has to be told that what it knows may be old
	told       string      // the trouble that was logged
	toldAt     time.Time
	complained time.Time // when something was logged that Redis did not like

	// Of the supervisor alone.
	registered bool // this node has had a lease
	silenced   bool // Redis refuses to renew it
	nextBeat   time.Time
	alone      time.Time // since when not joined
	nextNote   time.Time // before which the Receiver is not told that something could not be noted
	noteWait   time.Duration
	forgotten  bool            // all others are gone
	before     channels.NodeID // what this node was until it got its present id, or 0
}

var _ channels.Broker = (*Broker)(nil)

// New checks options and makes a broker, which does nothing until Start.
func New(o Options) (*Broker, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	b := &Broker{
		opt:       o,
		inbox:     1 + rand.Uint64N(1<<63),
		kick:      make(chan struct{}, 1),
		refreshes: make(chan chan struct{}),
		questions: make(chan question, maxQuestions),
		sealers:   sealers{secret: o.Secret},
	}
	b.roll.init()
	b.surveys.open = map[uint64]*survey{}
	b.ctx, b.stop = context.WithCancel(context.Background())
	n := 1
	if o.Cluster {
		n = partitions
	}
	b.up, b.since = make([]bool, n), make([]time.Time, n)
	for i := range n {
		b.parts = append(b.parts, newPartition(b, i))
		b.since[i] = time.Now()
	}
	b.ids.set(o.Node)
	return b, nil
}

// Start connects in the background, and brings things to r from then on. It is called once.
func (b *Broker) Start(r channels.Receiver) {
	b.receiver = r
	b.alone = time.Now()
	for _, p := range b.parts {
		b.spawn("partition", func() { p.run(b.ctx) })
	}
	b.spawn("supervisor", b.supervise)
	b.spawn("answers", func() { b.answer(b.ctx) })
}

// spawn starts a goroutine that Close waits for, and that ends with b.ctx at the latest.
func (b *Broker) spawn(what string, f func()) {
	b.wg.Go(func() {
		pprof.Do(b.ctx, pprof.Labels("redis", what), func(context.Context) { f() })
	})
}

// Close sends what waits while ctx lasts, says bye, and returns when nothing is brought any more. What is published
// meanwhile fails.
func (b *Broker) Close(ctx context.Context) {
	b.drain(ctx)
	b.changing.Lock()
	b.closed = true
	joined := b.joined.Swap(false)
	b.changing.Unlock()
	for _, p := range b.parts {
		p.queue.close()
		p.mu.Lock()
		p.broadcast()
		p.mu.Unlock()
	}
	if s := b.parts[0].current(); joined && s != nil && ctx.Err() == nil {
		b.bye(s)
	}
	b.stop()
	b.wg.Wait()
	b.clientMu.Lock()
	if b.client != nil {
		b.client.Close()
	}
	b.clientMu.Unlock()
}

// Joined implements channels.Broker.
func (b *Broker) Joined() bool { return b.joined.Load() }

// Log implements channels.Broker. Before the first connection it is zero.
func (b *Broker) Log(app, topic string) persist.LogID { return b.of(app, topic).logID() }

func (b *Broker) of(app, topic string) *partition {
	return b.parts[partitionOf(app, topic, len(b.parts))]
}

func (b *Broker) newID() uint64 { return rand.Uint64() }
