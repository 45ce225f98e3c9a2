package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"resound/internal/redistest"
)

const room = "presence-room"

// join opens a socket of a user that is on the room.
func join(t testing.TB, s *server, user string) *listener {
	t.Helper()
	return listenWith(t, s, room, s.member(t, room, user))
}

// view is who is on the room, as a member was told: who was there at first, and who came and went since. It fails the test when
// somebody comes who is there or goes who is not.
func (l *listener) view() (ids []string) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	there := make(map[string]bool)
	for _, m := range l.got {
		if m.Channel != room {
			continue
		}
		var data struct {
			Presence struct{ IDs []string }
			UserID   string `json:"user_id"`
		}
		if err := json.Unmarshal([]byte(m.Data), &data); err != nil {
			continue
		}
		switch m.Event {
		case "pusher_internal:subscription_succeeded":
			for _, id := range data.Presence.IDs {
				there[id] = true
			}
		case "pusher_internal:member_added":
			if there[data.UserID] {
				l.t.Errorf("user %s was told to join and is there", data.UserID)
			}
			there[data.UserID] = true
		case "pusher_internal:member_removed":
			if !there[data.UserID] {
				l.t.Errorf("user %s was told to leave and is not there", data.UserID)
			}
			delete(there, data.UserID)
		}
	}
	for id := range there {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// users asks the API who is on the room.
func (s *server) users(t testing.TB) (ids []string) {
	t.Helper()
	a, err := s.ask("GET", "/channels/"+room+"/users", "")
	var list struct{ Users []struct{ ID string } }
	if err == nil && a.status == http.StatusOK {
		err = json.Unmarshal([]byte(a.body), &list)
	}
	if err != nil {
		t.Fatalf("asking for users: %v: %+v", err, a)
	}
	for _, u := range list.Users {
		ids = append(ids, u.ID)
	}
	slices.Sort(ids)
	return ids
}

// sees waits until every one of those members, who comes to any node, and the API of each node see these users.
func (c *cluster) sees(members []*listener, ids ...string) {
	c.t.Helper()
	slices.Sort(ids)
	sees := func(who string, look func() []string) {
		c.t.Helper()
		until(c.t, fmt.Sprintf("%s to see %q", who, ids), func() (any, bool) {
			got := look()
			return got, slices.Equal(got, ids)
		})
	}
	for i, l := range members {
		sees(fmt.Sprint("member ", i), l.view)
	}
	for i, s := range c.all() {
		sees(fmt.Sprint("the API of node ", i), func() []string { return s.users(c.t) })
		l := join(c.t, s, ids[0]) // a user who is there already: nobody is told
		sees(fmt.Sprint("who comes to node ", i), l.view)
		l.leave()
	}
}

// counts waits until each node says so of the whole cluster.
func (c *cluster) counts(path, want string) {
	c.t.Helper()
	for i, s := range c.all() {
		until(c.t, fmt.Sprintf("node %d to answer %s to %s", i, want, path), func() (any, bool) {
			got, err := s.ask("GET", path, "")
			return got, err == nil && got == answer{http.StatusOK, false, want}
		})
	}
}

// withoutANode: a node of three, or of two, that is killed, or stops, takes with it who is nowhere else, which the others are told once; and
// when it is back so are they.
func withoutANode(t *testing.T, c *cluster, end func(*server)) {
	a, b, last := c.node(0), c.node(1), c.node(len(c.plans)-1)
	if last == b {
		last = a
	}
	ann := join(t, a, "ann")
	bob, both, also := join(t, b, "bob"), join(t, b, "both"), join(t, last, "both")
	join(t, b, "twice")
	join(t, b, "twice")
	listenTo(t, b, "only-b")
	watching := c.watching(0, "ann", "bob", "cid")
	signedIn(t, b, "bob", nil)
	signedIn(t, b, "cid", nil)
	signedIn(t, last, "cid", nil)
	watching.waits("online", "bob")
	watching.waits("online", "cid")
	c.sees([]*listener{ann, bob, both, also}, "ann", "bob", "both", "twice")
	c.counts("/channels/only-b", `{"occupied":true}`)

	end(b)
	eventually(t, "the members of the node that ended to leave", func() bool { return slices.Equal(ann.view(), []string{"ann", "both"}) })
	watching.waits("offline", "bob")
	left := c.without(1)
	left.sees([]*listener{ann, also}, "ann", "both")
	left.counts("/channels/only-b", `{"occupied":false}`)
	left.counts("/connections", `{"connections":4}`)
	for _, l := range []*listener{ann, also} {
		if n := l.count("pusher_internal:member_removed", `"bob"`); n != 1 {
			t.Errorf("bob was told to leave %d times", n)
		}
		if n := l.count("pusher_internal:member_removed", `"both"`); n != 0 {
			t.Error("a user who is on another node was told to leave")
		}
	}
	if told := watching.told("cid"); told[len(told)-1] != "online" {
		t.Errorf("a user who is signed in on another node too was told to be %q", told)
	}

	c.restart(1)
	c.together()
	bob = join(t, c.node(1), "bob")
	c.sees([]*listener{ann, bob, also}, "ann", "bob", "both")
	for _, l := range []*listener{ann, also} {
		l.connected(t)
	}
}

// without is a cluster without one of its nodes; it stops none of them.
func (c *cluster) without(i int) *cluster {
	return &cluster{t: c.t, plans: slices.Delete(slices.Clone(c.plans), i, i+1), nodes: slices.Delete(c.all(), i, i+1)}
}

// signedIn opens a socket of a user that watches others.
func signedIn(t testing.TB, s *server, user string, watchlist []string) *listener {
	t.Helper()
	c := s.connect(t)
	data := map[string]any{"id": user}
	if watchlist != nil {
		data["watchlist"] = watchlist
	}
	auth := must[[]byte](t)(s.publisher().AuthenticateUser([]byte("socket_id="+c.id), data))
	c.send("pusher:signin", map[string]any{"data": json.RawMessage(auth)})
	if m := c.next(); m.Event != "pusher:signin_success" {
		t.Fatalf("signing in: %+v", m)
	}
	l := &listener{socket: c}
	go l.listen()
	return l
}

// watching is a socket on a node whose user watches others.
func (c *cluster) watching(node int, user string, others ...string) *watcher {
	c.t.Helper()
	return &watcher{signedIn(c.t, c.node(node), user, others)}
}

type watcher struct{ *listener }

// told is what it was told of a user.
func (w *watcher) told(user string) (list []string) {
	w.t.Helper()
	for _, m := range w.all("pusher_internal:watchlist_events") {
		var data struct {
			Events []struct {
				Name    string
				UserIDs []string `json:"user_ids"`
			}
		}
		if err := json.Unmarshal([]byte(m.Data), &data); err != nil {
			w.t.Fatalf("%s: %v", m.Data, err)
		}
		for _, e := range data.Events {
			if slices.Contains(e.UserIDs, user) {
				list = append(list, e.Name)
			}
		}
	}
	return list
}

// waits waits until the newest that it was told of a user is that.
func (w *watcher) waits(event, user string) {
	w.t.Helper()
	eventually(w.t, fmt.Sprintf("%s to be %s", user, event), func() bool {
		told := w.told(user)
		return len(told) > 0 && told[len(told)-1] == event
	})
}

// frozenNode: while a node does not answer, what needs it says that something may be missing; when its lease is over it is
// gone, and when it goes on it is back, with everybody on it.
func frozenNode(t *testing.T) {
	redis := redistest.Start(t, redistest.Options{})
	c := startCluster(t, on(3, redis, "frozen")...)
	frozen := c.node(2)
	ann, bob := join(t, c.node(0), "ann"), join(t, frozen, "bob")
	c.sees([]*listener{ann, bob}, "ann", "bob")

	var thaw sync.Once
	signal := func(s syscall.Signal) {
		if err := frozen.cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	t.Cleanup(func() { thaw.Do(func() { signal(syscall.SIGCONT) }) })
	eventually(t, "the node to stand still", func() bool { // its last thread may do so later
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", frozen.cmd.Process.Pid))
		return err == nil && strings.Contains(string(stat[strings.LastIndexByte(string(stat), ')'):]), ") T")
	})
	for _, path := range []string{"/connections", "/channels"} {
		a, err := c.node(0).ask("GET", path, "")
		if err != nil || a.status != http.StatusOK || !a.partial {
			t.Errorf("%s without the answer of a node is %+v, %v", path, a, err)
		}
	}
	eventually(t, "the members of the frozen node to leave", func() bool { return slices.Equal(ann.view(), []string{"ann"}) })
	two := c.without(2)
	two.sees([]*listener{ann}, "ann")
	two.counts("/connections", `{"connections":1}`)

	thaw.Do(func() { signal(syscall.SIGCONT) })
	c.sees([]*listener{ann, bob}, "ann", "bob")
	c.together()
	c.counts("/connections", `{"connections":2}`)
	for _, l := range []*listener{ann, bob} {
		l.connected(t)
	}
}

// countsSubscriptions: the counts that pages are told are those of all nodes.
func countsSubscriptions(t *testing.T) {
	redis := redistest.Start(t, redistest.Options{})
	nodes := on(3, redis, "counts")
	for i := range nodes {
		nodes[i] = append(nodes[i], "RESOUND_SUBSCRIPTION_COUNT=true")
	}
	c := startCluster(t, nodes...)
	told := func(l *listener, want string) {
		t.Helper()
		eventually(t, "a count of "+want, func() bool {
			all := l.all("pusher_internal:subscription_count")
			return len(all) > 0 && all[len(all)-1].Data == `{"subscription_count":`+want+`}`
		})
	}
	a, b := listenTo(t, c.node(0), "counted"), listenTo(t, c.node(1), "counted")
	told(a, "2")
	told(b, "2")
	third := listenTo(t, c.node(2), "counted")
	told(a, "3")
	third.leave()
	told(a, "2")
	told(b, "2")
	c.node(1).kill()
	told(a, "1")
}

// cacheChannels: it is there when the node that it was published on is not.
func cacheChannels(t *testing.T) {
	redis := redistest.Start(t, redistest.Options{})
	c := startCluster(t, on(2, redis, "caches")...)
	c.node(0).trigger(t, "cache-rates", "e", "1")
	c.node(0).trigger(t, "cache-rates", "e", "2")
	c.node(0).kill()
	listenTo(t, c.node(1), "cache-rates").hears("2")
	c.restart(0)
	listenTo(t, c.node(0), "cache-rates").hears("2")
	miss := listenTo(t, c.node(0), "cache-nothing")
	eventually(t, "a miss", func() bool { return miss.count("pusher:cache_miss", "") == 1 })
}
