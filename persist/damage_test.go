package persist

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
)

// damages are what may happen to a file while nobody looks.
var damages = map[string]func([]byte) []byte{
	"emptied":           func(b []byte) []byte { return nil },
	"cut in half":       func(b []byte) []byte { return b[:len(b)/2] },
	"cut by a byte":     func(b []byte) []byte { return b[:max(0, len(b)-1)] },
	"flipped early":     flip(0.1),
	"flipped":           flip(0.4),
	"flipped late":      flip(0.99),
	"zeroed":            func(b []byte) []byte { return make([]byte, len(b)) },
	"zeroed at the end": func(b []byte) []byte { return append(b[:len(b)/2:len(b)/2], make([]byte, len(b)-len(b)/2)...) },
	"gone":              nil,
}

func flip(at float64) func([]byte) []byte {
	return func(b []byte) []byte {
		b = slices.Clone(b)
		if len(b) > 0 {
			b[int(at*float64(len(b)))] ^= 0x10
		}
		return b
	}
}

// TestDamagedFiles damages each file of a log in each way, after a clean stop and after a kill. There must be an
// error, or a gap, or all that was stored; and no panic.
//
// What is missing from the end of the write-ahead log of a killed process looks like what the kill cut off. That is
// taken for never acknowledged, and is the one loss that is not told.
func TestDamagedFiles(t *testing.T) {
	opt := Options{Dir: filepath.Join(t.TempDir(), "log"), Durability: Process, Boot: "first",
		Retention: keep(Retention{Messages: 150})}
	l := mustOpen(t, opt)
	want := map[string][]string{}
	for round := range 3 {
		for i := range 3 {
			channel := fmt.Sprint("channel-", i)
			s := mustStream(t, l, channel)
			for j := range 100 {
				payload := fmt.Sprintf("%d/%d/%0200d", round, j, i)
				p := put(t, s, payload)
				want[channel] = append(want[channel], fmt.Sprintf("%d:%s", p.Serial, payload))
			}
		}
		if round < 2 {
			if err := l.last.db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if round == 0 {
			if err := l.Compact(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for channel := range want {
		want[channel] = want[channel][150:]
	}
	killed := copyDir(t, opt.Dir)
	mustClose(t, l)
	told, whole := 0, 0
	for _, state := range []struct {
		what, dir string
	}{{"closed", opt.Dir}, {"killed", killed}} {
		for _, name := range slices.Sorted(maps.Keys(files(t, state.dir))) {
			for what, damage := range damages {
				if name == "LOCK" || state.what == "killed" && isWAL(name) && (damage == nil || !strings.HasPrefix(what, "flipped ear")) {
					continue
				}
				dir := copyDir(t, state.dir)
				path := filepath.Join(dir, name)
				text, err := os.ReadFile(path)
				if err == nil && damage == nil {
					err = os.Remove(path)
				} else if err == nil {
					err = os.WriteFile(path, damage(text), 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
				damaged := opt
				damaged.Dir = dir
				if loss := openDamaged(t, damaged, want); loss == "told" {
					told++
				} else if whole++; loss != "" {
					t.Errorf("%s, %s %s: %s", state.what, name, what, loss)
				}
			}
		}
	}
	if told == 0 || whole == 0 {
		t.Errorf("%d losses told, %d times no loss", told, whole)
	}
}

// openDamaged says what is lost and not told, or that a loss was told.
func openDamaged(t *testing.T, opt Options, want map[string][]string) string {
	l, err := Open(opt)
	if err != nil {
		return "told"
	}
	defer l.Close()
	told := false
	for channel := range want {
		s, err := l.Stream("app", channel)
		if err != nil {
			told = true
			continue
		}
		defer s.Release()
		o := s.Resume(Position{1, 150})
		head, _ := s.Head()
		var got []string
		err = s.Since(context.Background(), 150, head.Serial, func(r Record) bool {
			got = append(got, fmt.Sprintf("%d:%s", r.Serial, r.Payload))
			return true
		})
		switch {
		case err != nil || o.Gap != None:
			told = true
		case !slices.Equal(got, want[channel]):
			return fmt.Sprintf("%s: %d of %d records from %d, and no word", channel, len(got), len(want[channel]), o.After)
		}
		if _, c, err := s.Append([2]uint32{}, nil); err == nil {
			_ = c.Wait()
		}
	}
	if told {
		return "told"
	}
	return ""
}

// TestMissingRecordIsToldOf removes a record from the middle, as a damaged Pebble might.
func TestMissingRecordIsToldOf(t *testing.T) {
	opt := Options{Dir: filepath.Join(t.TempDir(), "log")}
	l := mustOpen(t, opt)
	s := mustStream(t, l, "x")
	putMany(t, s, 10)
	for _, serial := range []uint64{5, 10} {
		if err := l.last.db.Delete(recordKey(s.id, serial), pebble.Sync); err != nil {
			t.Fatal(err)
		}
		err := s.Since(context.Background(), 3, 10, func(r Record) bool { return r.Serial < serial })
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("without record %d: %v", serial, err)
		}
	}
}
