package engine

import (
	"bytes"
	"compress/flate"
	"strings"
	"testing"

	"resound/internal/apps"
	"resound/protocol"
	"resound/protocol/ws"
)

func TestNegotiate(t *testing.T) {
	const plain, wide, none = deflateAnswer + "\r\n", deflateAnswer + "; server_max_window_bits=15\r\n", ""
	const e = "Sec-WebSocket-Extensions: "
	for headers, want := range map[string]string{
		"X: permessage-deflate":  none,
		e:                        none,
		e + ",":                  none,
		e + "permessage-deflate": plain,
		e + "permessage-deflate; client_max_window_bits":                                  plain, // browsers
		"SEC-websocket-EXTENSIONS:permessage-deflate":                                     plain,
		e + ", ,permessage-deflate ,":                                                     plain,
		e + "permessage-deflate\t;\tclient_max_window_bits\t=\t10":                        plain,
		e + "permessage-deflate;client_max_window_bits=8":                                 plain,
		e + `permessage-deflate; client_max_window_bits="15"`:                             plain,
		e + `permessage-deflate; client_max_window_bits="1\5"`:                            plain,
		e + "permessage-deflate; client_no_context_takeover; server_no_context_takeover":  plain,
		e + "permessage-deflate; server_max_window_bits=15":                               wide,
		e + `permessage-deflate; client_max_window_bits=9; server_max_window_bits="15"`:   wide,
		e + "permessage-deflate; server_max_window_bits=10":                               none,
		e + "permessage-deflate; server_max_window_bits=10, permessage-deflate":           plain, // the fallback of RFC 7692, 7.1
		e + "permessage-deflate; server_max_window_bits=15, permessage-deflate":           wide,
		e + "permessage-deflate; server_max_window_bits=8\r\n" + e + "permessage-deflate": plain,
		e + "x-webkit-deflate-frame, permessage-deflate":                                  plain,
		e + "x-webkit-deflate-frame\r\n" + e + "bbf; a=\"b,permessage-deflate\"":          none,
		e + "x; permessage-deflate":                                                       none,
		e + "permessage-deflate2":                                                         none,
		e + "PerMessage-Deflate":                                                          none,
		e + "permessage-deflate; server_max_window_bits":                                  none,
		e + "permessage-deflate; server_max_window_bits=16":                               none,
		e + "permessage-deflate; server_max_window_bits=015":                              none,
		e + "permessage-deflate; client_max_window_bits=7":                                none,
		e + "permessage-deflate; client_max_window_bits=16":                               none,
		e + "permessage-deflate; client_max_window_bits=08":                               none,
		e + "permessage-deflate; client_max_window_bits=1a":                               none,
		e + "permessage-deflate; client_max_window_bits; client_max_window_bits=10":       none,
		e + "permessage-deflate; server_no_context_takeover; server_no_context_takeover":  none,
		e + "permessage-deflate; server_no_context_takeover=true":                         none,
		e + "permessage-deflate; client_no_context_takeover=1":                            none,
		e + "permessage-deflate; later":                                                   none,
		e + "permessage-deflate; later=1, permessage-deflate":                             plain,
		// Lists that are none. The rest of the head may be as good as can be.
		e + "permessage-deflate;":                                none,
		e + "permessage-deflate; client_max_window_bits=":        none,
		e + `permessage-deflate; client_max_window_bits=""`:      none,
		e + `permessage-deflate; client_max_window_bits="10`:     none,
		e + `permessage-deflate; client_max_window_bits="1 0"`:   none,
		e + `permessage-deflate; client_max_window_bits="10\`:    none,
		e + "permessage-deflate; =10":                            none,
		e + "permessage-deflate client_max_window_bits":          none,
		e + "permessage-deflate, ;":                              none,
		e + "permessage-deflate=1":                               none,
		e + "permessage-deflate\r\n" + e + ";;==,,\"":            none,
		e + `"permessage-deflate"`:                               none,
		e + "permessage-deflate; client_max_window_bits=10é":     none,
		e + strings.Repeat("x, ", 1000) + "permessage-deflate":   plain,
		e + "permessage-deflate" + strings.Repeat("; later", 99): none,
	} {
		head := strings.Replace(handshake, "\r\n\r\n", "\r\n"+headers+"\r\n\r\n", 1)
		var o opening
		o.read([]byte(head))
		if got := negotiate(o.extensions); got != want {
			t.Errorf("%.100s\nis answered with %q, want %q", headers, got, want)
		}
	}
}

// FuzzNegotiate: whatever is offered, the answer is one of three, and agrees to nothing that was not offered.
func FuzzNegotiate(f *testing.F) {
	for _, s := range []string{"permessage-deflate; client_max_window_bits", "a, permessage-deflate;server_max_window_bits=\"1\\5\"", "permessage-deflate;,", "\"\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		answer := negotiate([]byte(value))
		switch answer {
		case "":
		case deflateAnswer + "\r\n", deflateAnswer + "; server_max_window_bits=15\r\n":
			if !strings.Contains(value, "permessage-deflate") || strings.Contains(answer, "bits") && !strings.Contains(value, "server_max_window_bits") {
				t.Errorf("%q is answered with %q", value, answer)
			}
		default:
			t.Errorf("%q is answered with %q", value, answer)
		}
	})
}

// squeezing makes an application with compression of an engine driven by hand, and its two clients: one that
// has negotiated it and one that did not.
func squeezing(t *testing.T, change func(*apps.App)) (m *Manual, app *apps.App, squeezed, plain *Wire) {
	t.Helper()
	app = apps.New("1", "key", "secret")
	app.Compression = true
	if change != nil {
		change(app)
	}
	registry, err := apps.NewRegistry(app)
	if err != nil {
		t.Fatal(err)
	}
	m = NewManual(Options{Loops: 1, Registry: registry})
	for i, w := range []**Wire{&squeezed, &plain} {
		*w = m.Open(0)
		head := handshake
		if i == 0 {
			head = strings.Replace(handshake, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n", 1)
		}
		(*w).Feed([]byte(head))
		if answer := string((*w).Take()); strings.Contains(answer, "\r\n"+deflateAnswer+"\r\n") != (i == 0 && app.Compression) {
			t.Fatalf("%s", answer)
		}
		(*w).Feed(masked(ws.OpText, `{"event":"pusher:subscribe","data":{"channel":"news"}}`))
		(*w).Take()
	}
	return m, app, squeezed, plain
}

func masked(op ws.Opcode, payload string) []byte {
	return ws.AppendMasked(nil, op, []byte(payload), [4]byte{1, 2, 3, 4})
}

// packed is a client's message, compressed by the standard library.
func packed(op ws.Opcode, text string) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 6)
	_, _ = w.Write([]byte(text))
	_ = w.Flush()
	frame := masked(op, strings.TrimSuffix(b.String(), "\x00\x00\xff\xff"))
	frame[0] |= 0x40
	return frame
}

// long is data that can be compressed.
var long = protocol.Raw(`"` + strings.Repeat("all the same ", 100) + `"`)

func TestOnlyWhoNegotiatedIsSentCompressed(t *testing.T) {
	m, app, squeezed, plain := squeezing(t, nil)
	hub := m.Hub().App(app)
	hub.Publish([]byte("news"), protocol.Raw(`"shipped"`), long, protocol.SocketID{})
	m.Turn()
	want := string(plain.Take())
	got := squeezed.Take()
	if got[0] != 0xc1 || len(got) > 100 || want[0] != '\x81' {
		t.Fatalf("%d bytes %.20q, and %d bytes %.20q", len(got), got, len(want), want)
	}
	d := ws.NewClientDecoder()
	d.Deflate()
	message, _, ok, err := d.Next(got, 10_000)
	if !ok || err != nil || string(message.Payload) != want[4:] {
		t.Errorf("%v %v %q", ok, err, message.Payload)
	}
	// Short ones, and what only controls, are the same for both.
	hub.Publish([]byte("news"), protocol.Raw(`"shipped"`), protocol.Raw(`"`+strings.Repeat("x", 200)+`"`), protocol.SocketID{})
	m.Turn()
	for _, w := range []*Wire{squeezed, plain} {
		w.Feed(masked(ws.OpPing, strings.Repeat("x", 125)))
	}
	if a, b := squeezed.Take(), plain.Take(); !bytes.Equal(a, b) || a[0] != 0x81 {
		t.Errorf("%q and %q", a, b)
	}
}

// listed is the first frame that waits for the end of the turn.
func listed(c *conn) *protocol.Frame { return c.loop.outbox.entries[c.first-1].frame }

// TestOneCompressedFrameForAll: a publish to many costs one frame, not one for each.
func TestOneCompressedFrameForAll(t *testing.T) {
	m, _, squeezed, _ := squeezing(t, nil)
	f := protocol.Event(protocol.Raw(`"e"`), "news", long)
	squeezed.conn.Send(f)
	first := listed(squeezed.conn)
	if first == f || first.Bytes()[0] != 0xc1 {
		t.Fatal("it is not compressed")
	}
	for range 3 {
		w := m.Open(0)
		w.Feed([]byte(strings.Replace(handshake, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 1)))
		w.conn.Send(f)
		if listed(w.conn) != first {
			t.Error("another frame was made")
		}
	}
}

func TestCompressedCommands(t *testing.T) {
	m, _, squeezed, plain := squeezing(t, nil)
	squeezed.Feed(packed(ws.OpText, `{"event":"pusher:ping","data":{}}`))
	if got := string(squeezed.Take()); got != string(protocol.PongFrame.Bytes()) {
		t.Errorf("%q", got)
	}
	squeezed.Feed(packed(ws.OpText, `{"event":"client-typing","channel":"news","data":`+string(long)+`}`))
	m.Turn()
	want := `{"event":"client-typing","channel":"news","data":` + string(long) + `}`
	if got := plain.Take(); !bytes.HasPrefix(got, []byte{0x81}) || string(got[4:]) != want {
		t.Errorf("%q", got)
	}
}

func TestCompressedFaults(t *testing.T) {
	for name, test := range map[string]struct {
		bytes []byte
		code  uint16
	}{
		"bomb":         {packed(ws.OpText, strings.Repeat(" ", 10_001)), 1009},
		"no UTF-8":     {packed(ws.OpText, "\xff"), 1007},
		"garbage":      {func() []byte { b := masked(ws.OpText, "\xff\xff"); b[0] |= 0x40; return b }(), 1007},
		"control":      {packed(ws.OpPing, ""), 1002},
		"another bit":  {func() []byte { b := masked(ws.OpText, ""); b[0] |= 0x20; return b }(), 1002},
		"continuation": {packed(0, ""), 1002},
	} {
		_, _, squeezed, plain := squeezing(t, nil)
		squeezed.Feed(test.bytes)
		got := squeezed.Take()
		if len(got) < 4 || got[0] != 0x88 || uint16(got[2])<<8|uint16(got[3]) != test.code || !squeezed.HalfClosed {
			t.Errorf("%s: % x", name, got)
		}
		plain.Feed(packed(ws.OpText, "{}"))
		if got := plain.Take(); len(got) < 4 || got[0] != 0x88 || string(got[2:4]) != "\x03\xea" {
			t.Errorf("%s: who negotiated nothing gets % x", name, got)
		}
	}
	_, _, squeezed, _ := squeezing(t, nil)
	squeezed.Feed(packed(ws.OpText, `{"event":"pusher:ping"}`+strings.Repeat(" ", 9_977)))
	if got := string(squeezed.Take()); got != string(protocol.PongFrame.Bytes()) {
		t.Errorf("a message as long as the limit: %q", got)
	}
}

// TestCompressionIsTurnedOff: who has negotiated it gets plain messages from then on, and may go on compressing.
func TestCompressionIsTurnedOff(t *testing.T) {
	m, app, squeezed, plain := squeezing(t, nil)
	off := *app
	off.Compression = false
	if err := m.registry.Replace(&off); err != nil {
		t.Fatal(err)
	}
	m.Hub().Update([]*apps.App{&off})
	m.Hub().App(&off).Publish([]byte("news"), protocol.Raw(`"e"`), long, protocol.SocketID{})
	m.Turn()
	if a, b := squeezed.Take(), plain.Take(); !bytes.Equal(a, b) || a[0] != 0x81 {
		t.Errorf("%.20q and %.20q", a, b)
	}
	squeezed.Feed(packed(ws.OpText, `{"event":"pusher:ping"}`))
	if got := string(squeezed.Take()); got != string(protocol.PongFrame.Bytes()) {
		t.Errorf("%q", got)
	}
	w := m.Open(0)
	w.Feed([]byte(strings.Replace(handshake, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 1)))
	if answer := string(w.Take()); strings.Contains(answer, "deflate") {
		t.Errorf("%s", answer)
	}
}

// TestCompressionIsAnApplicationsOwn: the application in the path decides.
func TestCompressionIsAnApplicationsOwn(t *testing.T) {
	with, without := apps.New("1", "with", "secret"), apps.New("2", "without", "secret")
	with.Compression = true
	registry, err := apps.NewRegistry(with, without)
	if err != nil {
		t.Fatal(err)
	}
	m := NewManual(Options{Loops: 1, Registry: registry})
	for key, want := range map[string]bool{"with": true, "without": false, "unknown": false} {
		w := m.Open(0)
		head := strings.Replace(handshake, "/app/key", "/app/"+key, 1)
		w.Feed([]byte(strings.Replace(head, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 1)))
		answer := string(w.Take())
		if !strings.HasPrefix(answer, "HTTP/1.1 101") || strings.Contains(answer, deflateAnswer) != want || w.conn.decoder.Deflates() != want {
			t.Errorf("%s: %s", key, answer)
		}
	}
}

// What the backlog counts is what goes over the wire.
func TestBacklogOfCompressed(t *testing.T) {
	m, app, squeezed, plain := squeezing(t, func(a *apps.App) { a.CompressionMinSize = 0 })
	m.backlog = 20_000
	squeezed.Stall(true)
	plain.Stall(true)
	for range 30 {
		m.Hub().App(app).Publish([]byte("news"), protocol.Raw(`"e"`), long, protocol.SocketID{})
		m.Turn()
	}
	if squeezed.conn.state != stateOpen || plain.conn.state != stateClosing {
		t.Errorf("the compressed one is in state %d, the plain one in %d", squeezed.conn.state, plain.conn.state)
	}
}

// Events that go out together are compressed each on its own, and joined: long ones compressed, short ones as they are.
func TestJoinedFramesAreCompressedOneByOne(t *testing.T) {
	m, app, squeezed, plain := squeezing(t, nil)
	hub := m.Hub().App(app)
	for _, data := range []protocol.Raw{long, protocol.Raw(`1`), long, protocol.Raw(`2`)} {
		hub.Publish([]byte("news"), protocol.Raw(`"shipped"`), data, protocol.SocketID{})
	}
	m.Turn()
	d, out := ws.NewClientDecoder(), squeezed.Take()
	d.Deflate()
	p, want := ws.NewClientDecoder(), plain.Take()
	for i := range 4 {
		first := out[0]
		a, n, ok, err := d.Next(out, 10_000)
		if !ok || err != nil || (first == 0xc1) != (i%2 == 0) {
			t.Fatalf("message %d: %v, begins with %x", i, err, first)
		}
		got := string(a.Payload)
		b, k, _, _ := p.Next(want, 10_000)
		if got != string(b.Payload) {
			t.Errorf("message %d is %.60q, and plain %.60q", i, got, b.Payload)
		}
		out, want = out[n:], want[k:]
	}
	if len(out)+len(want) > 0 {
		t.Errorf("%d and %d bytes are left", len(out), len(want))
	}
}
