package bench

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"resound/bench/swarm"
)

// What a real server had is recorded: kinds, subscriptions, counts and sizes, and neither names nor what was said.
func TestRecord(t *testing.T) {
	s, err := startServer(resound(t), unpinned.server())
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	public, err := s.load(unpinned.load(), swarm.Options{Payload: 64, Publishers: 1, Channels: []string{"orders-of-zoe", "private-of-bob"}})
	if err != nil {
		t.Fatal(err)
	}
	defer public.stop()
	if err := public.connect(20); err != nil {
		t.Fatal(err)
	}
	if _, err := public.do(order{Op: "bursts", Messages: 10, Window: 1}); err != nil { // before the recording
		t.Fatal(err)
	}
	target := s.Target
	target.Address = s.addr.String()
	done := make(chan error, 1)
	var r *Recording
	go func() {
		var err error
		r, err = Record{Target: target, Duration: time.Second, Every: 250 * time.Millisecond, Progress: &Progress{}}.Run(context.Background())
		done <- err
	}()
	time.Sleep(300 * time.Millisecond) // the first look has been taken
	if _, err := public.do(order{Op: "bursts", Messages: 12, Window: 3}); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if r.Intervals != 4 || len(r.Connections) != 5 || r.Connections[0] != 20 || !r.Counted || r.Partial || len(r.Channels) != 2 {
		t.Fatalf("%+v", r)
	}
	kinds := map[string]bool{}
	for _, c := range r.Channels {
		kinds[c.Kind] = true
		if c.Subscriptions != 10 || c.total() != 6 || c.size() < 64+40 || c.size() > 64+70 {
			t.Errorf("%+v, %v messages of %v bytes", c, c.total(), c.size())
		}
	}
	if !kinds["public"] || !kinds["private"] {
		t.Errorf("kinds %v", kinds)
	}
	path := filepath.Join(t.TempDir(), "recording.json")
	if err := SaveRecording(path, r); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(text), "zoe") || strings.Contains(string(text), "bob") {
		t.Errorf("names are in %s, %v", text, err)
	}
	again, err := LoadRecording(path)
	if err != nil {
		t.Fatal(err)
	}
	rows := again.Table().Rows
	if last := rows[len(rows)-1]; len(rows) != 3 || last[0] != "all" || last[1] != "20" || last[2] != "12.0" || last[4] != "120" {
		t.Errorf("%q", rows)
	}
}

// Everybody leaves a channel between two looks, and then more messages come in fewer bytes: what is counted are those.
func TestRecordOfAChannelThatBeganAnew(t *testing.T) {
	looks := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/connections") {
			_, _ = io.WriteString(w, `{"connections":2}`)
			return
		}
		traffic := []string{`"messages":3,"bytes":9000`, `"messages":5,"bytes":400`}[min(looks, 1)]
		looks++
		_, _ = io.WriteString(w, `{"channels":{"news":{"traffic":{"subscriptions":2,`+traffic+`}}}}`)
	}))
	defer s.Close()
	target := Target{Name: "s", Address: s.Listener.Addr().String(), ID: "1", Key: "k", Secret: "s"}
	r, err := Record{Target: target, Duration: 10 * time.Millisecond, Every: 10 * time.Millisecond, Progress: &Progress{}}.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if c := r.Channels[0]; c.total() != 5 || c.Bytes != 400 {
		t.Errorf("%v messages of %d bytes in all, want 5 of 400", c.total(), c.Bytes)
	}
}

func TestRecordSaysWhatIsWrong(t *testing.T) {
	s, err := startServer(resound(t), unpinned.server())
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	target := s.Target
	target.Address = s.addr.String()
	run := func(target Target) error {
		_, err := Record{Target: target, Duration: 20 * time.Millisecond, Every: 10 * time.Millisecond, Progress: &Progress{}}.Run(context.Background())
		return err
	}
	wrong, nowhere := target, target
	wrong.Secret = "other"
	nowhere.Address = "127.0.0.1:1"
	for what, want := range map[string]struct {
		target Target
		says   string
	}{"nobody": {target, "record while it is used"}, "secret": {wrong, "is answered 401"}, "nowhere": {nowhere, "cannot be asked"}} {
		if err := run(want.target); err == nil || !strings.Contains(err.Error(), want.says) || strings.Contains(err.Error(), target.Secret+"\n") {
			t.Errorf("%s: %v", what, err)
		}
	}
	path := filepath.Join(t.TempDir(), "x")
	for text, says := range map[string]string{"{": "is no recording", "{}": "has no channels", `{"every_ns":1,"intervals":2,"channels":[{"messages":[1]}]}`: "has 1 of 2 intervals"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadRecording(path); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
