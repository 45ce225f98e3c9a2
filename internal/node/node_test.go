package node

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"resound/internal/apps"
	"resound/internal/config"
	"resound/protocol"
)

// started returns a running node of these arguments, in a directory of its own.
func started(t *testing.T, args ...string) *Node {
	t.Helper()
	call, err := config.Parse(append([]string{"start", "--host=127.0.0.1", "--port=0"}, args...), config.Options{
		Stdout: io.Discard, Stderr: io.Discard, Dir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	n, err := New(call.Config, Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := n.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return n
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // read to its end
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// The first real application ends the demo: its pages, its publisher and its application.
func TestARealApplicationEndsTheDemo(t *testing.T) {
	n := started(t)
	if status, body := get(t, n.BaseURL()+"/"); status != 200 || !strings.Contains(body, "Resound") || !n.IsDemo() {
		t.Fatalf("the demo's page: %d", status)
	}
	made := n.Apps()[0]
	if err := n.Reload(nil); err == nil || len(n.Apps()) != 1 {
		t.Errorf("an empty list: %v", err)
	}
	if err := n.Reload([]*apps.App{apps.New("1", "k", "")}); err == nil || !n.IsDemo() {
		t.Errorf("a list with a fault: %v", err)
	}
	if err := n.Reload([]*apps.App{apps.New("1", "k", "s")}); err != nil {
		t.Fatal(err)
	}
	if status, _ := get(t, n.BaseURL()+"/"); status != 404 || n.IsDemo() {
		t.Errorf("the demo's page is still there: %d", status)
	}
	if status, body := get(t, n.BaseURL()+"/apps/"+made.ID+"/channels"); status != 404 {
		t.Errorf("the demo's application is still there: %d %s", status, body)
	}
	select {
	case <-n.demo.ended:
	case <-time.After(20 * time.Second):
		t.Error("the demo's publisher still runs")
	}
}

func TestBaseURLReachesTheNode(t *testing.T) {
	n := started(t, "--path=/ws", "--app-id=1", "--app-key=k", "--app-secret=s")
	if status, body := get(t, n.BaseURL()+"/up"); status != 200 || body != `{"health":"OK"}` || !strings.HasSuffix(n.BaseURL(), "/ws") {
		t.Errorf("%s: %d %s", n.BaseURL(), status, body)
	}
	if status, _ := get(t, n.BaseURL()+"/"); status != 404 || n.IsDemo() {
		t.Errorf("a page of the demo beside a real application: %d", status)
	}
}

func TestADataDirectoryThatCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	call, err := config.Parse([]string{"start", "--data-dir=" + filepath.Join(file, "data")}, config.Options{
		Stdout: io.Discard, Stderr: io.Discard, Dir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(call.Config, Options{Log: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("the error does not name the directory: %v", err)
	}
}

func TestTraceIsReadable(t *testing.T) {
	var out strings.Builder
	trace := NewTrace(&out)
	id := protocol.SocketID{A: 123, B: 456}
	trace.Opened(id)
	trace.Received(id, []byte(`{"event":"pusher:ping"}`))
	trace.Received(id, []byte("\x1b[2Jno json\n"))
	trace.Sent(id, protocol.PongFrame)
	trace.Closed(id)
	got := out.String()
	for _, want := range []string{"  Connection Established ..", ".. 123.456\n", `"event": "pusher:ping"`, `"\x1b[2Jno json\n"`, "Message Sent", "Connection Closed"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if strings.Contains(got, "\x1b") {
		t.Error("a client plays tricks on the terminal")
	}
}
