package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// logDir is a data directory, and the commands on its log.
type logDir struct {
	t   *testing.T
	dir string
}

func (d logDir) plan() plan { return plan{args: append([]string{"--data-dir", d.dir}, appFlags...)} }

// log runs `resound log args...` and returns what it prints, also when it complains.
func (d logDir) log(code int, args ...string) string {
	d.t.Helper()
	stdout, stderr, got := run(d.t, plan{}, append(append([]string{"log"}, args...), "--data-dir", d.dir)...)
	if got != code || (stderr == "") != (code == 0) {
		d.t.Fatalf("resound log %s ended with %d, not %d\n%s%s", strings.Join(args, " "), got, code, stdout, stderr)
	}
	return stdout + stderr
}

// loggedChannel is what --json says of a channel.
type loggedChannel struct {
	Channel             string
	Epoch               int
	First, Head, Events int
	Lineage             []struct{ Epoch, First int }
	Kept                []struct {
		Serial  int
		Payload struct{ Event, Data string }
	}
}

func (d logDir) show(channel string) (c loggedChannel) {
	d.t.Helper()
	if err := json.Unmarshal([]byte(d.log(0, "show", channel, "--json")), &c); err != nil {
		d.t.Fatal(err)
	}
	return c
}

// publish brings the data to a channel, one event each.
func (d logDir) publish(s *server, channel string, data ...string) {
	d.t.Helper()
	for _, text := range data {
		if err := s.publisher().Trigger(channel, "paid", text); err != nil {
			d.t.Fatal(err)
		}
	}
}

// hasFile reports whether the server's control.json is there.
func (d logDir) hasFile() bool {
	_, err := os.Stat(filepath.Join(d.dir, "control.json"))
	return err == nil
}

// resume subscribes with a position and returns the frames from the answer to the event with that data.
func resume(t *testing.T, s *server, channel, replay, last string) (frames []string) {
	t.Helper()
	c := s.connect(t)
	if err := c.write(`{"event":"pusher:subscribe","data":{"auth":"","channel":"` + channel + `","replay":` + replay + `}}`); err != nil {
		t.Fatal(err)
	}
	for {
		text, err := c.readText()
		if err != nil {
			t.Fatalf("%v, behind %q", err, frames)
		}
		frames = append(frames, string(text))
		if strings.Contains(string(text), last) {
			return frames
		}
	}
}

// TestLogOfARunningServer: the commands go through the server that has the log, and it goes on.
func TestLogOfARunningServer(t *testing.T) {
	t.Parallel()
	d := logDir{t, t.TempDir()}
	s := start(t, d.plan())
	first := resume(t, s, "orders", `{}`, "_succeeded")
	var answer struct{ Epoch string }
	if err := json.Unmarshal([]byte(first[0]), &answer); err != nil || answer.Epoch == "" {
		t.Fatalf("the answer is %q", first)
	}
	d.publish(s, "orders", "1", "2", "3", "4", "5")
	d.publish(s, "cache-a", "kept")
	list := d.log(0, "list")
	if !strings.Contains(list, "\n"+appID+"   ") || !strings.Contains(list, "2 channels, 6 events, ") || !strings.HasSuffix(list, "the server runs as process "+strconv.Itoa(s.cmd.Process.Pid)+"\n") {
		t.Errorf("the list is\n%s", list)
	}
	if c := d.show("orders"); c.Epoch != 1 || c.First != 1 || c.Head != 5 || len(c.Kept) != 5 || c.Kept[4].Payload.Event != "paid" || c.Kept[4].Payload.Data != "5" {
		t.Errorf("got %+v", c)
	}
	if text := d.log(0, "show", "orders", "--from", "4"); !strings.Contains(text, "position      epoch 1, serial 5\n") || strings.Count(text, " paid ") != 2 {
		t.Errorf("from the fourth on:\n%s", text)
	}
	if text := d.log(1, "show", "ordres"); text != "resound: the log has no channel \"ordres\"; did you mean orders?\n" {
		t.Errorf("of another channel: %s", text)
	}
	// Nobody is there to be asked.
	if text := d.log(1, "truncate", "orders", "--before", "4"); !strings.Contains(text, "3 events of channel orders") || !strings.Contains(text, "--yes") {
		t.Errorf("without --yes: %s", text)
	}
	d.log(0, "truncate", "orders", "--before", "4", "--yes")
	d.log(0, "truncate", "cache-a", "--all", "--yes")
	d.log(0, "compact")
	if c := d.show("orders"); c.First != 4 || c.Head != 5 || c.Events != 2 {
		t.Errorf("after it was cut: %+v", c)
	}
	// A page that lacks what was removed is told, and gets the rest.
	frames := resume(t, s, "orders", `{"epoch":"`+answer.Epoch+`","serial":0}`, `"serial":5}`)
	if len(frames) != 4 || !strings.Contains(frames[1], `\"reason\":\"expired\",\"missed\":3,\"count\":2`) {
		t.Errorf("a page that comes back gets %q", frames)
	}
	c := s.connect(t)
	c.subscribe("cache-a", nil)
	c.expect("pusher:cache_miss", "cache-a", "")
	d.publish(s, "cache-a", "next")
	c.expect("paid", "cache-a", "next")
}

// TestLogWithoutServer: after a stop and after a kill the commands open the files, and the server goes on with what
// they leave.
func TestLogWithoutServer(t *testing.T) {
	t.Parallel()
	d := logDir{t, t.TempDir()}
	if text := d.log(1, "list"); !strings.HasPrefix(text, "resound: there is no log in "+d.dir+"/log: ") {
		t.Errorf("without a log: %s", text)
	}
	if _, text, code := run(t, plan{dir: laravel(t, "REVERB_SCALING_ENABLED=true")}, "log", "list"); code != 1 || !strings.HasPrefix(text, "resound: with scaling on, events are kept in Redis: there is no log in ") {
		t.Errorf("with scaling on: %d %s", code, text)
	}
	s := start(t, d.plan())
	d.publish(s, "orders", "1", "2", "3")
	s.stop(syscall.SIGTERM)
	if d.hasFile() {
		t.Error("control.json is there after a stop")
	}
	if text := d.log(0, "list"); !strings.Contains(text, "1 channel, 3 events, ") || !strings.HasSuffix(text, "no server runs\n") {
		t.Errorf("after a stop: %s", text)
	}
	d.log(0, "truncate", "orders", "--before", "2", "--yes")
	d.log(0, "compact")

	// Neither the stop nor the commands began an epoch.
	s = start(t, d.plan())
	d.publish(s, "orders", "4")
	if c := d.show("orders"); c.Epoch != 1 || c.First != 2 || c.Head != 4 || len(c.Kept) != 3 {
		t.Errorf("after a restart: %+v", c)
	}
	s.kill()
	if !d.hasFile() {
		t.Error("control.json is gone after a kill: this test is about it being there")
	}
	for range 2 { // looking changes nothing
		if c := d.show("orders"); c.Epoch != 1 || c.Head != 4 || len(c.Kept) != 3 {
			t.Errorf("after a kill: %+v", c)
		}
	}
	if text := d.log(0, "list"); !strings.HasSuffix(text, "no server runs\n") {
		t.Errorf("after a kill: %s", text)
	}
	d.log(0, "truncate", "orders", "--before", "4", "--yes") // who writes begins an epoch
	if c := d.show("orders"); c.Epoch != 2 || c.First != 4 || c.Head != 4 || len(c.Kept) != 1 {
		t.Errorf("after a kill and a cut: %+v", c)
	}
	s = start(t, d.plan())
	d.publish(s, "orders", "5")
	if c := d.show("orders"); c.Epoch != 2 || c.First != 4 || c.Head <= 5 || c.Events != 2 || len(c.Lineage) != 2 || c.Kept[1].Payload.Data != "5" {
		t.Errorf("after all that: %+v", c)
	}
}

// TestSecondServerOnADataDirectory: it does not start, says who is there, and does no harm.
func TestSecondServerOnADataDirectory(t *testing.T) {
	t.Parallel()
	d := logDir{t, t.TempDir()}
	s := start(t, d.plan())
	d.publish(s, "orders", "1")
	_, stderr, code := run(t, plan{}, append([]string{"start", "--host", "127.0.0.1", "--port", "0"}, d.plan().args...)...)
	want := "resound: a server runs on " + d.dir + " already, as process " + strconv.Itoa(s.cmd.Process.Pid) + ": stop it, or give this one a --data-dir of its own\n"
	if code != 1 || stderr != want {
		t.Errorf("it ended with %d and %q, want %q", code, stderr, want)
	}
	d.publish(s, "orders", "2")
	if c := d.show("orders"); c.Head != 2 || c.Epoch != 1 {
		t.Errorf("the first server has %+v", c)
	}
}

// TestLogAfterAStartThatFailed: a port in use is no unclean end.
func TestLogAfterAStartThatFailed(t *testing.T) {
	t.Parallel()
	d := logDir{t, t.TempDir()}
	s := start(t, d.plan())
	d.publish(s, "orders", "1")
	s.stop(syscall.SIGTERM)
	other := start(t, plan{})
	if _, stderr, code := run(t, plan{}, append([]string{"start", "--host", "127.0.0.1", "--port", strconv.Itoa(other.port)}, d.plan().args...)...); code != 1 || !strings.Contains(stderr, "in use") {
		t.Fatalf("it ended with %d: %s", code, stderr)
	}
	d.log(0, "compact")
	if c := d.show("orders"); c.Epoch != 1 || c.Head != 1 || d.hasFile() {
		t.Errorf("got %+v, control.json there: %v", c, d.hasFile())
	}
}
