package control

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"resound/persist"
)

// openLog opens a log in the directory until the end of the test.
func openLog(t *testing.T, dir string) *persist.Log {
	t.Helper()
	log, err := persist.Open(persist.Options{Dir: dir, Durability: persist.Process})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	return log
}

// fill appends n events to a channel.
func fill(t *testing.T, log *persist.Log, app, channel string, n int) {
	t.Helper()
	s, err := log.Stream(app, channel)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	for i := range n {
		except := [2]uint32{}
		if i%3 == 1 {
			except = [2]uint32{uint32(i), 7}
		}
		_, commit, err := s.Append(except, fmt.Appendf(nil, "{\"event\":\"e\",\"data\":%d}\x00\xff\n", i))
		if err == nil {
			err = commit.Wait()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// answers is everything that can be asked of a log, as text.
func answers(t *testing.T, log Log) map[string]string {
	t.Helper()
	got := make(map[string]string)
	put := func(name string, v any, err error) { got[name] = fmt.Sprintf("%+v, error %v", v, err) }
	for _, of := range [][2]string{{"", ""}, {"1", ""}, {"1", "private-"}, {"", "or"}, {"3", ""}, {"1", "nope"}} {
		list, err := log.Streams(t.Context(), of[0], of[1])
		put(fmt.Sprintf("streams of %q", of), utc(list), err)
	}
	for _, channel := range []string{"orders", "private-a b&c=d", "empty", "nope"} {
		info, err := log.Info(t.Context(), "1", channel)
		put("info of "+channel, utc([]persist.StreamInfo{info}), err)
		if missing := channel == "nope"; errors.Is(err, persist.ErrNoStream) != missing {
			t.Errorf("info of %s: %v", channel, err)
		}
		for _, n := range []int{0, 1, 3, 10_000} {
			after, err := log.Newest(t.Context(), "1", channel, n)
			put(fmt.Sprintf("newest %d of %s", n, channel), after, err)
		}
		for _, part := range [][2]uint64{{0, 1 << 40}, {0, 3}, {1000, 1003}, {1199, 1201}, {5, 5}, {7, 3}} {
			var list []string
			err := log.Records(t.Context(), "1", channel, part[0], part[1], func(r persist.Record) bool {
				list = append(list, fmt.Sprintf("%d %v %v %q", r.Serial, r.Time.UTC(), r.Except, r.Payload))
				return true
			})
			put(fmt.Sprintf("records %v of %s", part, channel), list, err)
		}
	}
	return got
}

// utc is the list with times that are printed alike.
func utc(list []persist.StreamInfo) []persist.StreamInfo {
	var out []persist.StreamInfo
	for _, i := range list {
		i.Oldest, i.Newest = i.Oldest.UTC(), i.Newest.UTC()
		out = append(out, i)
	}
	return out
}

// filled is a log with streams of two applications, one of them longer than a chunk and cut.
func filled(t *testing.T, dir string) *persist.Log {
	log := openLog(t, dir)
	fill(t, log, "1", "orders", 2*chunkRecords+200)
	fill(t, log, "1", "private-a b&c=d", 3)
	fill(t, log, "1", "empty", 2)
	fill(t, log, "2", "orders", 1)
	if err := errors.Join(log.Truncate("1", "orders", 2), log.Truncate("1", "empty", 2)); err != nil {
		t.Fatal(err)
	}
	return log
}

func TestRemoteIsLikeLocal(t *testing.T) {
	dir := t.TempDir()
	log := filled(t, filepath.Join(dir, "log"))
	var told []string
	serve(t, dir, func(s *Server) {
		s.HandleLog(log, func(app, channel string, upto uint64) { told = append(told, fmt.Sprint(app, " ", channel, " ", upto)) })
	})
	far, err := dial(t, dir).Log()
	if err != nil {
		t.Fatal(err)
	}
	near := local{log}
	want, got := answers(t, near), answers(t, far)
	for name := range want {
		if want[name] != got[name] {
			t.Errorf("%s\nnear %.2000s\nfar  %.2000s", name, want[name], got[name])
		}
	}
	all := want["records [0 1099511627776] of orders"]
	if n := strings.Count(all, "event"); n != 2*chunkRecords+198 || !strings.HasPrefix(all, "[3 ") {
		t.Errorf("%d records were read: %.100s", n, all)
	}
	// What one removes, the other does not see any more.
	if err := far.Truncate(t.Context(), "1", "private-a b&c=d", 2); err != nil {
		t.Fatal(err)
	}
	if info, err := near.Info(t.Context(), "1", "private-a b&c=d"); err != nil || info.First != 3 || info.Records != 1 {
		t.Errorf("after a truncation: %+v, %v", info, err)
	}
	if len(told) != 1 || told[0] != "1 private-a b&c=d 2" {
		t.Errorf("the server was told of %q", told)
	}
	if err := far.Compact(t.Context()); err != nil {
		t.Error(err)
	}
	stats, err := far.LogStats(t.Context())
	if err != nil || stats.Appends != 2*chunkRecords+206 || stats.DiskBytes == 0 || stats.Off {
		t.Errorf("the counters are %+v, %v", stats, err)
	}
	if !reflect.DeepEqual(stats, log.Stats()) {
		t.Errorf("far %+v\nnear %+v", stats, log.Stats())
	}
}

// A reader that has enough gets no more, and one that is cut off by retention goes on behind it.
func TestRecordsEndAndSkip(t *testing.T) {
	log := filled(t, filepath.Join(t.TempDir(), "log"))
	n := 0
	err := local{log}.Records(t.Context(), "1", "orders", 0, 1<<40, func(r persist.Record) bool {
		n++
		if n == chunkRecords {
			// In the middle of the walk most of it goes.
			if err := log.Truncate("1", "orders", 1190); err != nil {
				t.Error(err)
			}
		}
		return n < chunkRecords+5
	})
	if err != nil || n != chunkRecords+5 {
		t.Errorf("%d records, %v", n, err)
	}
	if _, err := log.Info("1", "orders"); err != nil {
		t.Fatal(err)
	}
	if list, err := (local{log}).chunk(t.Context(), "1", "orders", 0, 1100); err != nil || len(list) != 0 {
		t.Errorf("of what is gone there are %d, %v", len(list), err)
	}
}

func TestRequestsThatCannotBeUnderstood(t *testing.T) {
	dir := t.TempDir()
	log := openLog(t, filepath.Join(dir, "log"))
	serve(t, dir, func(s *Server) { s.HandleLog(log, func(string, string, uint64) {}) })
	c := dial(t, dir)
	for _, path := range []string{"/log/newest", "/log/records"} {
		if err := c.get(t.Context(), path, of("1", "a"), nil); err == nil || !strings.Contains(err.Error(), "bad request") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := c.call(t.Context(), http.MethodPost, "/log/truncate", map[string][]string{"upto": {"-1"}}, nil); err == nil || !strings.Contains(err.Error(), `upto is "-1"`) {
		t.Errorf("truncate: %v", err)
	}
	if err := c.get(t.Context(), "/log/truncate", of("1", "a"), nil); err == nil || !strings.Contains(err.Error(), "Method Not Allowed") {
		t.Errorf("a GET that changes something: %v", err)
	}
}

// An answer that ends too early is an error, and not the whole list.
func TestAnswerThatWasCutOff(t *testing.T) {
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hello" {
			fmt.Fprintf(w, `{"pid":%d,"log":true}`, os.Getpid())
			return
		}
		fmt.Fprint(w, "{\"App\":\"1\"}\n{\"App\":\"2\"}\n")
	}))
	defer cut.Close()
	dir := t.TempDir()
	if err := (place{Address: cut.Listener.Addr().String(), Token: "t", PID: os.Getpid()}).write(dir); err != nil {
		t.Fatal(err)
	}
	log, err := dial(t, dir).Log()
	if err != nil {
		t.Fatal(err)
	}
	if list, err := log.Streams(t.Context(), "", ""); err == nil || list != nil {
		t.Errorf("got %v, %v", list, err)
	}
}

func TestServerWithoutALog(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, nil)
	if _, err := dial(t, dir).Log(); !errors.Is(err, ErrNoLog) {
		t.Errorf("got %v", err)
	}
	// What an earlier run has kept can be looked at all the same.
	logDir := filepath.Join(dir, "log")
	before, err := persist.Open(persist.Options{Dir: logDir})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, before, "1", "a", 1)
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	o, err := Open(t.Context(), dir, logDir, true)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := o.Streams(t.Context(), "", ""); err != nil || len(list) != 1 || o.PID != 0 {
		t.Errorf("%v, %v, process %d", list, err, o.PID)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenThroughTheServer(t *testing.T) {
	dir := t.TempDir()
	log := filled(t, filepath.Join(dir, "log"))
	serve(t, dir, func(s *Server) { s.HandleLog(log, func(string, string, uint64) {}) })
	for _, readOnly := range []bool{true, false} {
		o, err := Open(t.Context(), dir, filepath.Join(dir, "log"), readOnly)
		if err != nil {
			t.Fatal(err)
		}
		if list, err := o.Streams(t.Context(), "", ""); err != nil || len(list) != 4 || o.PID != os.Getpid() {
			t.Errorf("%d streams, %v, process %d", len(list), err, o.PID)
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := log.Truncate("2", "orders", 1); err != nil {
		t.Errorf("the log of the server was closed: %v", err)
	}
}

// After a stop, and after a kill that left the file behind, the files are opened; reading changes none of them.
func TestOpenWithoutServer(t *testing.T) {
	dir := t.TempDir()
	logDir := filepath.Join(dir, "log")
	if _, err := Open(t.Context(), dir, logDir, false); err == nil || err.Error() != "there is no log in "+logDir+": has a server run with this data directory? --data-dir names another" {
		t.Errorf("without a log: %v", err)
	}
	if _, err := os.Stat(logDir); err == nil {
		t.Error("a log was made")
	}
	log, err := persist.Open(persist.Options{Dir: logDir, Durability: persist.Process})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, log, "1", "a", 3)
	killed := t.TempDir() // the files as they are while the log is open
	if err := os.CopyFS(filepath.Join(killed, "log"), os.DirFS(logDir)); err != nil {
		t.Fatal(err)
	}
	if err := (place{Address: "127.0.0.1:1", Token: "t", PID: 1}).write(killed); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"stopped": dir, "killed": killed} {
		before := listing(t, dir)
		for _, readOnly := range []bool{true, false} {
			o, err := Open(t.Context(), dir, filepath.Join(dir, "log"), readOnly)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			info, err := o.Info(t.Context(), "1", "a")
			if err != nil || info.Head != 3 || info.Records != 3 || o.PID != 0 {
				t.Errorf("%s: %+v, %v", name, info, err)
			}
			if err := o.Truncate(t.Context(), "1", "a", 2); (err == nil) == readOnly {
				t.Errorf("%s: truncating, read only %v: %v", name, readOnly, err)
			}
			if err := o.Close(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if after := listing(t, dir); readOnly && after != before {
				t.Errorf("%s: reading changed\n%sto\n%s", name, before, after)
			}
		}
	}
}

// listing is every file of a directory with what is in it.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %x\n", path, sha256.Sum256(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Whoever cannot be asked and has the log is named as far as it is known.
func TestOpenALogThatIsInUse(t *testing.T) {
	dir := t.TempDir()
	logDir := filepath.Join(dir, "log")
	openLog(t, logDir)
	if _, err := Open(t.Context(), dir, logDir, true); err == nil || !strings.Contains(err.Error(), "is in use, but control.json does not say by which server") {
		t.Errorf("without a file: %v", err)
	}
	if err := (place{Address: "127.0.0.1:1", Token: "t", PID: 4711}).write(dir); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), dir, logDir, false)
	if err == nil || !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "process 4711 on 127.0.0.1:1") {
		t.Errorf("with one: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, dir, logDir, true); err == nil {
		t.Error("a cancelled one succeeds")
	}
}

func TestForbiddenNamesTheUser(t *testing.T) {
	dir := t.TempDir()
	_, err := os.ReadFile(filepath.Join(dir, "x"))
	said := forbidden(dir, fmt.Errorf("opening it all: %w", err)).Error()
	if !strings.HasPrefix(said, "open "+dir+"/x: ") || !strings.Contains(said, "; run this as the user of the server, ") {
		t.Errorf("it says %s", said)
	}
	if said := forbidden(filepath.Join(dir, "nope"), err).Error(); !strings.HasSuffix(said, "run this as the user of the server") {
		t.Errorf("it says %s", said)
	}
}
