package e2e

import (
	"encoding/json"
	"strings"
	"testing"
)

// `resound top` says what a running server does, and without one that none runs.
func TestTop(t *testing.T) {
	t.Parallel()
	d := logDir{t, t.TempDir()}
	if _, stderr, code := run(t, plan{}, "top", "--data-dir", d.dir); code != 1 || !strings.Contains(stderr, "no server runs on "+d.dir) {
		t.Errorf("without a server: %d %s", code, stderr)
	}
	s := start(t, d.plan())
	for range 3 {
		c := s.connect(t)
		c.subscribe("prices", nil)
	}
	s.connect(t).subscribe("quiet", nil)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for p := s.publisher(); ; {
			select {
			case <-stop:
				return
			default:
				if err := p.Trigger("prices", "changed", strings.Repeat("x", 100)); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}()
	stdout, stderr, code := run(t, plan{}, "top", "--data-dir", d.dir, "--json", "--once", "--channels", "1")
	close(stop)
	<-stopped
	var top struct {
		Sockets, Others      int
		Published, Delivered float64
		Requests             float64
		Apps                 []struct {
			ID                         string
			Connections, Subscriptions int
			Delivered                  float64
		}
		Channels []struct {
			Name          string
			Subscriptions int
			Messages      float64
			Size          float64
		}
	}
	if err := json.Unmarshal([]byte(stdout), &top); err != nil || code != 0 {
		t.Fatalf("%d %s%s, %v", code, stdout, stderr, err)
	}
	if top.Sockets < 4 || top.Published <= 0 || top.Requests <= 0 || len(top.Apps) != 1 || len(top.Channels) != 1 || top.Others != 1 {
		t.Fatalf("%s", stdout)
	}
	app, c := top.Apps[0], top.Channels[0]
	if app.ID != appID || app.Connections != 4 || app.Subscriptions != 4 || app.Delivered != top.Delivered || c.Name != "prices" || c.Subscriptions != 3 || c.Messages <= 0 || c.Size < 100 || c.Size > 250 {
		t.Errorf("%s", stdout)
	}
	stdout, _, _ = run(t, plan{}, "top", "--data-dir", d.dir, "--every", "100ms")
	for _, want := range []string{"APPLICATION", "CHANNEL", "prices", "quiet", appID} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in\n%s", want, stdout)
		}
	}
}
