package redistest

import (
	"net"
	"sync"
	"time"
)

// pipe is one connection through a Proxy.
type pipe struct {
	proxy          *Proxy
	client, server net.Conn
	closed         bool // guarded by proxy.mu
}

// cut ends it, and what is on its way with it. The caller holds the proxy's lock.
func (c *pipe) cut() {
	c.closed = true
	reset(c.client)
	reset(c.server)
}

// end ends it behind what it has forwarded.
func (c *pipe) end() {
	c.proxy.set(func() { c.closed = true })
	_ = c.client.Close()
	_ = c.server.Close()
}

// run forwards both ways until one of them ends.
func (c *pipe) run() {
	var group sync.WaitGroup
	group.Go(func() { c.forward(c.client, c.server, ToServer) })
	group.Go(func() { c.forward(c.server, c.client, ToClient) })
	group.Wait()
}

// chunk is bytes that may go on at a time.
type chunk struct {
	bytes []byte
	due   time.Time
}

// forward reads on while what was read waits for its time, so that a delay is one for each byte and not for each chunk after the other.
func (c *pipe) forward(from, to net.Conn, way Direction) {
	defer c.end()
	waiting := make(chan chunk, 256)
	var writer sync.WaitGroup
	writer.Go(func() {
		defer c.end()
		for chunk := range waiting {
			time.Sleep(time.Until(chunk.due))
			n, ok := c.pass(len(chunk.bytes), way)
			if _, err := to.Write(chunk.bytes[:n]); err != nil || !ok {
				break
			}
		}
		c.end()
		for range waiting { // so that the reader, which ends now too, is not held up
		}
	})
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			waiting <- chunk{append([]byte(nil), buf[:n]...), time.Now().Add(c.proxy.lag())}
		}
		if err != nil {
			break
		}
	}
	close(waiting)
	writer.Wait()
}

func (p *Proxy) lag() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.delay
}

// pass waits until bytes may go on, and returns how many may; more is false when none may come behind them.
func (c *pipe) pass(n int, way Direction) (passed int, more bool) {
	p := c.proxy
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.held&way != 0 && !c.closed {
		p.changed.Wait()
	}
	if c.closed {
		return 0, false
	}
	if way != ToClient || p.truncate < 0 {
		return n, true
	}
	if int64(n) < p.truncate {
		p.truncate -= int64(n)
		return n, true
	}
	n, p.truncate = int(p.truncate), -1
	return n, false
}
