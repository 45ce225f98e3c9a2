package node

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"resound/internal/config"
	"resound/internal/control"
	"resound/internal/redistest"
	"resound/protocol"
)

// eventually waits until what holds.
func eventually(t *testing.T, about string, what func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !what(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited for: %s", about)
		}
	}
}

// inCluster are the arguments of a server with others.
func inCluster(s *redistest.Server, more ...string) []string {
	return append([]string{
		"--app-id=one", "--app-key=k-secret-key", "--app-secret=very-secret", "--admin-address=127.0.0.1:0", "--scaling",
		"--redis-host=" + s.Host(), "--redis-port=" + s.Port(), "--redis-password=sesame", "--cluster-grace=1", "--cluster-lease=3",
	}, more...)
}

// A server of a cluster says so everywhere, goes on when Redis is away, and is ready all the same.
func TestServersOfACluster(t *testing.T) {
	redis := redistest.Start(t, redistest.Options{Password: "sesame"})
	n, other := started(t, inCluster(redis)...), started(t, inCluster(redis)...)
	eventually(t, "the two to know each other", func() bool { return n.cluster.Others() == 1 && other.cluster.Others() == 1 })
	where := "reverb:one: at " + redis.Addr() + ", "
	if got := n.Cluster(); got != where+"1 other server" {
		t.Errorf("the banner says %q", got)
	}
	app := n.engine.Hub().App(n.Apps()[0])
	if err := app.Publish([]byte("news"), protocol.Raw(`"e"`), protocol.Raw(`"text"`), protocol.SocketID{}).Wait(); err != nil {
		t.Fatal(err)
	}
	_, text := ask(t, n, "GET", "/metrics", "", "")
	for _, line := range []string{"resound_cluster_joined 1", "resound_cluster_other_nodes 1", "resound_cluster_published_total 1", "resound_replays_waiting 0"} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("there is no %q", line)
		}
	}
	for _, d := range described {
		name := regexp.MustCompile(`fqName: "(\w+)"`).FindStringSubmatch(d.String())[1]
		told := strings.Contains(text, "# TYPE "+name+" ")
		if strings.HasPrefix(name, "resound_cluster_") && !told || strings.HasPrefix(name, "resound_log_") && told {
			t.Errorf("%s is told: %v", name, told)
		}
	}
	if strings.Contains(text, "sesame") {
		t.Error("the metrics have the password of Redis")
	}
	if _, err := control.Open(t.Context(), n.config.DataDir, n.config.LogDir(), true); err == nil || !strings.Contains(err.Error(), "keeps events in Redis, "+redis.Addr()) {
		t.Errorf("the log is opened: %v", err)
	}
	client, err := control.Dial(t.Context(), n.config.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if state, err := client.Cluster(t.Context()); err != nil || state != "1 other server" {
		t.Errorf("the state is %q, %v", state, err)
	}
	top, err := n.watch(t.Context(), time.Millisecond, 1)
	if want := (control.TopCluster{Redis: redis.Addr(), Prefix: "reverb:one:", Joined: true, Others: 1}); err != nil || top.Cluster == nil || *top.Cluster != want {
		t.Errorf("it does %+v, %v", top.Cluster, err)
	}

	redis.Stop()
	eventually(t, "the server to be alone", func() bool { return n.Cluster() == where+"alone, since Redis cannot be reached" })
	if status, text := ask(t, n, "GET", "/ready", "", ""); status != http.StatusOK || text != "ready\ncluster: alone, since Redis cannot be reached\n" {
		t.Errorf("ready: %d %q", status, text)
	}
	if _, text := ask(t, n, "GET", "/metrics", "", ""); !strings.Contains(text, "\nresound_cluster_joined 0\n") {
		t.Error("the metrics say that it has joined")
	}
	redis.Start()
	eventually(t, "the two to know each other again", func() bool { return n.cluster.Others() == 1 && other.cluster.Others() == 1 })
}

// lines is a log.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Without Redis a server starts all the same, says so once, and joins when there is one.
func TestAServerStartsAlone(t *testing.T) {
	redis := redistest.Start(t, redistest.Options{Password: "sesame"})
	redis.Stop()
	call, err := config.Parse(append([]string{"start", "--host=127.0.0.1", "--port=0"}, inCluster(redis)...), config.Options{Stdout: io.Discard, Stderr: io.Discard, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var log lines
	n, err := New(call.Config, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := n.Stop(ctx); err != nil {
			t.Error(err)
		}
	}()
	if status, _ := get(t, n.BaseURL()+"/up"); status != http.StatusOK {
		t.Errorf("it does not serve: %d", status)
	}
	if text := log.String(); strings.Count(text, "this server is alone") != 1 || strings.Contains(text, "sesame") {
		t.Errorf("the log says\n%s", text)
	}
	redis.Start()
	eventually(t, "the server to join", n.cluster.Joined)
}

// A server that was never started is stopped, too.
func TestAServerThatIsNotStarted(t *testing.T) {
	redis := redistest.Start(t, redistest.Options{Password: "sesame"})
	call, err := config.Parse(append([]string{"start"}, inCluster(redis, "--redis-ca=/gone")...), config.Options{Stdout: io.Discard, Stderr: io.Discard, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(call.Config, Options{Log: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), "cannot read /gone") {
		t.Errorf("with certificates that are not there: %v", err)
	}
	if call, err = config.Parse(append([]string{"start"}, inCluster(redis)...), config.Options{Stdout: io.Discard, Stderr: io.Discard, Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	n, err := New(call.Config, Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
