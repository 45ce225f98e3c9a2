package persist

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// files is everything in a directory, by name; modification times are part of it.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	got := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		got[e.Name()] = fmt.Sprint(info.Size(), info.ModTime(), string(text))
	}
	return got
}

func sameFiles(t testing.TB, what string, before, after map[string]string) {
	t.Helper()
	for name, text := range before {
		if name == "LOCK" {
			text = after[name] // locking it may touch it
		}
		if after[name] != text {
			t.Errorf("%s: %s was changed", what, name)
		}
	}
	for name := range after {
		if _, ok := before[name]; !ok {
			t.Errorf("%s: %s was made", what, name)
		}
	}
}

func TestSecondProcessIsLockedOut(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := mustOpen(t, Options{Dir: dir})
	for _, readOnly := range []bool{false, true} {
		_, err := Open(Options{Dir: dir, ReadOnly: readOnly})
		wantErr(t, err, ErrLocked)
		if want := "another process has the log: stop it, or choose another directory"; !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("not helpful: %v", err)
		}
	}
	mustClose(t, l)
	mustClose(t, mustOpen(t, Options{Dir: dir}))
}

func TestForeignDirectory(t *testing.T) {
	for what, fill := range map[string]func(dir string) error{
		"some file": func(dir string) error { return os.WriteFile(filepath.Join(dir, "photo.jpg"), []byte("x"), 0o600) },
		"another's state": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, stateFile), []byte("something else\n"), 0o600)
		},
		"a store of Pebble's": func(dir string) error {
			db, err := pebble.Open(dir, &pebble.Options{Logger: pebbleLog{slog.New(slog.DiscardHandler), &guard{}}})
			if err != nil {
				return err
			}
			return errors.Join(db.Set([]byte("a"), []byte("b"), pebble.Sync), db.Close())
		},
	} {
		dir := t.TempDir()
		if err := fill(dir); err != nil {
			t.Fatal(err)
		}
		before := files(t, dir)
		for _, readOnly := range []bool{false, true} {
			_, err := Open(Options{Dir: dir, ReadOnly: readOnly})
			if !errors.Is(err, ErrForeign) {
				t.Errorf("%s: %v", what, err)
			}
		}
		sameFiles(t, what, before, files(t, dir))
	}
}

func TestEmptyDirectories(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	mustClose(t, mustOpen(t, Options{Dir: dir}))
	_, err := Open(Options{Dir: filepath.Join(dir, "missing"), ReadOnly: true})
	wantErr(t, err, fs.ErrNotExist)
	if _, err := os.Stat(filepath.Join(dir, "missing")); err == nil {
		t.Error("looking at a log made it")
	}
	deep := filepath.Join(dir, "a", "b", "c")
	mustClose(t, mustOpen(t, Options{Dir: deep}))
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: filepath.Join(file, "log")}); err == nil {
		t.Error("a log below a file")
	}
}

func TestOtherFormat(t *testing.T) {
	dir := t.TempDir()
	mustClose(t, mustOpen(t, Options{Dir: dir}))
	path := filepath.Join(dir, stateFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"0", "2", "117"} {
		other := bytes.Replace(text, []byte("resound log 1\n"), []byte("resound log "+version+"\n"), 1)
		if err := os.WriteFile(path, other, 0o600); err != nil {
			t.Fatal(err)
		}
		before := files(t, dir)
		_, err = Open(Options{Dir: dir})
		wantErr(t, err, ErrVersion)
		if want := "the log has format " + version + ", this binary reads format 1"; !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want %q in it", err, want)
		}
		sameFiles(t, "format "+version, before, files(t, dir))
	}
}

func TestStateFile(t *testing.T) {
	s := newState(time.Unix(1_700_000_000, 0))
	s.run, s.durability, s.boot, s.clean, s.stamp = 3, Disk, `odd "name" % of a boot`, false, 1<<63+5
	s.epochs = epochs{now: 1 << 31, unclean: 7, incomplete: 6, purged: 5, jump: 1 << 52, floor: 99}
	got, err := parseState(s.encode())
	if err != nil || got != s {
		t.Fatalf("got %+v, %v, want %+v", got, err, s)
	}
	text := s.encode()
	for i := range text {
		for _, bad := range [][]byte{text[:i], append(append(append([]byte(nil), text[:i]...), text[i]^1), text[i+1:]...)} {
			if _, err := parseState(bad); !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrForeign) && !errors.Is(err, ErrVersion) {
				t.Errorf("byte %d: %v for %q", i, err, bad)
			}
		}
	}
	if a, b := newState(time.Now()), newState(time.Now()); a.id == b.id {
		t.Error("two logs have the same name")
	}
}

// TestReadOnlyChangesNothing looks at a log that was closed, and at one that was killed.
func TestReadOnlyChangesNothing(t *testing.T) {
	opt := Options{Dir: filepath.Join(t.TempDir(), "log"), Durability: Process}
	l := mustOpen(t, opt)
	putMany(t, mustStream(t, l, "x"), 100)
	killed := copyDir(t, opt.Dir)
	mustClose(t, l)
	for _, dir := range []string{opt.Dir, killed, without(t, copyDir(t, opt.Dir), "LOCK")} {
		before := files(t, dir)
		ro := opt
		ro.Dir, ro.ReadOnly = dir, true
		l := mustOpen(t, ro)
		s := mustStream(t, l, "x")
		if got := since(t, s, 0, 1000); len(got) != 100 {
			t.Errorf("%d records", len(got))
		}
		info, err := l.Info("app", "x")
		if err != nil || info.Records != 100 || info.Epoch != 1 {
			t.Errorf("%+v, %v", info, err)
		}
		_, _, err = s.Append([2]uint32{}, nil)
		wantErr(t, err, ErrReadOnly)
		wantErr(t, l.Truncate("app", "x", 5), ErrReadOnly)
		wantErr(t, l.Compact(context.Background()), ErrReadOnly)
		wantErr(t, l.Sweep(time.Now()), ErrReadOnly)
		l.Run(context.Background()) // returns: there is nothing to do
		mustClose(t, l)
		sameFiles(t, dir, before, files(t, dir))
	}
}

// copyDir is a directory as a process leaves it that is killed now.
func copyDir(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func without(t testing.TB, dir, name string) string {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestOnTheRealDisk kills a log in each mode on the disk of this machine.
func TestOnTheRealDisk(t *testing.T) {
	for _, d := range []Durability{Async, Process, Disk} {
		opt := Options{Dir: filepath.Join(t.TempDir(), "log"), Durability: d}
		l := mustOpen(t, opt)
		putMany(t, mustStream(t, l, "x"), 50)
		l.writeQueued()
		opt.Dir = copyDir(t, opt.Dir)
		l = mustOpen(t, opt)
		s := mustStream(t, l, "x")
		if got := since(t, s, 0, 1000); len(got) != 50 {
			t.Errorf("%v: %d records", d, len(got))
		}
		want := None
		if d == Async {
			want = Epoch
		}
		if o := s.Resume(Position{1, 20}); o.Gap != want {
			t.Errorf("%v: %+v", d, o)
		}
		if st := l.Stats(); st.DiskBytes == 0 || st.Off {
			t.Errorf("%+v", st)
		}
		mustClose(t, l)
	}
}

func TestGoroutinesEnd(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 3 {
		l, stop := running(t, memory(vfs.NewMem()))
		s, _ := l.Stream("app", "x")
		putMany(t, s, 10)
		mustClose(t, l) // ends Run as well
		stop()
	}
	eventually(t, "the end of all goroutines", func() bool { return runtime.NumGoroutine() <= before })
}

// TestCloseWhileUsed closes a log that others read and write.
func TestCloseWhileUsed(t *testing.T) {
	for range 20 {
		l, stop := running(t, memory(vfs.NewMem()))
		w := newPublishers(t, l, 4)
		w.start()
		eventually(t, "publishing", func() bool { return l.Stats().Appends > 50 })
		mustClose(t, l)
		w.stop()
		w.release()
		stop()
		l = mustOpen(t, l.opt)
		w.check(l, false)
		if n := l.Epoch(); n != 1 {
			t.Errorf("epoch %d behind a clean stop", n)
		}
		mustClose(t, l)
	}
}

// TestCloseWhileSwept closes a log while a sweep forgets streams, which has to write the state file as well.
func TestCloseWhileSwept(t *testing.T) {
	for i := range 30 {
		opt := memory(vfs.NewMem())
		opt.Metadata, opt.Retention = 1, keep(Retention{Messages: 5, Age: 1})
		l := mustOpen(t, opt)
		for j := range 10 {
			s, err := l.Stream("app", fmt.Sprint(j))
			if err != nil {
				t.Fatal(err)
			}
			put(t, s, "x")
			s.Release()
		}
		now := time.Now().Add(time.Hour)
		if err := l.Sweep(now); err != nil {
			t.Fatal(err)
		}
		swept := make(chan error)
		go func() { swept <- l.Sweep(now.Add(time.Hour)) }()
		for range i {
			runtime.Gosched()
		}
		mustClose(t, l)
		if err := <-swept; err != nil && !errors.Is(err, ErrOff) {
			t.Error(err)
		}
	}
}
