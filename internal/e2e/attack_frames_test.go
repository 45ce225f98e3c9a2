package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// TestAttackFragments: a message that does not end is bounded by the limit of a message, and fragments of nothing take nothing.
func TestAttackFragments(t *testing.T) {
	t.Parallel()
	v := attacked(t)
	all := v.sockets(t, 8)
	n := fewer(200_000)
	nothing := bytes.Repeat(frame(opMore, ""), 1000)
	each(len(all), len(all), func(i int) {
		c := all[i]
		_, err := c.conn.Write(frame(opText, `{"event":"pusher:`))
		for sent := 0; err == nil && sent < n; sent += 1000 {
			_, err = c.conn.Write(nothing)
		}
		if err == nil {
			_, err = c.conn.Write(frame(fin|opMore, `ping"}`))
		}
		if m, rerr := c.read(); rerr != nil || m.Event != "pusher:pong" {
			t.Errorf("socket %d: a message of %d empty fragments was answered with %+v, %v, %v", i, n, m, rerr, err)
		}
	})
	v.report(t, fmt.Sprintf("%d empty fragments", n*len(all)))
	one := bytes.Repeat(frame(opMore, "x"), 20_000)
	each(len(all), len(all), func(i int) {
		go func() {
			_, _ = all[i].conn.Write(frame(opText, "x"))
			_, _ = all[i].conn.Write(one) // the server may hang up before it is through
		}()
		all[i].closedWith(t, "fragments of one byte without end", 1009)
	})
	hangUp(all)
	v.recovers(t, "messages that do not end")
}

// TestAttackPings: a ping is answered with no more bytes than it has, and who does not read the answers is closed when
// they are more than a slow reader may leave.
func TestAttackPings(t *testing.T) {
	t.Parallel()
	v := attacked(t)
	n := fewer(100_000)
	before := readMetrics(t, v.admin)
	all := v.sockets(t, 5)
	for _, payload := range []string{"", strings.Repeat("x", 125)} {
		pings := bytes.Repeat(frame(fin|opPing, payload), ahead)
		each(len(all), len(all), func(i int) {
			c := all[i]
			for k := range n {
				if k%ahead == 0 {
					if _, err := c.conn.Write(pings); err != nil {
						t.Errorf("socket %d, after %d pings: %v", i, k, err)
						return
					}
				}
				if h, got, err := c.readFrame(); err != nil || h.OpCode != ws.OpPong || string(got) != payload {
					t.Errorf("socket %d, ping %d was answered with %v %q, %v", i, k, h.OpCode, got, err)
					return
				}
			}
		})
	}
	now := readMetrics(t, v.admin)
	// Beside pings and pongs there are the hellos and the events of the bystander.
	in, out := now.of(t, "resound_received_bytes_total")-before.of(t, "resound_received_bytes_total"), now.of(t, "resound_sent_bytes_total")-before.of(t, "resound_sent_bytes_total")
	v.report(t, fmt.Sprintf("%d pings that were %.0f bytes, and answers of %.0f", 2*n*len(all), in, out))
	if out > in {
		t.Errorf("%.0f bytes were answered with %.0f", in, out)
	}
	hangUp(all)

	deaf := v.sockets(t, 20)
	closed := func() int { return int(readMetrics(t, v.admin)[`resound_closed_total{code="4100"}`]) }
	pings := bytes.Repeat(frame(fin|opPing, strings.Repeat("x", 125)), 1000)
	// All of them in step, and no more once they are closed: who then goes on writing instead of reading is reset.
	for sent := 0; closed() < len(deaf); sent += len(pings) {
		if sent > 25<<20 {
			t.Fatalf("%d of %d are closed after %d bytes of answers that nobody reads", closed(), len(deaf), sent)
		}
		each(len(deaf), len(deaf), func(i int) {
			_, _ = deaf[i].conn.Write(pings) // it may be closed already
		})
	}
	each(len(deaf), len(deaf), func(i int) { deaf[i].deafUntil(t, 4100) })
	if peak := v.peak(t) - v.before.peak; peak > 20*(4<<20) && !raced {
		t.Errorf("pings without a reader took %d bytes", peak)
	}
	hangUp(deaf)
	v.recovers(t, "pings")
	if n := closed(); n != len(deaf) {
		t.Errorf("%d were closed as slow readers", n)
	}
}

// deafUntil reads all that was left unread, to a close with that code.
func (c *socket) deafUntil(t testing.TB, code uint16) {
	for {
		switch h, payload, err := c.readFrame(); {
		case err != nil:
			t.Errorf("who reads nothing: %v", err)
			return
		case h.OpCode == ws.OpClose:
			if got, _ := ws.ParseCloseFrameData(payload); uint16(got) != code {
				t.Errorf("who reads nothing is closed with %d, want %d", got, code)
			}
			return
		}
	}
}

// bomb is a frame with a message of n bytes of spaces, compressed a thousandfold.
func bomb(t *testing.T, n int) []byte {
	t.Helper()
	return deflate(t, strings.Repeat(" ", n))
}

// gzipped is a body as Content-Encoding: gzip has it.
func gzipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestAttackBombs: what compressed bytes become counts against the limit of a message while they are taken apart, and nobody
// takes bodies of requests apart.
func TestAttackBombs(t *testing.T) {
	t.Parallel()
	v := attacked(t, "--compression")
	n := fewer(200)
	huge := bomb(t, 9<<20) // its frame has less than a message may have
	if len(huge) > 10_000 {
		t.Fatalf("it is %d bytes", len(huge))
	}
	// A message that has to be refused only at its end, and one within the limit.
	for name, b := range map[string][]byte{"a message of 9 MB": huge, "one byte above the limit": bomb(t, 10_001)} {
		each(n, 20, func(i int) {
			conn, r, _ := v.offering(t)
			c := &socket{t: t, conn: conn, r: r}
			if m, err := c.read(); err != nil || m.Event != "pusher:connection_established" {
				t.Errorf("%+v, %v", m, err)
				return
			}
			_, _ = conn.Write(b)
			c.closedWith(t, name, 1009)
			_ = conn.Close()
		})
		v.report(t, fmt.Sprintf("%d bombs, %s in %d bytes", n, name, len(b)))
	}
	if peak := v.peak(t) - v.before.peak; peak > 32<<20 && !raced {
		t.Errorf("bombs took %d bytes", peak)
	}
	zipped := gzipped(t, event("zipped")+strings.Repeat(" ", 50<<20))
	for range fewer(50) {
		c := v.call(t)
		c.send(publishHead(zipped, "Content-Encoding: gzip", fmt.Sprintf("Content-Length: %d", len(zipped))) + zipped)
		if res, text := c.answer("POST"); res.StatusCode != 400 && res.StatusCode != 422 {
			t.Errorf("a body of gzip was answered with %d %s", res.StatusCode, text)
		}
		_ = c.Close()
	}
	if peak := v.peak(t) - v.before.peak; peak > 32<<20 && !raced {
		t.Errorf("bodies of gzip took %d bytes", peak)
	}
	v.recovers(t, "bombs")
}
