package channels

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"resound/protocol"
)

// The same checks with a goroutine for each loop and publishers beside them. On each channel one
// socket stays from the beginning to the end and never speaks: what it gets is the order of the
// channel. All that anybody else gets in one stay has to be a piece of that without a gap.

var stressChannels = []string{"s0", "s1", "s2", "presence-s3"}

// progress is how many events each publisher has begun to publish, or has published, on each channel.
type progress [3][4]atomic.Int64

type stressStay struct {
	channel string
	got     []string
	spoke   map[string]bool // own client events, which do not come back
	floor   [3]int64        // events of each publisher from here on may come: the others were published before
	due     [3]int64        // and from here on they have to: they were published after
	open    bool            // lasted to the end
	roster  map[string]bool // presence only
}

type stressSocket struct {
	*testSocket
	user  int
	stays map[string]*stressStay
}

type stressLoop struct {
	*testLoop
	n     *testNode
	rng   *rand.Rand
	begun *progress
	ended *progress
	list  []*stressSocket
	stays []*stressStay // all that ever were
	said  int
	next  uint32
}

// open adds a socket. Ids are the loop's own: newNode's counter belongs to one goroutine.
func (l *stressLoop) open() *stressSocket {
	l.next++
	s := &stressSocket{
		testSocket: &testSocket{n: l.n, loop: l.testLoop, id: protocol.SocketID{A: l.next, B: uint32(l.slot) + 1}},
		user:       l.rng.IntN(8), stays: map[string]*stressStay{},
	}
	s.onSend = s.take
	l.list = append(l.list, s)
	return s
}

func (s *stressSocket) take(payload string) {
	_, channel, _ := strings.Cut(payload, `"channel":"`)
	channel, _, _ = strings.Cut(channel, `"`)
	st := s.stays[channel]
	if st == nil {
		s.n.t.Errorf("%v is not on %s and gets %s", s.id, channel, payload)
		return
	}
	var frame struct{ Event, Data string }
	if strings.HasPrefix(payload, `{"event":"pusher_internal`) {
		if err := json.Unmarshal([]byte(payload), &frame); err != nil {
			s.n.t.Error(err)
		}
	}
	switch frame.Event {
	case "":
		st.got = append(st.got, payload)
	case protocol.EventSucceeded:
		st.first(s.n.t, frame.Data)
	default:
		st.move(s.n.t, frame.Event == protocol.EventMemberAdded, frame.Data)
	}
}

// first reads who is there when the stay begins.
func (st *stressStay) first(t testing.TB, data string) {
	var there struct{ Presence struct{ Hash map[string]any } }
	if err := json.Unmarshal([]byte(data), &there); err != nil || st.roster != nil || len(st.got) > 0 {
		t.Errorf("%s: %v, behind %d events", data, err, len(st.got))
	}
	st.roster = map[string]bool{}
	for id := range there.Presence.Hash {
		st.roster[id] = true
	}
}

// move follows a member: only who is not there can come, and only who is there can leave.
func (st *stressStay) move(t testing.TB, came bool, data string) {
	var m struct {
		UserID json.Number `json:"user_id"`
	}
	if err := json.Unmarshal([]byte(data), &m); err != nil {
		t.Error(err)
	}
	id := m.UserID.String()
	if st.roster[id] == came {
		t.Errorf("%s: user %s comes %v, and was there %v", st.channel, id, came, !came)
	}
	if came {
		st.roster[id] = true
	} else {
		delete(st.roster, id)
	}
}

func (l *stressLoop) join(s *stressSocket, c int) {
	channel := stressChannels[c]
	if s.stays[channel] != nil {
		return
	}
	st := &stressStay{channel: channel, spoke: map[string]bool{}, open: true}
	for p := range st.floor {
		st.floor[p] = l.ended[p][c].Load()
	}
	s.stays[channel] = st
	l.stays = append(l.stays, st)
	data := ""
	if protocol.KindOf(channel) == protocol.Presence {
		data = fmt.Sprintf(`{"user_id":%d}`, s.user)
	}
	if err := s.say(s.subscription(channel, data)); err != nil {
		l.n.t.Error(err)
	}
	for p := range st.due {
		st.due[p] = l.begun[p][c].Load()
	}
}

func (l *stressLoop) leave(s *stressSocket, channel string) {
	s.unsubscribe(channel)
	if st := s.stays[channel]; st != nil {
		st.open = false
		delete(s.stays, channel)
	}
}

func (l *stressLoop) whisper(s *stressSocket, c int) {
	channel := stressChannels[c]
	st := s.stays[channel]
	if st == nil {
		return
	}
	l.said++
	user := ""
	if protocol.KindOf(channel) == protocol.Presence {
		user = fmt.Sprintf(`,"user_id":%d`, s.user)
	}
	event := fmt.Sprintf(`{"event":"client-x","channel":%q,"data":"%d/%d"`, channel, l.slot, l.said)
	st.spoke[event+user+"}"] = true
	if err := s.say(event + "}"); err != nil {
		l.n.t.Error(err)
	}
}

// work does one random thing. The first two sockets are left alone: on loop 0 they are there for good.
func (l *stressLoop) work() {
	i := 2 + l.rng.IntN(len(l.list)-2)
	s, c := l.list[i], min(l.rng.IntN(6), 3) // half of it on the presence channel
	switch p := l.rng.IntN(100); {
	case p < 35:
		l.join(s, c)
	case p < 45:
		l.leave(s, stressChannels[c])
	case p < 52:
		l.whisper(s, c)
	case p < 54:
		s.hangUp()
		for _, st := range s.stays {
			st.open = false
		}
		fresh := l.open() // at the end of the list: it takes the old one's place
		l.list[i] = fresh
		l.list = l.list[:len(l.list)-1]
	default:
		l.turn(l.rng.IntN(40), l.rng.IntN(12))
	}
}

func TestStress(t *testing.T) {
	steps, events := 6000, 1500
	if testing.Short() {
		steps, events = 2500, 600
	}
	for _, slots := range []int{1, 2, 4, 8} {
		t.Run(fmt.Sprint(slots, " loops"), func(t *testing.T) { stress(t, slots, steps, events) })
	}
}

func stress(t *testing.T, slots, steps, events int) {
	n, begun, ended := newNode(t, slots), new(progress), new(progress)
	var loops []*stressLoop
	for i, l := range n.loops {
		loop := &stressLoop{testLoop: l, n: n, begun: begun, ended: ended, rng: rand.New(rand.NewPCG(rand.Uint64(), uint64(i)))}
		for range 12 {
			loop.open()
		}
		loops = append(loops, loop)
	}
	witness := loops[0].list[0]
	witness.user = 99
	for c := range stressChannels {
		for _, s := range loops[0].list[:2] {
			loops[0].join(s, c)
		}
	}
	var wg sync.WaitGroup
	for _, l := range loops {
		wg.Go(func() {
			for range steps {
				l.work()
			}
		})
	}
	for p := range begun {
		wg.Go(func() {
			for i := range events {
				for c, channel := range stressChannels {
					begun[p][c].Store(int64(i) + 1)
					n.publish(channel, fmt.Sprintf(`"p%d/%d"`, p, i), nobody)
					ended[p][c].Store(int64(i) + 1)
				}
				runtime.Gosched()
				if i%100 == 0 {
					n.app.Channels("")
					n.app.Users([]byte("presence-s3"))
				}
			}
		})
	}
	wg.Wait()
	orders := map[string]*channelOrder{}
	for _, channel := range stressChannels {
		n.publish(channel, `"end"`, nobody)
		n.settle()
		orders[channel] = newOrder(witness.stays[channel].got)
	}
	pieces := 0
	for _, l := range loops {
		for _, st := range l.stays {
			checkStay(t, st, orders[st.channel])
			pieces += len(st.got)
		}
	}
	if own := len(stressChannels) * (len(begun)*events + 1); pieces < 2*own {
		t.Errorf("%d events came to all together, %d of them to the witness", pieces, own)
	}
	checkRosters(t, n, loops)
}

// channelOrder is all that was said on a channel.
type channelOrder struct {
	events []string
	place  map[string]int
	by     []int // publisher, or -1
	number []int64
}

func newOrder(events []string) *channelOrder {
	o := &channelOrder{events: events, place: make(map[string]int, len(events))}
	for i, payload := range events {
		by, number := -1, int64(0)
		if _, err := fmt.Sscanf(payload, `{"event":"e","data":"p%d/%d"`, &by, &number); err != nil {
			by = -1
		}
		o.place[payload], o.by, o.number = i, append(o.by, by), append(o.number, number)
	}
	return o
}

// checkStay checks that what came is a piece of the channel's order without a gap: that nothing
// in it was published before the subscription, nothing in front of it after, and that it goes on
// to the end if the stay did. Only its own words are not in it.
func checkStay(t *testing.T, st *stressStay, o *channelOrder) {
	t.Helper()
	next := -1
	for _, payload := range st.got {
		i, ok := o.place[payload]
		if !ok {
			t.Fatalf("%s: the witness never saw %s", st.channel, payload)
		}
		if p := o.by[i]; p >= 0 && o.number[i] < st.floor[p] {
			t.Fatalf("%s: %s was published before the subscription", st.channel, payload)
		}
		if next < 0 {
			for k := range i {
				if p := o.by[k]; p >= 0 && o.number[k] >= st.due[p] {
					t.Fatalf("%s: the first is %s, but %s was published after the subscription", st.channel, payload, o.events[k])
				}
			}
			next = i
		}
		for next < i && st.spoke[o.events[next]] {
			next++
		}
		if i != next {
			t.Fatalf("%s: %s is number %d, want number %d, %s", st.channel, payload, i, next, o.events[next])
		}
		next = i + 1
	}
	if st.open && next != len(o.events) {
		t.Fatalf("%s: a stay that lasted ends at %d of %d", st.channel, next, len(o.events))
	}
}

// checkRosters checks that everybody who is still there knows the same members.
func checkRosters(t *testing.T, n *testNode, loops []*stressLoop) {
	const channel = "presence-s3"
	ids, _ := n.app.Users([]byte(channel))
	there, watchers := map[string]bool{}, 0
	for _, l := range loops {
		for _, s := range l.list {
			st := s.stays[channel]
			if st == nil {
				continue
			}
			watchers++
			there[fmt.Sprint(s.user)] = true
			for _, id := range ids {
				if !st.roster[string(id)] {
					t.Errorf("%v does not know of user %s", s.id, id)
				}
			}
			if len(st.roster) != len(ids) {
				t.Errorf("%v knows of %v, there are %s", s.id, st.roster, ids)
			}
		}
	}
	if i := n.app.Channel([]byte(channel)); len(there) != len(ids) || i.Subscriptions != watchers {
		t.Errorf("%v are there, the channel has users %s and %d subscriptions", there, ids, i.Subscriptions)
	}
}

// Channels that come into being and vanish all the time, from all sides at once: whoever is
// subscribed when an event is published gets it, from the channel that is in the table.
func TestChannelsComeAndGo(t *testing.T) {
	const slots, rounds = 4, 3000
	n := newNode(t, slots)
	var wg sync.WaitGroup
	for _, l := range n.loops {
		wg.Go(func() {
			var got []string
			s := &testSocket{n: n, loop: l, id: protocol.SocketID{A: 1, B: uint32(l.slot) + 1}}
			s.onSend = func(payload string) { got = append(got, payload) }
			for i := range rounds {
				got = got[:0]
				if err := s.say(s.subscription("a", "")); err != nil {
					t.Error(err)
				}
				own := eventFrame("a", fmt.Sprintf(`"%d/%d"`, l.slot, i))
				if !n.publish("a", fmt.Sprintf(`"%d/%d"`, l.slot, i), nobody) {
					t.Errorf("loop %d is on the channel, and there is none", l.slot)
				}
				l.turn(all, all)
				count := 0
				for _, payload := range got {
					if payload == own {
						count++
					}
				}
				if count != 1 || got[0] != succeededFrame("a") {
					t.Errorf("loop %d, round %d: its own event came %d times, the first of %d frames is %s", l.slot, i, count, len(got), got[0])
				}
				s.unsubscribe("a")
			}
		})
	}
	wg.Wait()
	n.settle()
	if n.channels() != 0 {
		t.Errorf("%d channels are left", n.channels())
	}
}
