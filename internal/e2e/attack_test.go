package e2e

import (
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// victim is a server that is attacked while a bystander looks on: each attack is bounded, says what it cost the server,
// and may not cost the bystander an event.
type victim struct {
	*server
	admin  string // http://host:port of the admin port
	before cost
	finish func() // see watch
	since  time.Time
}

// attacked starts a victim. flags come behind those of the application of all tests.
func attacked(t *testing.T, flags ...string) *victim {
	t.Helper()
	s := start(t, plan{args: append(append([]string{"--admin-address=127.0.0.1:0"}, appFlags...), flags...)})
	v := &victim{server: s, admin: s.adminURL(t), finish: s.watch(t)}
	t.Cleanup(v.finish)
	v.before, v.since = v.cost(t), time.Now()
	return v
}

var adminLine = regexp.MustCompile(`url"?[=:]"?(http://127\.0\.0\.1:\d+)/metrics`)

// adminURL is where the admin port is, as the log has it.
func (s *server) adminURL(t testing.TB) (url string) {
	t.Helper()
	eventually(t, "the admin port", func() bool {
		m := adminLine.FindStringSubmatch(s.log.String())
		if m != nil {
			url = m[1]
		}
		return m != nil
	})
	return url
}

// ask gets one answer of the admin port.
func ask(t testing.TB, url string) string {
	t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %.200s, %v", url, res.StatusCode, text, err)
	}
	return string(text)
}

// metrics are the values of /metrics, by name and labels as they stand there.
type metrics map[string]float64

func readMetrics(t testing.TB, admin string) metrics {
	t.Helper()
	all := metrics{}
	for line := range strings.Lines(ask(t, admin+"/metrics")) {
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || line[0] == '#' {
			continue
		}
		value, err := strconv.ParseFloat(strings.TrimSpace(line[at:]), 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all[line[:at]] = value
	}
	return all
}

// of is the value of a metric that has to be there.
func (m metrics) of(t testing.TB, name string) float64 {
	t.Helper()
	v, ok := m[name]
	if !ok {
		t.Fatalf("there is no %s", name)
	}
	return v
}

// open is how many connections the server has, whatever they are.
func (v *victim) open(t testing.TB) int {
	t.Helper()
	m := readMetrics(t, v.admin)
	return int(m.of(t, "resound_connections") + m.of(t, "resound_http_connections"))
}

// cost is what a server holds at a moment.
type cost struct {
	heap    int // bytes that are alive, behind a garbage collection
	peak    int // bytes that were ever resident
	threads int
	sockets int
	files   int
	open    int // of those, sockets
	routine int
	cpu     time.Duration
}

// cost collects the garbage of the server first, so that bytes are those of what is alive.
func (v *victim) cost(t testing.TB) cost {
	t.Helper()
	for range 2 { // what was pooled goes with the second
		ask(t, v.admin+"/debug/pprof/heap?gc=1")
	}
	m, u := readMetrics(t, v.admin), v.usage(t)
	return cost{
		heap: int(m.of(t, "go_memstats_heap_alloc_bytes")), peak: v.peak(t), threads: u.threads, cpu: u.cpu, files: u.files, open: v.openSockets(),
		sockets: v.open(t), routine: int(m.of(t, "go_goroutines")),
	}
}

// report says in one line what an attack has cost, and returns what the server holds now.
func (v *victim) report(t testing.TB, what string) cost {
	t.Helper()
	now := v.cost(t)
	t.Logf("%s: %+d KiB of heap, %+d KiB at the peak, %+d sockets, %+d descriptors, %+d goroutines, %v of CPU in %v", what,
		(now.heap-v.before.heap)>>10, (now.peak-v.before.peak)>>10, now.sockets-v.before.sockets, now.files-v.before.files,
		now.routine-v.before.routine, now.cpu-v.before.cpu, time.Since(v.since).Round(10*time.Millisecond))
	return now
}

// leaves is how many bytes the garbage of the bystander, the tables' room and the runtime may keep: less than any attack here takes.
const leaves = 3 << 20

// recovers fails unless the heap is back where it was, and logs the attack.
func (v *victim) recovers(t testing.TB, what string) {
	t.Helper()
	eventually(t, "the sockets of "+what+" to be gone", func() bool {
		return v.open(t) <= v.before.sockets
	})
	v.report(t, what)
	if raced {
		return
	}
	// The HTTP server keeps goroutines and their buffers for some seconds, for who comes next.
	left := 0
	eventually(t, "the memory of "+what, func() bool {
		left = v.cost(t).heap - v.before.heap
		return left <= leaves
	})
	t.Logf("%s: %d KiB of heap are left", what, left>>10)
}

// raced is whether the server has the race detector, which has memory of its own for everything.
var raced = len(buildFlags) > 0

// each runs something n times, so many at once.
func each(n, atOnce int, do func(i int)) {
	var wg sync.WaitGroup
	tickets := make(chan struct{}, atOnce)
	for i := range n {
		tickets <- struct{}{}
		wg.Go(func() {
			defer func() { <-tickets }()
			do(i)
		})
	}
	wg.Wait()
}

// fewer is n, or a tenth of it where the tests shall be short.
func fewer(n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

// sockets connects so many.
func (v *victim) sockets(t testing.TB, n int) []*socket {
	t.Helper()
	all := make([]*socket, n)
	each(n, dialers, func(i int) {
		c, err := v.tryConnect(t)
		if err != nil {
			t.Errorf("socket %d: %v", i, err)
			return
		}
		all[i] = c
	})
	if t.Failed() {
		t.FailNow()
	}
	return all
}

// hangUp closes all of them.
func hangUp[C interface{ Close() error }](all []C) {
	for _, c := range all {
		_ = c.Close()
	}
}

func (c *socket) Close() error { return c.conn.Close() }

// closedWith fails unless the server ends the connection with that code.
func (c *socket) closedWith(t testing.TB, what string, code ws.StatusCode) {
	t.Helper()
	if err := c.ended(); !isClosed(err, code) {
		t.Errorf("%s: the connection ended with %v, want a close with %d", what, err, code)
	}
}
