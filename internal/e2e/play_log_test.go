package e2e

import (
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"resound/channels"
	"resound/internal/apps"
	"resound/persist"
)

// setHistory sets one of the application's settings of history.
func setHistory(t *testing.T, h *apps.History, key, value string) {
	switch key {
	case "history":
		h.Messages = atoi(t, value)
	case "history_age":
		h.Age = duration(t, value)
	case "replay_messages":
		h.ReplayMessages = atoi(t, value)
	case "replay_bytes":
		h.ReplayBytes = atoi(t, value)
	case "rewind":
		h.Rewind = atoi(t, value)
	case "conflate":
		h.Conflate = value
	}
}

// openLog opens the log of a transcript.
func (s *stage) openLog(d *datadriven.TestData, dir string) {
	o := persist.Options{
		Dir: dir, Durability: persist.Process, Retention: s.retention,
		Log: slog.New(slog.DiscardHandler), Now: s.manual.Now,
	}
	var err error
	if d.HasArg("durability") {
		var text string
		d.ScanArgs(s.t, "durability", &text)
		if o.Durability, err = persist.ParseDurability(text); err != nil {
			s.t.Fatal(err)
		}
	}
	log, err := persist.Open(o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.log, s.dir = log, dir
	s.t.Cleanup(func() { _ = log.Close() })
	s.manual.Hub().UseLog(log, 1<<20, func(err error, _, channel string) { s.t.Errorf("%s: %v", channel, err) })
}

func (s *stage) retention(app, channel string) persist.Retention {
	return channels.Retention(s.registry.ByID([]byte(app)), channel)
}

// advance moves the clock, and lets the log do what is due.
func (s *stage) advance(d time.Duration) {
	s.manual.Advance(d)
	if s.log != nil {
		if err := s.log.Sweep(s.manual.Now()); err != nil {
			s.t.Fatal(err)
		}
	}
}

// restart ends the server and starts it again: restart [crash] [wipe] [setting=…]. With crash the log is as
// kill -9 leaves it, with wipe it is lost.
func (s *stage) restart(d *datadriven.TestData) {
	for _, c := range s.clients {
		c.wire.HangUp()
	}
	dir := s.dir
	if d.HasArg("crash") {
		dir = s.t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(s.dir)); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := s.log.Close(); err != nil {
		s.t.Fatal(err)
	}
	if d.HasArg("wipe") {
		dir = s.t.TempDir()
	}
	next := stageIn(s.t, d, dir)
	next.manual.Begin(s.manual.Now())
	next.epochs, next.clients = s.epochs, s.clients
	*s = *next
}
