package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"resound/engine"
	"resound/internal/apps"
	"resound/protocol"
)

// decision is what became of a case of Reverb's behaviour.
type decision int

const (
	match   decision = iota // the same for clients and publishers
	improve                 // different, and somebody is better off
	refuse                  // Reverb's behaviour is a fault, and is not copied
	later                   // neither the same nor better yet
)

// pins names tests of the module ("TestX") and files of testdata/transcripts ("transcript:x").
type pins []string

// compatCase is one row of docs/COMPATIBILITY.md, in Markdown.
type compatCase struct {
	id       int // of the 164 cases E1 to E164; 0 for a difference beyond them
	given    string
	reverb   string
	ours     string // "" where it is the same
	decision decision
	reason   string // why it differs; of later: which work brings it
	pins     pins   // what holds it
}

// compatSection is one table of the page.
type compatSection struct {
	title string
	cases []compatCase
}

// reverbCases is how many cases there are in all.
const reverbCases = 164

var compatTable = []compatSection{
	compatConnecting, compatFrames, compatMessages, compatPresence, compatCache, compatReplay,
	compatWhispers, compatUsers, compatHTTP, compatQueries, compatServer, compatSettings,
}

const compatPage = "docs/COMPATIBILITY.md"

// codeTable prints protocol.Codes as a table of Markdown.
func codeTable() string {
	var b strings.Builder
	b.WriteString("| Code | HTTP status | Text | Then |\n|---|---|---|---|\n")
	for _, e := range protocol.Codes {
		code, status, then := "", "", "the connection stays"
		if e.Code != 0 {
			code = strconv.Itoa(e.Code)
		}
		if e.Status != 0 {
			status = strconv.Itoa(e.Status)
		}
		switch {
		case e.Code == 0:
			then = ""
		case e.Closes:
			then = "the connection is closed with it"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", code, status, e.Text, then)
	}
	return b.String()
}

// caseTables prints compatTable.
func caseTables() string {
	var b strings.Builder
	count, beyond := map[decision]int{}, 0
	for _, s := range compatTable {
		for _, c := range s.cases {
			if c.id == 0 {
				beyond++
			} else {
				count[c.decision]++
			}
		}
	}
	fmt.Fprintf(&b, "Of Reverb's %d cases %d are matched, %d are better, %d are not copied, and %d are not there yet. %d differences beyond them have no number.\n",
		reverbCases, count[match], count[improve], count[refuse], count[later], beyond)
	for _, s := range compatTable {
		fmt.Fprintf(&b, "\n### %s\n\n| Case | Given | Reverb | Resound | Why | Held by |\n|---|---|---|---|---|---|\n", s.title)
		for _, c := range s.cases {
			b.WriteString(c.row())
		}
	}
	return b.String()
}

func (c compatCase) row() string {
	id, ours, why := "", c.ours, c.reason
	if c.id != 0 {
		id = fmt.Sprintf("E%d", c.id)
	}
	if ours == "" {
		ours = "the same"
	}
	if word := [...]string{"match", "better", "not copied", "not yet"}[c.decision]; why == "" {
		why = word
	} else {
		why = word + ": " + why
	}
	var held []string
	for _, pin := range c.pins {
		if name, ok := strings.CutPrefix(pin, "transcript:"); ok {
			pin = name + ".txt"
		}
		held = append(held, pin)
	}
	cells := []string{id, c.given, c.reverb, ours, why, strings.Join(held, ", ")}
	for i, cell := range cells {
		cells[i] = strings.ReplaceAll(cell, "|", "\\|")
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

// The page says what the tables say: go test ./internal/e2e -run TestCompatibility -update writes it.
func TestCompatibility(t *testing.T) {
	text := page(t, compatPage)
	fresh := text
	for name, want := range map[string]string{"codes": codeTable(), "cases": caseTables()} {
		head, rest, ok := strings.Cut(fresh, "<!-- "+name+": begin")
		mark, rest, ok2 := strings.Cut(rest, "-->\n")
		_, tail, ok3 := strings.Cut(rest, "<!-- "+name+": end -->")
		if !ok || !ok2 || !ok3 {
			t.Fatalf("%s has no place for the %s", compatPage, name)
		}
		fresh = head + "<!-- " + name + ": begin" + mark + "-->\n\n" + want + "\n<!-- " + name + ": end -->" + tail
	}
	switch {
	case fresh == text:
	case !*update:
		t.Fatalf("%s is stale: go test ./internal/e2e -run TestCompatibility -update", compatPage)
	default:
		if err := os.WriteFile(filepath.Join(root, compatPage), []byte(fresh), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Every case is decided once, with a reason where it differs, and held by something that exists.
func TestCompatibilityIsWhole(t *testing.T) {
	_, tests := sources(t)
	seen := map[int]bool{}
	for _, s := range compatTable {
		for _, c := range s.cases {
			name := fmt.Sprintf("%s, E%d %q", s.title, c.id, c.given)
			if c.id < 0 || c.id > reverbCases || c.id != 0 && seen[c.id] {
				t.Errorf("%s: there is no such case, or it is there twice", name)
			}
			seen[c.id] = true
			if (c.reason == "") != (c.decision == match) || (c.ours == "") && (c.decision == improve || c.decision == refuse) {
				t.Errorf("%s: what differs has a reason and says what is different, and nothing else has a reason", name)
			}
			if c.given == "" || c.reverb == "" || strings.Contains(c.given+c.reverb+c.ours+c.reason, "\n") || !utf8.ValidString(c.row()) {
				t.Errorf("%s: a cell is empty or no line", name)
			}
			if len(c.pins) == 0 {
				t.Errorf("%s: nothing holds it", name)
			}
			for _, pin := range c.pins {
				if file, ok := strings.CutPrefix(pin, "transcript:"); ok {
					if _, err := os.Stat(transcriptPath(file)); err != nil {
						t.Errorf("%s: there is no transcript %s", name, file)
					}
				} else if !tests[pin] {
					t.Errorf("%s: there is no %s", name, pin)
				}
			}
		}
	}
	for id := 1; id <= reverbCases; id++ {
		if !seen[id] {
			t.Errorf("E%d is not decided", id)
		}
	}
}

func transcriptPath(name string) string {
	return filepath.Join("testdata", "transcripts", name+".txt")
}

var caseRange = regexp.MustCompile(`\bE(\d+)(?:-E(\d+))?\b`)

// A transcript whose first line names a case is among what holds it.
func TestTranscriptsNameTheirCases(t *testing.T) {
	held := map[int]pins{}
	for _, s := range compatTable {
		for _, c := range s.cases {
			held[c.id] = append(held[c.id], c.pins...)
		}
	}
	files, err := filepath.Glob(transcriptPath("*"))
	if err != nil || len(files) < 50 {
		t.Fatalf("%d transcripts, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		title, _, _ := strings.Cut(string(text), "\n")
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		for _, m := range caseRange.FindAllStringSubmatch(title, -1) {
			first, _ := strconv.Atoi(m[1])
			last := first
			if m[2] != "" {
				last, _ = strconv.Atoi(m[2])
			}
			for id := first; id <= last; id++ {
				if !slices.Contains(held[id], "transcript:"+name) {
					t.Errorf("%s says that it plays E%d: add it to what holds that case in compat_table_*_test.go", file, id)
				}
			}
		}
	}
}

// E1, E19, E20: the answer to a handshake has Reverb's header, names no protocol and agrees to no extension.
func TestUpgradeAnswer(t *testing.T) {
	registry, err := apps.NewRegistry(apps.New(appID, appKey, appSecret))
	if err != nil {
		t.Fatal(err)
	}
	w := engine.NewManual(engine.Options{Loops: 1, Registry: registry}).Open(0)
	w.Feed([]byte("GET /app/" + appKey + "?protocol=7 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		"Sec-WebSocket-Protocol: pusher\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"))
	head, _, _ := strings.Cut(string(w.Take()), "\r\n\r\n")
	want := []string{
		"HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "X-Powered-By: Laravel Reverb",
	}
	if got := strings.Split(head, "\r\n"); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
