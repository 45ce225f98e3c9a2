package api

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// adopter keeps a duplicate of each connection it is given, as the reactor does.
type adopter struct {
	t     *testing.T
	heads chan string
	conns chan net.Conn
}

func (a *adopter) Adopt(c net.Conn, head []byte) {
	file, err := c.(*net.TCPConn).File()
	if err != nil {
		a.t.Errorf("the connection is not the listener's: %v", err)
		return
	}
	dup, err := net.FileConn(file)
	_ = file.Close()
	if err != nil {
		a.t.Error(err)
		return
	}
	a.conns <- dup
	a.heads <- string(head)
}

func TestUpgradeGoesBack(t *testing.T) {
	a := &adopter{t, make(chan string, 1), make(chan net.Conn, 1)}
	n := newNode(t, prefixed, func(o *Options) { o.Upgrader = a })
	addr := n.serve(t)
	const request = "GET /ws/app/app-key?protocol=7&client=js%20 HTTP/1.1\r\nHost: x.test\r\nConnection: keep-alive, Upgrade\r\n" +
		"Upgrade: foo, WebSocket\r\nSec-Websocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-Websocket-Version: 13\r\nOrigin: http://y\r\n\r\n"
	const up = "GET /up HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, tc := range map[string]struct {
		send []string // in pieces
		ups  int      // answers that come first
		rest string   // what the peer sent behind the head
	}{
		"at first":                   {send: []string{request}},
		"on a kept connection":       {send: []string{up, request}, ups: 1},
		"pipelined":                  {send: []string{up + up + request}, ups: 2},
		"with the first frame":       {send: []string{request + "\x81\x80abcd"}, rest: "\x81\x80abcd"},
		"with a kilobyte of frames":  {send: []string{up + request + strings.Repeat("f", 1024)}, ups: 1, rest: strings.Repeat("f", 1024)},
		"with eight of them":         {send: []string{request + strings.Repeat("f", 8192)}, rest: strings.Repeat("f", 8192)},
		"head in two pieces":         {send: []string{request[:50], request[50:]}},
		"something before it is bad": {send: []string{"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n" + request}, ups: -1},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, addr)
			for _, s := range tc.send {
				c.send(s)
			}
			for range tc.ups {
				c.want("GET", 200, `{"health":"OK"}`)
			}
			if tc.ups < 0 {
				c.want("GET", 404, "Not found.")
			}
			conn, head := <-a.conns, <-a.heads
			defer func() { _ = conn.Close() }()
			// What the kernel had not yet delivered when the head was taken stays in the socket.
			if !strings.HasPrefix(head, request) || !strings.HasPrefix(request+tc.rest, head) {
				t.Fatalf("the head is %q, want %q", head, request+tc.rest)
			}
			unread := request + tc.rest
			unread = unread[len(head):]
			if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			c.send("more")
			got := make([]byte, len(unread)+len("more"))
			if _, err := io.ReadFull(conn, got); err != nil || string(got) != unread+"more" {
				t.Errorf("the connection goes on with %q, %v", got, err)
			}
			if _, err := io.WriteString(conn, "hello\n"); err != nil {
				t.Error(err)
			}
			if line, err := bufio.NewReader(c.r).ReadString('\n'); err != nil || line != "hello\n" {
				t.Errorf("the peer reads %q, %v", line, err)
			}
		})
	}
}

func TestUpgradeWithoutAReactor(t *testing.T) {
	newNode(t).do("GET", "/app/app-key", "", "Upgrade", "websocket", "Connection", "Upgrade").
		want(t, 426, "This is a WebSocket address: the request has to be an upgrade.")
}
