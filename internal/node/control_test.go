package node

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"testing"

	"resound/internal/config"
	"resound/internal/control"
)

// Commands reach a running node, with and without a log, and nothing is left of the endpoint at its end.
func TestControlWhileItRuns(t *testing.T) {
	for _, durability := range []string{"process", "off"} {
		n := started(t, "--app-id=1", "--app-key=k", "--app-secret=s", "--durability="+durability)
		c, err := control.Dial(t.Context(), n.config.DataDir)
		if err != nil {
			t.Fatal(err)
		}
		stats, err := c.Stats(t.Context())
		if err != nil || strings.Contains(string(stats["log"]), `"Appends":0`) != (durability != "off") {
			t.Errorf("%s: the counters are %s, %v", durability, stats, err)
		}
		if _, err := c.Log(); (err == nil) != (durability != "off") {
			t.Errorf("%s: the log: %v", durability, err)
		}
		c.Close()
		if err := n.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := control.Dial(t.Context(), n.config.DataDir); !errors.Is(err, control.ErrNotRunning) {
			t.Errorf("%s: after the stop: %v", durability, err)
		}
	}
}

// The second server on a data directory does not start, and says who has it.
func TestTwoServersOnOneDataDirectory(t *testing.T) {
	first := started(t, "--app-id=1", "--app-key=k", "--app-secret=s")
	call, err := config.Parse([]string{"start", "--app-id=1", "--app-key=k", "--app-secret=s", "--data-dir=" + first.config.DataDir}, config.Options{
		Stdout: io.Discard, Stderr: io.Discard, Dir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(call.Config, Options{Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "already, as process "+strconv.Itoa(os.Getpid())+": ") {
		t.Errorf("got %v", err)
	}
	first.stopControl(context.Background())
	_, err = New(call.Config, Options{Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "another process has the log") {
		t.Errorf("without the endpoint: %v", err)
	}
}
