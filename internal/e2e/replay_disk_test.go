package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// smallDisk is a directory on a file system of its own, of so many bytes.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+strconv.Itoa(size)); err != nil {
		t.Skipf("a file system of its own takes root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// positioned is a frame with what the browser package looks at.
type positioned struct {
	message
	Epoch  string
	Serial uint64
}

// nextPositioned reads the next frame.
func (c *socket) nextPositioned() (f positioned) {
	c.t.Helper()
	text, err := c.readText()
	if err == nil {
		err = json.Unmarshal(text, &f.message)
	}
	if err == nil {
		var p struct {
			Epoch  string
			Serial uint64
		}
		err = json.Unmarshal(text, &p)
		f.Epoch, f.Serial = p.Epoch, p.Serial
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return f
}

// optIn subscribes with the position of an earlier frame, or fresh.
func (c *socket) optIn(channel string, at positioned) positioned {
	c.t.Helper()
	replay := `{}`
	if at.Epoch != "" {
		replay = fmt.Sprintf(`{"epoch":%q,"serial":%d}`, at.Epoch, at.Serial)
	}
	if err := c.write(`{"event":"pusher:subscribe","data":{"channel":"` + channel + `","replay":` + replay + `}}`); err != nil {
		c.t.Fatal(err)
	}
	return c.nextPositioned()
}

// TestFullDisk: when the disk is full events still reach who is there, publishers are answered 200, and the log says so;
// when there is room again it is back by itself, and who comes back is told of the gap.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	const room = 160 << 20 // the log wants 32 MB before it comes back
	disk := smallDisk(t, room)
	s := start(t, plan{args: append([]string{"--data-dir", filepath.Join(disk, "data")}, appFlags...)})
	page := s.connect(t)
	answer := page.optIn("full", positioned{})
	p := s.publisher()
	number := 0
	publish := func() positioned {
		number++
		if err := p.Trigger("full", "tick", strconv.Itoa(number)+strings.Repeat("x", 5000)); err != nil {
			t.Fatalf("event %d: %v", number, err)
		}
		f := page.nextPositioned()
		if f.Event != "tick" || !strings.HasPrefix(f.Data, strconv.Itoa(number)+"x") {
			t.Fatalf("instead of event %d the page got %+v", number, f)
		}
		return f
	}
	before := publish()
	if before.Serial != 1 {
		t.Fatalf("the first event is %+v", before)
	}
	filler := filepath.Join(disk, "filler")
	fill(t, filler)
	for off := false; !off; {
		off = publish().Serial == 0
		if number > room/5000 {
			t.Fatal("the log takes more than there is room for")
		}
	}
	if !strings.Contains(s.log.String(), "the log is off") {
		t.Errorf("nobody was told:\n%s", s.log.String())
	}
	for range 20 {
		publish()
	}
	// Who is fresh gets a position that is good for nothing but to be told of the gap later. Who comes back is told at once.
	late := s.connect(t).optIn("full", positioned{})
	away := s.connect(t)
	away.optIn("full", positioned{Epoch: answer.Epoch, Serial: before.Serial})
	gap := func(c *socket) {
		t.Helper()
		if f := c.nextPositioned(); f.Event != "pusher:replay" || !strings.Contains(f.Data, `"reason":"epoch"`) {
			t.Errorf("who comes back is told %+v", f)
		}
	}
	gap(away)

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log to be back", func() bool { return strings.Contains(s.log.String(), "the log is back") })
	first := publish()
	if first.Serial <= uint64(number) {
		t.Errorf("event %d has serial %d, which may have been given before", number, first.Serial)
	}
	again := s.connect(t)
	if f := again.optIn("full", positioned{Epoch: answer.Epoch, Serial: before.Serial}); f.Epoch != answer.Epoch {
		t.Errorf("who has not been told of the gap yet is answered %+v", f)
	}
	gap(again)
	again = s.connect(t)
	again.optIn("full", positioned{Epoch: late.Epoch, Serial: late.Serial})
	gap(again)
}

// fill writes until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 1<<20); len(block) > 0; {
		if _, err := f.Write(block); err != nil {
			block = block[:len(block)/2]
		}
	}
}
