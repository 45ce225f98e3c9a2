package e2e

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// isClosed reports whether that is a close frame of the server with the code.
func isClosed(err error, code ws.StatusCode) bool {
	var closed closedError
	return errors.As(err, &closed) && closed.code == code
}

// TestAttackStrangers: who has no signature, and may not even know a key, holds a bounded number of bytes on the server for each of his
// connections, whatever he does with it. The bounds are about twice what was measured.
func TestAttackStrangers(t *testing.T) {
	t.Parallel()
	v := attacked(t)
	n := fewer(2000)
	longHead := strings.TrimSuffix(head, "\r\n") + "Cookie: " + strings.Repeat("x", 7<<10)
	unfinished := string(frame(opText, strings.Repeat("x", 5000))) + string(frame(opMore, strings.Repeat("x", 4900)))
	for _, test := range []struct {
		name  string
		says  string
		bytes int // that one connection may take
	}{
		{"nothing", "", 1500},
		{"half a head of 7 KB", longHead, 20 << 10},
		{"an upgrade", head, 2500},
		{"an upgrade with half a message of 9.9 KB", head + unfinished, 24 << 10},
		{"an upgrade, and half a frame", head + unfinished[:2000], 10 << 10},
		{"most of a publish of 32 KB", publishHead("", "Content-Length: 32768") + strings.Repeat(" ", 32_000), 128 << 10},
	} {
		count := n
		if test.bytes > 100<<10 { // those have a goroutine and a buffer each
			count /= 10
		}
		before := v.cost(t)
		conns := make([]*net.TCPConn, count)
		for i := range conns {
			conns[i] = v.dial(t)
			if _, err := conns[i].Write([]byte(test.says)); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "all connections to be there", func() bool {
			return v.open(t) >= before.sockets+count
		})
		now := v.cost(t)
		slope := (now.heap - before.heap) / count
		t.Logf("%d connections that say %s: %d bytes of heap each, %+d goroutines", count, test.name, slope, now.routine-before.routine)
		if slope > test.bytes && !raced {
			t.Errorf("a connection that says %s takes %d bytes, more than %d", test.name, slope, test.bytes)
		}
		hangUp(conns)
		eventually(t, "all of them to be gone", func() bool {
			return v.open(t) <= before.sockets
		})
	}
	v.recovers(t, "connections without a right to anything")
}

// maxSubscriptions is the limit that servers have by themselves.
const maxSubscriptions = 1000

// TestAttackSubscriptions: one socket is on a bounded number of channels. It is told so and stays, and what it took is
// given back when it leaves.
func TestAttackSubscriptions(t *testing.T) {
	t.Parallel()
	v := attacked(t)
	n := fewer(50)
	all := v.sockets(t, n)
	const beyond = 20
	each(n, 8, func(i int) {
		c := all[i]
		go func() {
			for k := range maxSubscriptions + beyond {
				_ = c.write(fmt.Sprintf(`{"event":"pusher:subscribe","data":{"channel":"flood-%d-%d"}}`, i, k)) // the reader sees it
			}
		}()
		in, told, refused := 0, 0, 0
		for in+refused < maxSubscriptions+beyond {
			m, err := c.read()
			switch {
			case err != nil:
				t.Errorf("socket %d, on %d channels: %v", i, in, err)
				return
			case m.Event == "pusher_internal:subscription_succeeded":
				in++
			case m.Event == "pusher:error" && strings.Contains(m.Data, `"code":4100`):
				told++
			case m.Event == "pusher:subscription_error" && strings.Contains(m.Data, `"type":"LimitReached"`) && strings.Contains(m.Data, `"status":429`):
				refused++
			default:
				t.Errorf("socket %d: %+v", i, m)
				return
			}
		}
		if in != maxSubscriptions || told != beyond || refused != beyond {
			t.Errorf("socket %d is on %d channels, was refused %d and told %d times", i, in, refused, told)
		}
	})
	now := v.report(t, fmt.Sprintf("%d sockets on %d channels each", n, maxSubscriptions))
	each1 := (now.heap - v.before.heap) / (n * maxSubscriptions)
	t.Logf("%d bytes for each subscription with a channel of its own", each1)
	if each1 > 1500 && !raced {
		t.Errorf("a subscription takes %d bytes", each1)
	}
	if m := readMetrics(t, v.admin); m.of(t, `resound_app_channels{app="1001"}`) != float64(n*maxSubscriptions+1) {
		t.Errorf("there are %v channels", m[`resound_app_channels{app="1001"}`])
	}
	all[0].send("pusher:unsubscribe", map[string]any{"data": map[string]any{"channel": "flood-0-0"}})
	all[0].subscribe("room-again", nil)
	hangUp(all)
	v.recovers(t, "many subscriptions")
	v.channels(t, 1)
}

// ahead is how many answers a flood leaves unread: it is not to end as a slow reader.
const ahead = 100

// channels waits until the application has so many.
func (v *victim) channels(t testing.TB, n float64) {
	t.Helper()
	eventually(t, fmt.Sprintf("%v channels", n), func() bool {
		return readMetrics(t, v.admin).of(t, `resound_app_channels{app="1001"}`) == n
	})
}

// TestAttackChannelNames: names that are made up and left again cost nothing that lasts, neither memory nor, for those whose
// events would be kept, disk.
func TestAttackChannelNames(t *testing.T) {
	t.Parallel()
	v := attacked(t)
	n := fewer(20_000)
	disk := readMetrics(t, v.admin).of(t, "resound_log_disk_bytes")
	all := v.sockets(t, 4)
	padding := strings.Repeat("x", 180)
	each(len(all), len(all), func(i int) {
		c := all[i]
		for k := range n {
			name := fmt.Sprintf("%d-%d-%s", i, k, padding)
			err := c.write(`{"event":"pusher:subscribe","data":{"channel":"` + name + `"}}`)
			if err == nil {
				err = c.write(`{"event":"pusher:unsubscribe","data":{"channel":"` + name + `"}}`)
			}
			if k < ahead { // so many are on their way, and no more, or it would be a slow reader
				continue
			}
			if m, rerr := c.read(); err != nil || rerr != nil || m.Event != "pusher_internal:subscription_succeeded" {
				t.Errorf("socket %d, name %d: %+v, %v, %v", i, k, m, err, rerr)
				return
			}
		}
		for range min(ahead, n) {
			c.next()
		}
	})
	v.report(t, fmt.Sprintf("%d names of channels", n*len(all)))
	// Channels whose log would be opened, and cache channels, which keep an event.
	for k := range 500 {
		all[0].subscribeTo(t, fmt.Sprintf(`{"channel":"kept-%d","replay":{}}`, k))
		all[0].send("pusher:unsubscribe", map[string]any{"data": map[string]any{"channel": fmt.Sprintf("kept-%d", k)}})
		all[0].subscribeTo(t, fmt.Sprintf(`{"channel":"cache-%d"}`, k))
		all[0].send("pusher:unsubscribe", map[string]any{"data": map[string]any{"channel": fmt.Sprintf("cache-%d", k)}})
	}
	if grown := readMetrics(t, v.admin).of(t, "resound_log_disk_bytes") - disk; grown > 1<<20 {
		t.Errorf("names of channels took %v bytes of the disk", grown)
	}
	hangUp(all)
	v.recovers(t, "names of channels")
	// Those that were looked for in the log are forgotten after a minute: the soak waits for that.
	if m := readMetrics(t, v.admin); m[`resound_app_channels{app="1001"}`] > 1001 {
		t.Errorf("%v channels are left", m[`resound_app_channels{app="1001"}`])
	}
}

// subscribeTo subscribes and passes over what comes beside the answer.
func (c *socket) subscribeTo(t testing.TB, data string) {
	t.Helper()
	if err := c.write(`{"event":"pusher:subscribe","data":` + data + `}`); err != nil {
		t.Fatal(err)
	}
	for {
		switch m := c.next(); m.Event {
		case "pusher_internal:subscription_succeeded":
			return
		case "pusher:cache_miss":
		default:
			t.Fatalf("subscribing to %s: %+v", data, m)
		}
	}
}
