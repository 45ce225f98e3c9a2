package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gobwas/ws"
	"github.com/pusher/pusher-http-go/v5"
)

const (
	tenantCount  = 1_000 // applications in the file
	busyTenants  = 50    // those with sockets; what happens to the others must not touch them
	perTenant    = 100   // sockets of each
	reloadRounds = 10
	changes      = 10 // applications that each round adds, changes and removes
)

// TestReloadsUnderLiveSockets: while applications come, change and go, 5,000 sockets of 50 others
// stay and get all their events; and a file that is broken changes nothing.
func TestReloadsUnderLiveSockets(t *testing.T) {
	sockets := perTenant
	if testing.Short() {
		sockets = 10
	}
	needFiles(t, uint64(busyTenants*sockets+500))
	f := newTenantFile(t)
	s := start(t, plan{args: []string{"--config", f.path}})
	p := newTenantPublisher(s)
	defer p.http.CloseIdleConnections()

	// Two events for each round, of which one races with the reload, and one at the end.
	const expect = 2*reloadRounds + 3
	crowd := s.newTenantCrowd(t, sockets, expect)
	doomed := s.connectAs(t, f.tenants[tenantCount-1].key)
	doomed.subscribe("news", nil)

	var guest *socket // of the application that goes next
	for round := range reloadRounds {
		gone, came := f.turnOver(round)
		raced := make(chan struct{})
		go func() { defer close(raced); p.publish(t, 2*round) }()
		f.save(f.yaml())
		<-raced
		eventually(t, "the reload", func() bool { return s.logged(`"msg":"the configuration was reloaded"`) == round+1 })
		p.publish(t, 2*round+1)
		s.refuses(t, gone.key)
		if guest != nil {
			guest.isDismissed()
		}
		guest = s.connectAs(t, came.key)
		guest.subscribe("news", nil)
	}
	want := changes * reloadRounds
	for _, kind := range []string{"added", "removed"} {
		if n := s.logged(`"msg":"application ` + kind + `"`); n != want {
			t.Errorf("%d applications were %s, and %d are logged", want, kind, n)
		}
	}
	// A busy one is changed in each round, too.
	if n := s.logged(`"msg":"application changed"`); n != want+reloadRounds {
		t.Errorf("%d applications were changed, and %d are logged", want+reloadRounds, n)
	}

	line := f.breakIt()
	eventually(t, "what is wrong with the file", func() bool { return s.logged("could not be reloaded") == 1 })
	if place := f.path + ":" + strconv.Itoa(line); s.logged(place) != 1 {
		t.Errorf("the log does not say %s:\n%s", place, lastLines(s.log.String(), 3))
	}
	p.publish(t, 2*reloadRounds)
	f.save(f.yaml())
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "SIGHUP to be answered", func() bool { return s.logged("the configuration was read again, no application has changed") == 1 })
	p.publish(t, 2*reloadRounds+1)

	f.tenants = f.tenants[:len(f.tenants)-1]
	f.save(f.yaml())
	doomed.isDismissed()
	s.refuses(t, tenant(tenantCount-1).key)
	p.publish(t, 2*reloadRounds+2)
	crowd.Wait()
}

type tenantApp struct {
	id, key, secret string
	limit           int // max_message_size
}

func tenant(n int) tenantApp {
	return tenantApp{fmt.Sprintf("t%d", n), fmt.Sprintf("key-%d", n), fmt.Sprintf("secret-%d", n), 10_000}
}

// tenantFile is a config file with many applications: first the busy ones, last one with a single
// socket, and between them those that come, change and go.
type tenantFile struct {
	t       testing.TB
	path    string
	tenants []tenantApp
	made    int
}

func newTenantFile(t testing.TB) *tenantFile {
	f := &tenantFile{t: t, path: filepath.Join(t.TempDir(), "resound.yaml"), made: tenantCount}
	for n := range tenantCount {
		f.tenants = append(f.tenants, tenant(n))
	}
	f.save(f.yaml())
	return f
}

// turnOver removes, adds and changes idle applications, changes a busy one, and returns one that
// has gone and one that has come.
func (f *tenantFile) turnOver(round int) (gone, came tenantApp) {
	idle := f.tenants[busyTenants : len(f.tenants)-1]
	for i := range changes {
		gone, came = idle[i], tenant(f.made)
		idle[i] = came
		f.made++
	}
	for i := range changes {
		idle[len(idle)-1-i].limit++
	}
	f.tenants[round].limit++
	return gone, came
}

func (f *tenantFile) yaml() string {
	var b strings.Builder
	b.WriteString("# A setting of the server holds for each application that has no other.\nping_interval: 3600\napps:\n")
	for _, a := range f.tenants {
		fmt.Fprintf(&b, "  - id: %s\n    key: %s\n    secret: %s\n    max_message_size: %d\n", a.id, a.key, a.secret, a.limit)
	}
	return b.String()
}

// save replaces the file in one step, as a deployment does.
func (f *tenantFile) save(text string) {
	f.t.Helper()
	next := f.path + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(next, f.path); err != nil {
		f.t.Fatal(err)
	}
}

// breakIt saves a file without most applications and with a name that is none, and returns the line of the latter.
func (f *tenantFile) breakIt() (line int) {
	f.t.Helper()
	lines := strings.Split(f.yaml(), "\n")[:40]
	f.save(strings.Join(append(lines, "  - id: broken", "    sekret: x"), "\n") + "\n")
	return len(lines) + 2
}

// tenantPublisher publishes for each busy application with its own credentials.
type tenantPublisher struct {
	http    *http.Client
	clients []*pusher.Client
}

func newTenantPublisher(s *server) *tenantPublisher {
	p := &tenantPublisher{http: &http.Client{Timeout: patience, Transport: &http.Transport{}}}
	for n := range busyTenants {
		a := tenant(n)
		p.clients = append(p.clients, &pusher.Client{AppID: a.id, Key: a.key, Secret: a.secret, Host: s.addr, HTTPClient: p.http})
	}
	return p
}

// publish is one event for every busy application. It may run beside the test.
func (p *tenantPublisher) publish(t testing.TB, n int) {
	for _, c := range p.clients {
		if err := c.Trigger("news", "tick", strconv.Itoa(n)); err != nil {
			t.Errorf("event %d of %s: %v", n, c.AppID, err)
		}
	}
}

// newTenantCrowd opens the sockets of the busy applications. Each ends when it has had all events, in order.
func (s *server) newTenantCrowd(t testing.TB, each, events int) *sync.WaitGroup {
	t.Helper()
	var crowd, ready sync.WaitGroup
	tickets := make(chan struct{}, dialers)
	for i := range busyTenants * each {
		tickets <- struct{}{}
		ready.Add(1)
		crowd.Go(func() {
			c, err := s.tryConnectAs(t, tenant(i%busyTenants).key)
			if err == nil {
				err = c.trySubscribe("news")
			}
			<-tickets
			ready.Done()
			if err == nil {
				err = c.follow(events)
			}
			if err == nil {
				err = c.part(true)
			}
			if err != nil {
				t.Errorf("socket %d: %v", i, err)
			}
		})
	}
	ready.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return &crowd
}

// tryConnectAs is tryConnect for the application with that key.
func (s *server) tryConnectAs(t testing.TB, key string) (*socket, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	dialer := ws.Dialer{ReadBufferSize: 1024, WriteBufferSize: 512}
	conn, r, _, err := dialer.Dial(ctx, "ws://"+s.addr+"/app/"+key+"?protocol=7&client=go&version=1&flash=false")
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = conn.Close() })
	if r == nil { // nothing came behind the 101 yet
		r = bufio.NewReaderSize(conn, 1024)
	}
	c := &socket{t: t, conn: conn, r: r}
	m, err := c.read()
	if err == nil && m.Event != "pusher:connection_established" {
		err = fmt.Errorf("the first event is %+v", m)
	}
	return c, err
}

func (s *server) connectAs(t testing.TB, key string) *socket {
	t.Helper()
	c, err := s.tryConnectAs(t, key)
	if err != nil {
		t.Fatalf("connecting to %s: %v", key, err)
	}
	return c
}

// refuses requires that there is no application with that key.
func (s *server) refuses(t testing.TB, key string) {
	t.Helper()
	c, err := s.tryConnectAs(t, key)
	if err == nil || c == nil {
		t.Fatalf("connecting to %s, which is gone: %v", key, err)
	}
	c.isDismissed()
}

// isDismissed requires that the socket is closed because there is no such application.
func (c *socket) isDismissed() {
	c.t.Helper()
	var closed closedError
	if err := c.ended(); !errors.As(err, &closed) || closed.code != 4001 {
		c.t.Errorf("a socket of an application that is gone ends with: %v", err)
	}
}

// logged counts the lines of the log that hold text.
func (s *server) logged(text string) int { return strings.Count(s.log.String(), text) }

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
