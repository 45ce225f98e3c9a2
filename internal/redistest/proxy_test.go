package redistest

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// echo is a server that says what it is told, behind a proxy.
func echo(t *testing.T) *Proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return NewProxy(t, ln.Addr().String())
}

// end is one end of a connection through a proxy.
type end struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func (p *Proxy) end(t *testing.T) *end {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return &end{t, c, bufio.NewReader(c)}
}

func (e *end) say(text string) {
	e.t.Helper()
	if _, err := io.WriteString(e, text+"\n"); err != nil {
		e.t.Fatal(err)
	}
}

func (e *end) want(text string) {
	e.t.Helper()
	got, err := e.r.ReadString('\n')
	if err != nil || got != text+"\n" {
		e.t.Fatalf("got %q and %v, want %q", got, err, text)
	}
}

// silent requires that nothing comes for a while.
func (e *end) silent() {
	e.t.Helper()
	_ = e.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if b, err := e.r.ReadByte(); !errors.Is(err, os.ErrDeadlineExceeded) {
		e.t.Fatalf("got %q and %v", b, err)
	}
	_ = e.SetReadDeadline(time.Now().Add(patience))
}

// over requires that the connection ends behind so much.
func (e *end) over(rest string) {
	e.t.Helper()
	got, err := io.ReadAll(e.r)
	if string(got) != rest || errors.Is(err, os.ErrDeadlineExceeded) {
		e.t.Fatalf("got %q and %v", got, err)
	}
}

func TestProxyForwards(t *testing.T) {
	t.Parallel()
	p := echo(t)
	c := p.end(t)
	big := strings.Repeat("0123456789", 100_000)
	go func() { _, _ = io.WriteString(c, big+"\n") }()
	c.want(big)
	if p.Accepted() != 1 || p.Connections() != 1 {
		t.Errorf("%d connections of %d", p.Connections(), p.Accepted())
	}
	_ = c.Close()
	until(t, "the connection to end", func() bool { return p.Connections() == 0 })
}

func TestProxyCuts(t *testing.T) {
	t.Parallel()
	p := echo(t)
	one, two := p.end(t), p.end(t)
	for _, c := range []*end{one, two} {
		c.say("a")
		c.want("a")
	}
	p.Cut()
	one.over("")
	two.over("")
	c := p.end(t)
	c.say("b")
	c.want("b")
}

func TestProxyRefuses(t *testing.T) {
	t.Parallel()
	p := echo(t)
	old := p.end(t)
	old.say("a")
	old.want("a")
	p.Refuse()
	if c, err := net.Dial("tcp", p.Addr()); err == nil { // it may be over before the dial is
		refused := &end{t, c, bufio.NewReader(c)}
		_ = c.SetDeadline(time.Now().Add(patience))
		refused.over("")
		_ = c.Close()
	}
	old.say("b")
	old.want("b")
	p.Heal()
	c := p.end(t)
	c.say("c")
	c.want("c")
}

func TestProxyHoldsBack(t *testing.T) {
	t.Parallel()
	for name, way := range map[string]Direction{"to the server": ToServer, "to the client": ToClient, "both ways": Both} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := echo(t)
			c := p.end(t)
			c.say("a")
			c.want("a")
			p.Blackhole(way)
			late := p.end(t)
			c.say("b")
			late.say("c")
			c.silent()
			late.silent()
			p.Heal()
			c.want("b")
			late.want("c")
		})
	}
	t.Run("and cuts", func(t *testing.T) {
		t.Parallel()
		p := echo(t)
		c := p.end(t)
		c.say("a")
		c.want("a")
		p.Blackhole(Both)
		c.say("b")
		p.Cut()
		c.over("")
	})
}

// TestProxyOneWay: what is held back one way goes on the other way.
func TestProxyOneWay(t *testing.T) {
	t.Parallel()
	s := Start(t, Options{})
	p := NewProxy(t, s.Addr())
	w, err := dial(p.Addr(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	p.Blackhole(ToClient)
	answered := make(chan error, 1)
	go func() {
		_, err := w.do("SET", "a", "1")
		answered <- err
	}()
	until(t, "the command to arrive", func() bool { return s.Do("GET", "a") == "1" })
	select {
	case err := <-answered:
		t.Errorf("it was answered: %v", err)
	default:
	}
	p.Heal()
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

func TestProxyDelays(t *testing.T) {
	t.Parallel()
	p := echo(t)
	c := p.end(t)
	c.say("a")
	c.want("a")
	const lag = 100 * time.Millisecond
	p.Delay(lag)
	begin := time.Now()
	// Twenty of them, one behind the other, are not twenty times as late, but that is not for a clock to say here.
	for range 20 {
		c.say("b")
	}
	for range 20 {
		c.want("b")
	}
	if passed := time.Since(begin); passed < 2*lag {
		t.Errorf("there and back took %v, with %v each way", passed, lag)
	}
}

func TestProxyTruncates(t *testing.T) {
	t.Parallel()
	p := echo(t)
	c, other := p.end(t), p.end(t)
	other.say("a")
	other.want("a")
	p.Truncate(7)
	c.say("1234")
	c.want("1234")
	if p.Truncated() {
		t.Error("too early")
	}
	c.say("5678")
	c.over("56")
	if !p.Truncated() {
		t.Error("not at all")
	}
	other.say("b")
	other.want("b")
}

func TestProxyTurns(t *testing.T) {
	t.Parallel()
	one, two := Start(t, Options{}), Start(t, Options{})
	p := NewProxy(t, one.Addr())
	old, err := dial(p.Addr(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer old.close()
	if _, err := old.do("PING"); err != nil {
		t.Fatal(err)
	}
	p.Turn(two.Addr())
	late, err := dial(p.Addr(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer late.close()
	for name, w := range map[string]*wire{"old": old, "late": late} {
		if _, err := w.do("SET", "a", name); err != nil {
			t.Fatal(err)
		}
	}
	if one.Do("GET", "a") != "old" || two.Do("GET", "a") != "late" {
		t.Error("a connection is with the wrong server")
	}
}
