package channels

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"resound/protocol"
)

// model drives a node with random operations and says beforehand who gets what. Everything runs on
// one goroutine, so the order in which channels are spoken to is the order of the operations.
type model struct {
	*testNode
	rng     *rand.Rand
	sockets []*modelSocket
	rooms   map[string]*modelRoom
	said    int // numbers what is published
	skipped int // deliveries that were on their way to somebody who left
	done    int // deliveries that were checked
}

// modelRoom is what the model knows of a channel: who is on it, and which users, in no order.
type modelRoom struct {
	name string
	on   map[*modelSocket]*stay
}

// stay is the time between a subscription and its end: what has to come, and what came.
type stay struct {
	user      string
	want, got []string
	floor     int // so many of want have to have come if the socket is terminated
}

type modelSocket struct {
	*testSocket
	m      *model
	stays  map[string]*stay
	rolls  []string // answers to subscriptions, which come at once
	doomed bool     // is to be terminated
}

var modelChannels = []string{"a", "b", "private-c", "presence-d", "presence-e"}

func newModel(t *testing.T, slots int, seed uint64) *model {
	m := &model{testNode: newNode(t, slots), rng: rand.New(rand.NewPCG(seed, uint64(slots))), rooms: map[string]*modelRoom{}}
	for _, name := range modelChannels {
		m.rooms[name] = &modelRoom{name: name, on: map[*modelSocket]*stay{}}
	}
	for range 20 {
		m.sockets = append(m.sockets, m.open())
	}
	return m
}

func (m *model) open() *modelSocket {
	s := &modelSocket{testSocket: m.socket(m.rng.IntN(len(m.loops))), m: m, stays: map[string]*stay{}}
	s.onSend, s.onEnd = s.take, func(err *protocol.Error) { m.close(s, err) }
	return s
}

// take checks a frame when it comes: it has to be the next that the model wants.
func (s *modelSocket) take(payload string) {
	if strings.HasPrefix(payload, `{"event":"pusher_internal:subscription_succeeded"`) {
		s.rolls = append(s.rolls, payload)
		return
	}
	_, channel, _ := strings.Cut(payload, `"channel":"`)
	channel, _, _ = strings.Cut(channel, `"`)
	st := s.stays[channel]
	if st == nil {
		s.n.t.Fatalf("%v is not on %s and gets %s", s.id, channel, payload)
	}
	if len(st.got) >= len(st.want) || st.want[len(st.got)] != payload {
		s.n.t.Fatalf("%v on %s:\n got %s\nas number %d of %v", s.id, channel, payload, len(st.got), st.want)
	}
	st.got = append(st.got, payload)
	s.m.done++
}

// tell makes a frame part of what everybody on the channel has to get, but one.
func (r *modelRoom) tell(payload string, except *modelSocket) {
	for s, st := range r.on {
		if s != except {
			st.want = append(st.want, payload)
		}
	}
}

func (r *modelRoom) sockets(user string) (count int) {
	for _, st := range r.on {
		if st.user == user {
			count++
		}
	}
	return count
}

// users returns the users of a presence channel, sorted.
func (r *modelRoom) users() []string {
	var list []string
	for _, st := range r.on {
		if st.user != "" && !slices.Contains(list, st.user) {
			list = append(list, st.user)
		}
	}
	slices.Sort(list)
	return list
}

func (m *model) subscribe(s *modelSocket, r *modelRoom) {
	user, data := "", ""
	if strings.HasPrefix(r.name, "presence-") {
		user = fmt.Sprint(m.rng.IntN(6))
		data = `{"user_id":` + user + `}`
	}
	st := r.on[s]
	if st != nil && st.user != user {
		m.changeUser(r, s, "")
	}
	if st == nil {
		st = &stay{}
		s.stays[r.name] = st
	}
	if user != "" && r.sockets(user) == 0 {
		r.tell(addedFrame(r.name, data), s)
	}
	r.on[s], st.user = st, user
	s.rolls = nil
	s.testSocket.subscribe(r.name, data)
	m.checkRoll(s, r)
}

// changeUser takes the socket's user off the channel, for another or for none.
func (m *model) changeUser(r *modelRoom, s *modelSocket, next string) {
	st := r.on[s]
	was := st.user
	st.user = next
	if was != "" && r.sockets(was) == 0 {
		r.tell(removedFrame(r.name, was), s)
	}
}

// checkRoll checks the answer to a subscription, which came at once.
func (m *model) checkRoll(s *modelSocket, r *modelRoom) {
	if len(s.rolls) != 1 {
		m.t.Fatalf("%v has %d answers to one subscription", s.id, len(s.rolls))
	}
	if users := r.users(); len(users) > 0 {
		_, ids, _ := strings.Cut(s.rolls[0], `\"ids\":[`)
		ids, _, _ = strings.Cut(ids, `]`)
		got := strings.Split(ids, ",")
		slices.Sort(got)
		if !slices.Equal(got, users) {
			m.t.Fatalf("%v on %s is told of %v, there are %v", s.id, r.name, got, users)
		}
	} else if s.rolls[0] != succeededFrame(r.name) {
		m.t.Fatalf("%v on %s: %s", s.id, r.name, s.rolls[0])
	}
}

// leave ends a stay in the model.
func (m *model) leave(s *modelSocket, r *modelRoom) {
	st := r.on[s]
	if st == nil {
		return
	}
	m.skipped += len(st.want) - len(st.got)
	m.changeUser(r, s, "")
	delete(r.on, s)
	delete(s.stays, r.name)
}

// close ends all stays of a socket, in the order in which the channels are left, and opens another in its place.
func (m *model) close(s *modelSocket, err *protocol.Error) {
	for name, st := range s.stays {
		if err == protocol.ErrTerminated && len(st.got) < st.floor {
			m.t.Fatalf("%v on %s was terminated with %d of %d events that came before", s.id, name, len(st.got), st.floor)
		}
	}
	for _, name := range modelChannels {
		m.leave(s, m.rooms[name])
	}
	m.sockets[slices.Index(m.sockets, s)] = m.open()
}

// terminate closes a user's sockets later, when they have what was published before.
func (m *model) terminate(user string) {
	hit := 0
	for _, s := range m.sockets {
		there := slices.ContainsFunc(modelChannels, func(name string) bool {
			st := m.rooms[name].on[s]
			return st != nil && st.user == user
		})
		if !there {
			continue
		}
		hit++
		if s.doomed {
			continue // the first that ends it counts
		}
		s.doomed = true
		for _, st := range s.stays {
			st.floor = len(st.want)
		}
	}
	if got := m.app.Terminate(user); got != hit {
		m.t.Fatalf("terminate asked %d connections to close, want %d", got, hit)
	}
}

// step does one random operation.
func (m *model) step() {
	s := m.sockets[m.rng.IntN(len(m.sockets))]
	r := m.rooms[modelChannels[m.rng.IntN(len(modelChannels))]]
	switch p := m.rng.IntN(100); {
	case p < 20:
		m.subscribe(s, r)
	case p < 30:
		m.leave(s, r)
		s.unsubscribe(r.name)
	case p < 50:
		m.publishSome(s, r)
	case p < 60:
		m.whisper(s, r)
	case p < 62:
		s.hangUp()
	case p < 63:
		m.terminate(fmt.Sprint(m.rng.IntN(6)))
	default:
		m.someTurns()
	}
}

// someTurns lets loops run, mostly for so short that broadcasts stay suspended.
func (m *model) someTurns() {
	for _, l := range m.loops {
		switch p := m.rng.IntN(20); {
		case p < 10:
			l.turn(m.rng.IntN(8), m.rng.IntN(16))
		case p == 10:
			l.turn(all, all)
		}
	}
}

// publishSome publishes, as a rule once, now and then more than one pass of a broadcast holds.
func (m *model) publishSome(s *modelSocket, r *modelRoom) {
	except, id := s, s.id
	if m.rng.IntN(2) == 0 {
		except, id = nil, nobody
	}
	count := 1
	if m.rng.IntN(200) == 0 {
		count = maxBatch + 10
	}
	for range count {
		m.said++
		data := fmt.Sprint(m.said)
		r.tell(eventFrame(r.name, data), except)
		if m.publish(r.name, data, id) != (len(r.on) > 0) {
			m.t.Fatalf("%d are on %s, which was told wrongly", len(r.on), r.name)
		}
	}
}

func (m *model) whisper(s *modelSocket, r *modelRoom) {
	m.said++
	st := r.on[s]
	err := s.say(fmt.Sprintf(`{"event":"client-x","channel":%q,"data":%d}`, r.name, m.said))
	if st == nil {
		if err != protocol.ErrNotMember {
			m.t.Fatalf("%v is not on %s: %v", s.id, r.name, err)
		}
		return
	}
	user := ""
	if st.user != "" {
		user = `,"user_id":` + st.user
	}
	r.tell(fmt.Sprintf(`{"event":"client-x","channel":%q,"data":%d%s}`, r.name, m.said, user), s)
}

// check compares what the API says with the model.
func (m *model) check() {
	occupied := 0
	for name, r := range m.rooms {
		want := Info{Name: name, Presence: strings.HasPrefix(name, "presence-"), Subscriptions: len(r.on), Users: len(r.users())}
		got := m.app.Channel([]byte(name))
		if got.Traffic = (Traffic{}); got != want {
			m.t.Fatalf("%+v, want %+v", got, want)
		}
		if len(r.on) > 0 {
			occupied++
		}
	}
	if got := m.channels(); got != occupied {
		m.t.Fatalf("%d channels are in the table, %d are occupied", got, occupied)
	}
}

// finish delivers everything and checks that nobody waits for anything.
func (m *model) finish() {
	m.settle()
	for name, r := range m.rooms {
		for s, st := range r.on {
			if len(st.got) != len(st.want) {
				m.t.Errorf("%v on %s got %d events, want %d", s.id, name, len(st.got), len(st.want))
			}
		}
	}
	for _, s := range slices.Clone(m.sockets) {
		s.hangUp()
	}
	m.settle()
	m.check()
	for _, l := range m.loops {
		if l.d.first != nil || l.d.last != nil {
			m.t.Error("a loop still has something to bring to nobody")
		}
	}
}

var seedFlag = flag.Uint64("seed", 0, "seed of the one run of TestModel; 0 is many runs of other seeds each time")

// Each subscriber gets what was published while it was subscribed: all of it, once, in order.
// What was on its way to one that left may not come any more, and nothing else.
func TestModel(t *testing.T) {
	seeds, steps := 40, 2500
	if testing.Short() {
		seeds = 6
	}
	base := *seedFlag
	if base == 0 {
		base = rand.Uint64()
	} else {
		seeds = 1
	}
	for _, slots := range []int{1, 2, 4, 8} {
		t.Run(fmt.Sprint(slots, " loops"), func(t *testing.T) {
			for i := range seeds {
				runModel(t, slots, base+uint64(i), steps)
			}
		})
	}
}

func runModel(t *testing.T, slots int, seed uint64, steps int) {
	defer func() {
		if t.Failed() {
			t.Logf("to see it again: go test -run TestModel -seed %d", seed)
		}
	}()
	m := newModel(t, slots, seed)
	for step := range steps {
		m.step()
		if step%25 == 0 {
			m.check()
		}
	}
	m.finish()
	if m.done < steps || m.skipped == 0 {
		t.Errorf("%d deliveries, %d overtaken by an end: the operations do not meet", m.done, m.skipped)
	}
	if t.Failed() {
		t.FailNow()
	}
}
