package redisbroker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"resound/persist"
)

// session is one connection of a partition: what it hears comes on it, and all its commands go out on it. So they are of
// one run of one server, the one whose run id the log belongs to.
type session struct {
	p       *partition
	redis   rueidis.DedicatedClient
	ctx     context.Context
	end     context.CancelCauseFunc
	lost    <-chan error // of rueidis: when the connection is
	run     string       // of the server
	address string       // with Sentinel
	sharded bool         // whether topics are those of the slot's master only

	mu   sync.Mutex // held while the Receiver is called
	dead bool       // nothing may be brought any more
}

var errElsewhere = errors.New("another server is the master now")

// connect makes a session that hears what the partition wants to hear, and knows its log.
func (p *partition) connect(ctx context.Context) (*session, error) {
	client, err := p.b.redis()
	if err != nil {
		return nil, err
	}
	s := &session{p: p}
	s.ctx, s.end = context.WithCancelCause(ctx)
	s.address = p.b.address(client)
	s.redis, _ = client.Dedicate()
	if err := s.greet(client); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *session) greet(client rueidis.Client) error {
	p := s.p
	// In a cluster the first command's key says which master it is.
	if err := s.do(s.redis.B().Exists().Key(p.names.log()).Build()).Error(); err != nil {
		return err
	}
	s.lost = s.redis.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: s.onMessage, OnSubscription: s.onSubscription})
	// What goes out in the place of PING has to work, see wire.
	if err := s.do(s.redis.B().Echo().Message("PONG").Build()).Error(); err != nil {
		return err
	}
	text, err := s.do(s.redis.B().Info().Section("server").Build()).ToString()
	if err != nil {
		return err
	}
	srv, err := parseInfo(text)
	if err != nil {
		return err
	}
	s.run, s.sharded = srv.run, p.b.opt.Cluster && srv.major >= 7
	if p.index == 0 {
		if err := s.warn(); err != nil {
			return err
		}
	}
	if err := s.loadScripts(); err != nil {
		return err
	}
	own := []string{p.names.control()}
	if p.index == 0 {
		own = append(own, p.names.inbox(p.b.inbox))
	}
	if err := s.do(s.subscribe(own)).Error(); err != nil {
		return err
	}
	p.forgetSubscribed()
	if err := s.reconcile(); err != nil {
		return err
	}
	if p.b.address(client) != s.address {
		return errElsewhere
	}
	return s.begin()
}

// warn says once if Redis may drop keys of ours to make room for others.
func (s *session) warn() error {
	text, err := s.do(s.redis.B().Info().Section("memory").Build()).ToString()
	if err == nil && mayEvict(text) && !s.p.b.warned.Swap(true) {
		s.p.b.opt.Log.Warn("redis: maxmemory-policy is not noeviction: when Redis is full, it drops what was kept, and channels have gaps")
	}
	return err
}

// begin asks which log it is, and begins one if need be.
func (s *session) begin() error {
	p := s.p
	was := p.logID()
	var known string
	if was != (persist.LogID{}) {
		known = string(was[:])
	}
	id, at, err := s.beginBehind(known)
	if err == nil && id != was && p.acked.Swap(0) > at {
		// This one had begun when the other, with another master, still took what was published here. Nobody who has heard only this one knows of
		// that, and nobody knows on which channels it was: one that is later than both tells everybody.
		id[len(id)-1] ^= 1
		id, _, err = s.beginBehind(string(id[:]))
	}
	if err != nil {
		return fmt.Errorf("finding the log: %w", err)
	}
	p.setLog(id)
	return nil
}

// beginBehind returns the partition's log, which is known, or later, and when it began, by Redis's clock in ms.
func (s *session) beginBehind(known string) (id persist.LogID, at int64, err error) {
	p := s.p
	var random [4]byte
	binary.BigEndian.PutUint32(random[:], rand.Uint32())
	list, err := s.do(scriptBegin.cmd(s.redis.B(), []string{p.names.log()}, s.run, string(random[:]), known, s.publishVerb(), p.names.control())).ToArray()
	if err != nil {
		return id, 0, err
	}
	if len(list) != 3 {
		return id, 0, errAnswer
	}
	text, err := list[0].ToString()
	if err != nil || len(text) != len(id) {
		return id, 0, errAnswer
	}
	when, err := list[2].ToString()
	if err != nil {
		return id, 0, errAnswer
	}
	at, _ = strconv.ParseInt(when, 10, 64) // garbage is as early as can be: another log begins
	if n, _ := list[1].AsInt64(); n == 1 {
		p.b.stats.logs.Add(1)
	}
	return persist.LogID([]byte(text)), at, nil
}

func (s *session) publishVerb() string {
	if s.sharded {
		return "SPUBLISH"
	}
	return "PUBLISH"
}

func (s *session) publish(topic string, message []byte) rueidis.Completed {
	if s.sharded {
		return s.redis.B().Spublish().Channel(topic).Message(rueidis.BinaryString(message)).Build()
	}
	return s.redis.B().Publish().Channel(topic).Message(rueidis.BinaryString(message)).Build()
}

func (s *session) subscribe(topics []string) rueidis.Completed {
	if s.sharded {
		return s.redis.B().Ssubscribe().Channel(topics...).Build()
	}
	return s.redis.B().Subscribe().Channel(topics...).Build()
}

func (s *session) unsubscribe(topics []string) rueidis.Completed {
	if s.sharded {
		return s.redis.B().Sunsubscribe().Channel(topics...).Build()
	}
	return s.redis.B().Unsubscribe().Channel(topics...).Build()
}

func (s *session) timeout() (context.Context, context.CancelFunc) {
	return context.WithTimeout(s.ctx, s.p.b.opt.Grace)
}

// do runs a command. One that gets no answer in time, or one that says that this is no master, is the end of the session.
func (s *session) do(cmd rueidis.Completed) rueidis.RedisResult {
	ctx, cancel := s.timeout()
	defer cancel()
	began := time.Now()
	r := s.redis.Do(ctx, cmd)
	if err := r.Error(); judge(err) == lost {
		s.fail(err, began)
	}
	return r
}

// fail ends the session; since is when the trouble began. Only the first counts.
func (s *session) fail(err error, since time.Time) {
	s.end(&sessionError{err, since})
}

type sessionError struct {
	error
	since time.Time
}

func (e *sessionError) Unwrap() error { return e.error }

// close returns when nothing will be brought any more. The connection ends behind it: rueidis waits up to a second for an
// answer on it.
func (s *session) close() {
	s.end(&sessionError{context.Canceled, time.Now()})
	s.mu.Lock()
	s.dead = true
	s.mu.Unlock()
	s.p.b.spawn("hang-up", s.redis.Close)
}

// onMessage runs on the goroutine of rueidis that reads the connection.
func (s *session) onMessage(m rueidis.PubSubMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.dead {
		s.p.receive(m.Channel, []byte(m.Message))
	}
}

// onSubscription runs there too. Redis unsubscribes by itself when a slot goes to another master.
func (s *session) onSubscription(m rueidis.PubSubSubscription) {
	if m.Kind == "sunsubscribe" && s.p.hears(m.Channel) {
		s.fail(errElsewhere, time.Now())
	}
}
