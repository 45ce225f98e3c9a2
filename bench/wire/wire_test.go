package wire

import (
	"bytes"
	"strings"
	"testing"

	"resound/protocol/ws"
)

func TestFramesInAnyPieces(t *testing.T) {
	var stream []byte
	var want []string
	for _, size := range []int{0, 1, 125, 126, 70_000, 3} {
		payload := bytes.Repeat([]byte{byte('a' + size%26)}, size)
		stream = ws.AppendFrame(stream, ws.OpText, payload)
		want = append(want, string(payload))
	}
	for _, step := range []int{1, 2, 3, 7, 1000, len(stream)} {
		var rest []byte
		var got []string
		for at := 0; at < len(stream); at += step {
			rest = Frames(rest, stream[at:min(at+step, len(stream))], func(frame []byte, header int) bool {
				got = append(got, string(frame[header:]))
				return true
			})
		}
		if strings.Join(got, "|") != strings.Join(want, "|") || len(rest) != 0 {
			t.Errorf("in pieces of %d: %d frames and %d bytes left, want %d frames", step, len(got), len(rest), len(want))
		}
	}
	n := 0
	if rest := Frames(nil, stream, func([]byte, int) bool { n++; return false }); n != 1 || len(rest) != 0 {
		t.Errorf("%d frames and %d bytes left after the first was enough", n, len(rest))
	}
}

// The signatures are those of Pusher's documentation.
func TestSubscribe(t *testing.T) {
	s := NewSigner("278d425bdf160c739803", "7ad3773142a6692b25b8")
	for want, sub := range map[string]Subscription{
		`{"event":"pusher:subscribe","data":{"channel":"news"}}`:             {Channel: "news", SocketID: "1234.1234"},
		`{"event":"pusher:subscribe","data":{"channel":"news","replay":{}}}`: {Channel: "news", SocketID: "1234.1234", Replay: "{}"},
		`{"event":"pusher:subscribe","data":{"channel":"private-foobar","auth":"278d425bdf160c739803:58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"}}`: {
			Channel: "private-foobar", SocketID: "1234.1234"},
		`{"event":"pusher:subscribe","data":{"channel":"presence-foobar","auth":"278d425bdf160c739803:31935e7d86dba64c2a90aed31fdc61869f9b22ba9d8863bba239c03ca481bc80",` +
			`"channel_data":"{\"user_id\":10,\"user_info\":{\"name\":\"Mr. Channels\"}}"}}`: {
			Channel: "presence-foobar", SocketID: "1234.1234", Member: `{"user_id":10,"user_info":{"name":"Mr. Channels"}}`},
	} {
		if got := string(s.AppendSubscribe(nil, sub)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestAnswerLen(t *testing.T) {
	const answer = "HTTP/1.1 200 OK\r\ncontent-Length: 2\r\n\r\n{}"
	for text, want := range map[string]struct {
		n, status int
		err       string
	}{
		answer + "HTTP":           {len(answer), 200, ""},
		answer[:len(answer)-1]:    {0, 200, ""},
		"HTTP/1.1 200 OK\r\n":     {0, 0, ""},
		"HTTP/1.1 401\r\n\r\n":    {0, 401, "without Content-Length"},
		"SSH-2.0-OpenSSH\r\n\r\n": {0, 0, "no answer of HTTP"},
		"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n": {45, 413, ""},
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n":       {0, 200, "with Content-Length"},
	} {
		n, status, err := AnswerLen([]byte(text))
		if n != want.n || status != want.status || (err == nil) != (want.err == "") || err != nil && !strings.Contains(err.Error(), want.err) {
			t.Errorf("%q: %d, %d, %v", text, n, status, err)
		}
	}
}

func TestUpgraded(t *testing.T) {
	for text, want := range map[string]struct {
		after string
		done  bool
		err   string
	}{
		"HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\nframe": {"frame", true, ""},
		"HTTP/1.1 101 Switching Protocols\r\nA: b\r\n":          {"", false, ""},
		"HTTP/1.1 503 Busy\r\n\r\n":                             {"", true, "HTTP/1.1 503 Busy"},
	} {
		after, done, err := Upgraded([]byte(text))
		if string(after) != want.after || done != want.done || err == nil && want.err != "" || err != nil && err.Error() != want.err {
			t.Errorf("%q: %q, %v, %v", text, after, done, err)
		}
	}
}

func TestWords(t *testing.T) {
	if got := SocketID([]byte(`{"event":"pusher:connection_established","data":"{\"socket_id\":\"12.34\",\"activity_timeout\":30}"}`)); got != "12.34" {
		t.Errorf("socket id %q", got)
	}
	for v, want := range map[uint64]string{0: "0000", 0xbeef: "beef"} {
		b := AppendHex(nil, v, 4)
		if got, ok := Hex(b); string(b) != want || !ok || got != v {
			t.Errorf("%d: %s, and back %d, %v", v, b, got, ok)
		}
	}
	if _, ok := Hex([]byte("00x0")); ok {
		t.Error("00x0 is a number")
	}
	if IsProtocol([]byte(`{"event":"tick","data":"\"pusher"}`)) || !IsProtocol([]byte(`{"event":"pusher:ping"}`)) {
		t.Error("what is of the protocol")
	}
}

func TestIsLast(t *testing.T) {
	for text, want := range map[string]bool{
		"HTTP/1.1 200 OK\r\nconnection: Close\r\nContent-Length: 2\r\n\r\n{}":      true,
		"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}": false,
		"HTTP/1.0 200 OK\r\nContent-Length:  2\r\n\r\n{}":                          true,
		"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}": false,
		"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n\r\nConnection: close":       false,
	} {
		if got := IsLast([]byte(text)); got != want {
			t.Errorf("%v of %q", got, text)
		}
	}
}
