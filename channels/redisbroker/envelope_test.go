package redisbroker

import (
	"bytes"
	"math/rand/v2"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"resound/channels"
	"resound/protocol"
)

func TestEnvelope(t *testing.T) {
	s := sealers{secret: secret}
	in := envelope{kind: kindEvent, id: 1 << 60, except: protocol.SocketID{A: 7, B: 1 << 31}, app: "app1", topic: "presence-x", payload: []byte(`{"a":1}`)}
	sealed := s.of("app1").seal(&in)
	if out, ok := s.open(sealed, "app1", "presence-x"); !ok || !reflect.DeepEqual(in, out) {
		t.Fatalf("%+v came back as %+v, %v", in, out, ok)
	}
	if bytes.Contains(sealed, []byte("secret")) {
		t.Errorf("the secret is in %q", sealed)
	}
	// Every bit counts, and so does where it is.
	for i := range 8 * len(sealed) {
		b := bytes.Clone(sealed)
		b[i/8] ^= 1 << (i % 8)
		if _, ok := s.open(b, "app1", "presence-x"); ok {
			t.Errorf("bit %d may be another", i)
		}
	}
	for n := range len(sealed) {
		if _, ok := s.open(sealed[:n], "app1", "presence-x"); ok {
			t.Errorf("%d of %d bytes are enough", n, len(sealed))
		}
	}
	for _, c := range [][2]string{{"app2", "presence-x"}, {"app1", "presence-y"}, {"other", "presence-x"}, {"", ""}} {
		if _, ok := s.open(sealed, c[0], c[1]); ok {
			t.Errorf("it is good for %q too", c)
		}
	}
	in.app = "app2"
	other := s.of("app1").seal(&in)
	if _, ok := s.open(other, "app2", "presence-x"); ok {
		t.Error("one app speaks for another")
	}
}

func TestSecretChanges(t *testing.T) {
	now := "old"
	s := sealers{secret: func(string) (string, bool) { return now, now != "" }}
	in := envelope{kind: kindSay, app: "a", topic: "x"}
	sealed := s.of("a").seal(&in)
	now = "new"
	if _, ok := s.open(sealed, "a", "x"); !ok {
		t.Error("the old secret is good no more, while other nodes may still have it")
	}
	s.of("a").until = time.Now()
	if _, ok := s.open(sealed, "a", "x"); ok {
		t.Error("the old secret is good for ever")
	}
	if _, ok := s.open(s.of("a").seal(&in), "a", "x"); !ok {
		t.Error("the new secret is not good")
	}
	now = ""
	if s.of("a") != nil {
		t.Error("an app that is gone has a key")
	}
}

// FuzzMessage: what comes over the bus is parsed without a panic, what is sealed comes back, and nothing else is good.
func FuzzMessage(f *testing.F) {
	s := sealers{secret: secret}
	in := envelope{kind: kindRecord, id: 1, app: "app1", topic: "x", payload: appendRecord(nil, "key", []byte("value"))}
	sealed := s.of("app1").seal(&in)
	f.Add(sealed)
	f.Add(append(make([]byte, placedHead), sealed...))
	f.Add(append([]byte{version, formPlaced}, make([]byte, 200)...))
	f.Add(append([]byte{version, formNoted, 0, 0, 0, 0, 0, 0, 0, 1, 0}, sealed...))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, ok := parseEnvelope(b, "app1", "x")
		if ok {
			if again := s.of("app1").seal(&e); !bytes.Equal(again[nameAt:], b[nameAt:]) || !bytes.Equal(again[:macAt], b[:macAt]) {
				t.Errorf("%q is %q when it is sealed again", b, again)
			}
			recordOf(&e)
		}
		if _, good := s.open(b, "app1", "x"); good && !bytes.Equal(s.of("app1").seal(&e), b) {
			t.Errorf("%q is good", b)
		}
		if at, _, rest, ok := parsePlaced(b); ok && (len(rest) != len(b)-placedHead || !bytes.Equal(at.Log[:], b[2:10])) {
			t.Errorf("%q: %+v", b, at)
		}
		parseNoted(b)
		if len(b) >= 2 {
			appOf(b[2:])
		}
		out := s.of("app1").seal(&envelope{kind: kindSay, app: "app1", topic: string(b[:min(len(b), 100)]), payload: b})
		if back, ok := s.open(out, "app1", string(b[:min(len(b), 100)])); !ok || !bytes.Equal(back.payload, b) {
			t.Errorf("%q did not come back", b)
		}
	})
}

func TestNames(t *testing.T) {
	a, b := nameOf("a:b", "c"), nameOf("a", "b:c")
	if a == b {
		t.Errorf("two topics have one name, %q", a)
	}
	n := newNames("la{ravel}", 3, 7)
	if got := n.log(); got != "la(ravel){7}:log" {
		t.Errorf("%q", got)
	}
	if got := n.topic(b); got != "la(ravel){7}:t3:c:a:b:c" {
		t.Errorf("%q", got)
	}
	if id, ok := parseNode(hexNode(0xABC)); !ok || id != 0xABC {
		t.Errorf("%x, %v", uint64(id), ok)
	}
	counts := make([]int, partitions)
	for i := range 16_000 {
		counts[partitionOf("app1", "user."+hexNode(channels.NodeID(i)), partitions)]++
	}
	for p := range counts {
		if counts[p] < 500 || counts[p] > 2000 {
			t.Errorf("%d of 16,000 topics are in partition %d of 16", counts[p], p)
		}
	}
}

// sink takes what a wire writes.
type sink struct {
	net.Conn
	got bytes.Buffer
}

func (s *sink) Write(b []byte) (int, error) { return s.got.Write(b) }
func (s *sink) String() string              { return s.got.String() }

// TestWireSplitAnywhere: a PING becomes an ECHO wherever the writes end, and an argument that looks like one does not.
func TestWireSplitAnywhere(t *testing.T) {
	in := "*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nx\r\n*1\r\n$4\r\nPING\r\n*3\r\n$7\r\nPUBLISH\r\n$0\r\n\r\n$18\r\n\r\n*1\r\n$4\r\nPING\r\n\r\n\r\n" +
		"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nPING\r\n$1\r\nx\r\n"
	want := strings.ReplaceAll(in, "*1\r\n$4\r\nPING\r\n", string(echo))
	want = strings.Replace(want, "$18\r\n\r\n"+string(echo), "$18\r\n\r\n"+string(ping), 1)
	for i := range len(in) + 1 {
		for j := i; j <= len(in); j++ {
			s := &sink{}
			w := &wire{Conn: s}
			for _, part := range []string{in[:i], in[i:j], in[j:]} {
				if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
					t.Fatalf("%d, %v", n, err)
				}
			}
			if s.String() != want {
				t.Fatalf("cut at %d and %d: %q", i, j, s.String())
			}
		}
	}
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	long := strings.Repeat(in, 20)
	s := &sink{}
	w := &wire{Conn: s}
	for rest := long; rest != ""; {
		n := min(len(rest), 1+rng.IntN(30))
		if _, err := w.Write([]byte(rest[:n])); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if s.String() != strings.Repeat(want, 20) {
		t.Errorf("seed %d: %q", seed, s.String())
	}
}
