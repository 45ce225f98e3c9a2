package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"resound/protocol"
)

// presenceRoom is where all members are.
const presenceRoom = "presence-soak"

// member is one user on a presence channel, who comes back whenever the connection ends.
type member struct {
	t      testing.TB
	server *server
	name   string
	stop   atomic.Bool

	mu    sync.Mutex
	conn  net.Conn        // guarded by mu: of the present connection, once it is on the channel
	there map[string]bool // guarded by mu: who is on the channel, as this member was told
	said  int             // guarded by mu: number of the newest whisper
	heard map[string]int  // guarded by mu: number of the newest whisper of each other, on this connection
}

func (m *member) run() {
	for !m.stop.Load() {
		if m.live() != nil && !m.stop.Load() {
			time.Sleep(20 * time.Millisecond)
		}
	}
}

func (m *member) leave() {
	m.stop.Store(true)
	m.cut()
}

func (m *member) cut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conn != nil {
		_ = m.conn.Close()
	}
}

// whisper says the next number, and repeats none that was lost.
func (m *member) whisper() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conn == nil {
		return
	}
	m.said++
	text := fmt.Sprintf(`{"event":"client-say","channel":%q,"data":{"of":%q,"n":%d}}`, presenceRoom, m.name, m.said)
	_, _ = m.conn.Write(frame(fin|opText, text)) // the reader sees it
}

// live is one connection.
func (m *member) live() error {
	c, err := m.server.tryConnect(new(testing.B))
	if err != nil {
		return err
	}
	defer func() {
		m.mu.Lock()
		m.conn, m.there = nil, nil
		m.mu.Unlock()
		_ = c.conn.Close()
	}()
	id, ok := protocol.ParseSocketID([]byte(c.id))
	if !ok {
		return fmt.Errorf("the socket id %q", c.id)
	}
	data := fmt.Sprintf(`{"user_id":%q}`, m.name)
	auth := protocol.NewSigner(appKey, appSecret).Channel(id, []byte(presenceRoom), []byte(data))
	if err := c.write(fmt.Sprintf(`{"event":"pusher:subscribe","data":{"channel":%q,"auth":%q,"channel_data":%q}}`, presenceRoom, auth, data)); err != nil {
		return err
	}
	for {
		got, err := c.read()
		if err != nil {
			return err
		}
		if err := m.take(c, got); err != nil {
			m.t.Errorf("%s: %v: %+v", m.name, err, got)
			return err
		}
		if m.stop.Load() {
			return nil
		}
	}
}

func (m *member) take(c *socket, got message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var who struct {
		ID       string `json:"user_id"`
		Of       string
		N        int
		Presence struct{ IDs []string }
	}
	if err := json.Unmarshal([]byte(got.Data), &who); err != nil {
		return err
	}
	switch got.Event {
	case "pusher_internal:subscription_succeeded":
		m.conn, m.there, m.heard = c.conn, map[string]bool{}, map[string]int{}
		for _, id := range who.Presence.IDs {
			m.there[id] = true
		}
	case "pusher_internal:member_added":
		if m.there[who.ID] {
			return fmt.Errorf("%s came, who was there", who.ID)
		}
		m.there[who.ID] = true
	case "pusher_internal:member_removed":
		if !m.there[who.ID] {
			return fmt.Errorf("%s left, who was not there", who.ID)
		}
		delete(m.there, who.ID)
	case "client-say":
		if who.N <= m.heard[who.Of] {
			return fmt.Errorf("number %d of %s came behind %d", who.N, who.Of, m.heard[who.Of])
		}
		m.heard[who.Of] = who.N
	}
	return nil
}

// list is who is there, as this member was told; "" while it is away.
func (m *member) list() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(slices.Sorted(maps.Keys(m.there)), " ")
}

// converge: when nobody comes or goes, everybody has the same list, which is the server's, and hears what others whisper.
func (s *soak) converge() {
	var all []string
	for _, m := range s.members {
		all = append(all, m.name)
	}
	want := strings.Join(slices.Sorted(slices.Values(all)), " ")
	for _, m := range s.members {
		eventually(s.t, m.name+" to have the list of members", func() bool { return m.list() == want })
	}
	eventually(s.t, "the server's own list", func() bool {
		status, text := s.server.request(s.t, "GET", "/channels/"+presenceRoom+"/users", "")
		var answer struct{ Users []struct{ ID string } }
		if err := json.Unmarshal([]byte(text), &answer); err != nil || status != http.StatusOK {
			s.t.Fatalf("users: %d %s", status, text)
		}
		var ids []string
		for _, u := range answer.Users {
			ids = append(ids, u.ID)
		}
		slices.Sort(ids)
		return strings.Join(ids, " ") == want
	})
	for _, m := range s.members {
		m.whisper()
	}
	for _, m := range s.members {
		for _, other := range s.members {
			if m == other {
				continue
			}
			eventually(s.t, m.name+" to hear "+other.name, func() bool {
				other.mu.Lock()
				said := other.said
				other.mu.Unlock()
				m.mu.Lock()
				defer m.mu.Unlock()
				return m.heard[other.name] == said
			})
		}
	}
}

// forget lets go of what was checked.
func (p *replayPage) forget() {
	n := p.gaps()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gapped += n
	if n > 0 {
		p.t.Errorf("%s was told of %d gaps", p.channel, n)
	}
	p.got = nil
}

// cost is what the server holds, as a victim's.
func (s *soak) cost() cost { return (&victim{server: s.server, admin: s.admin}).cost(s.t) }

// soakHeap is how many bytes the heap may be above that of a server that has seen nobody: what the log keeps for itself, two tables of 16 MB
// that it fills in turns and a cache of 16 MB. The newest events of channels, which are there for a minute, are counted apart.
const soakHeap = 52 << 20

// soakGrowth is how many bytes the heap may rise while the last process runs, between its second quarter and its last one:
// those tables are not equally full. A leak has no such bound.
const soakGrowth = 12 << 20

// grown says how many bytes the heap rose between the second quarter of the rounds of the last process and the last quarter.
func (s *soak) grown() int {
	quarter := len(s.levels) / 4
	if quarter < 3 {
		return 0 // too short to say
	}
	median := func(levels []int) int { return slices.Sorted(slices.Values(levels))[len(levels)/2] }
	return median(s.levels[3*quarter:]) - median(s.levels[quarter:2*quarter])
}

// end lets everybody leave, and requires that the server holds no more than it did at the begin.
func (s *soak) end() {
	for _, p := range s.pages {
		p.leave()
	}
	for _, m := range s.members {
		m.leave()
	}
	s.people.Wait()
	s.crowd.Wait()
	hangUp(s.slow)
	if s.t.Failed() {
		s.server.stop(syscall.SIGTERM)
		return
	}
	long := *soakTime >= 2*time.Minute // then channels have time to be forgotten, which takes a minute
	// Pebble has a goroutine for each table from which something was removed, for a minute; channels of a long soak are forgotten as late.
	deadline := time.Now().Add(patience + 90*time.Second)
	var now cost
	var m metrics
	var wrong []string
	for {
		now, m, wrong = s.cost(), readMetrics(s.t, s.admin), nil
		tell := func(ok bool, format string, args ...any) {
			if !ok {
				wrong = append(wrong, fmt.Sprintf(format, args...))
			}
		}
		tail := int(m["resound_replay_memory_bytes"])
		tell(now.sockets <= s.first.sockets, "%d connections", now.sockets)
		tell(m[`resound_app_subscriptions{app="1001"}`] == 0, "%v subscriptions", m[`resound_app_subscriptions{app="1001"}`])
		tell(now.routine <= s.first.routine+4, "%d goroutines, %d at the begin", now.routine, s.first.routine)
		tell(s.openSockets() <= s.first.open+1, "%d descriptors of sockets, %d at the begin", s.openSockets(), s.first.open)
		tell(now.files <= s.first.files+64, "%d descriptors, %d at the begin", now.files, s.first.files)
		tell(now.heap-tail <= s.first.heap+soakHeap || raced, "%d bytes of heap beside %d of events, %d at the begin", now.heap, tail, s.first.heap)
		tell(s.grown() <= soakGrowth || raced, "signs of a leak: the heap rose by %d bytes while the last process ran", s.grown())
		tell(m["resound_backlog_bytes"] == 0 && m["resound_slow_connections"] == 0, "%v bytes of backlog", m["resound_backlog_bytes"])
		tell(m["resound_replays_waiting"] == 0, "%v replays that wait", m["resound_replays_waiting"])
		tell(m["resound_log_off"] == 0 && m["resound_log_background_errors_total"] == 0, "the log has had trouble")
		tell(!long || m[`resound_app_channels{app="1001"}`] == 0, "%v channels", m[`resound_app_channels{app="1001"}`])
		if len(wrong) == 0 || time.Now().After(deadline) {
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	for _, w := range wrong {
		s.t.Errorf("everybody has left, and there are still %s", w)
	}
	s.t.Logf("the heap of the last process rose by %d KiB in %d rounds", s.grown()>>10, len(s.levels))
	s.t.Logf("heap %d KiB, of which %.0f events, at the begin %d KiB; goroutines %d, %d; descriptors %d, %d, of sockets %d, %d; log %.0f KiB",
		now.heap>>10, m["resound_replay_memory_bytes"]/1024, s.first.heap>>10, now.routine, s.first.routine, now.files, s.first.files,
		s.openSockets(), s.first.open, m["resound_log_disk_bytes"]/1024)
	s.server.stop(syscall.SIGTERM)
	s.look(s.server.log.String())
}

// openSockets is how many descriptors of the server are sockets.
func (s *server) openSockets() (n int) {
	dir := "/proc/" + strconv.Itoa(s.cmd.Process.Pid) + "/fd/"
	files, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, f := range files {
		if to, err := os.Readlink(dir + f.Name()); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

func (s *soak) openSockets() int { return s.server.openSockets() }

// keepData moves the data of a broken run to where they are not removed, and says where.
func (s *soak) keepData() string {
	kept, err := os.MkdirTemp("", "resound-soak-")
	if err == nil {
		err = os.Rename(filepath.Join(filepath.Dir(s.config), "data"), filepath.Join(kept, "data"))
	}
	if err != nil {
		return err.Error()
	}
	return kept
}
