package engine

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"resound/channels"
	"resound/protocol"
	"resound/protocol/ws"
)

// Random publishers and whispers, some of them not for one of the clients; clients on several channels that come, go,
// hang up and read slowly. One connection is on all channels from the beginning to the end: what it gets is the order of a
// channel. All that anybody else gets in one stay is a piece of that, whole and in order, but for what was not for it.
// With a small backlog the slow ones are closed in the middle: what they got until then is such a piece as well.
// Longer: go test -race -run Exactness -count 20.
func TestExactness(t *testing.T) { exactnessOnLoops(t, Options{Backlog: 64 << 20}) }

// The same with slow readers that are closed.
func TestExactnessAtTheBacklog(t *testing.T) { exactnessOnLoops(t, Options{Backlog: 32 << 10}) }

// Both over TLS.
func TestExactnessOverTLS(t *testing.T) {
	exactnessOnLoops(t, Options{Backlog: 64 << 20, TLS: serverTLS(t)})
}

func TestExactnessAtTheBacklogOverTLS(t *testing.T) {
	exactnessOnLoops(t, Options{Backlog: 32 << 10, TLS: serverTLS(t)})
}

func exactnessOnLoops(t *testing.T, o Options) {
	slow, whispers := 0, 0
	for _, loops := range []int{1, 2, 4, 8} {
		t.Run(fmt.Sprint(loops, " loops"), func(t *testing.T) {
			o.Loops = loops
			s, w := exactness(t, o)
			slow, whispers = slow+s, whispers+w
		})
	}
	if slow == 0 || whispers == 0 {
		t.Errorf("the runs show nothing: %d slow readers, %d whispers", slow, whispers)
	}
}

const (
	exactChannels   = 4
	exactPublishers = 3
	exactEvents     = 200 // of a publisher
	exactClients    = 16
	exactAhead      = 24 // events that publishers may be ahead of the witness
)

// exact is one run of the test.
type exact struct {
	t        *testing.T
	e        *Engine
	seed     uint64
	begun    [exactPublishers][exactChannels]atomic.Int64 // events of a publisher on a channel
	ended    [exactPublishers][exactChannels]atomic.Int64
	mu       sync.Mutex
	except   map[string]protocol.SocketID // guarded by mu: by what identifies an event
	clients  []*exactClient
	order    [exactChannels][]string // as the witness gets it
	stays    []*exactStay            // guarded by mu
	refused  atomic.Int64            // connections that were too slow
	overflow atomic.Int64            // looks at a connection that found it slow
}

// exactStay is what a client gets from a subscription to its end.
type exactStay struct {
	id      protocol.SocketID
	channel int
	got     []string
	floor   [exactPublishers]int64 // events of each publisher from here on may come: the others were published before
	due     [exactPublishers]int64 // and from here on they have to
	open    bool                   // lasts to the end
}

// exactness is one run, and returns how often a reader was seen to be slow, and how many whispers there were.
func exactness(t *testing.T, o Options) (slow, whispers int) {
	x := &exact{t: t, e: startWith(t, o), seed: uint64(time.Now().UnixNano()), except: map[string]protocol.SocketID{}}
	t.Log("seed", x.seed)
	for i := range exactClients {
		x.clients = append(x.clients, &exactClient{x: x, random: rand.New(rand.NewPCG(x.seed, uint64(i))), small: i%4 == 0})
	}
	tokens := make(chan struct{}, exactAhead)
	witness := &exactClient{x: x}
	if err := witness.connect(); err != nil {
		t.Fatal(err)
	}
	for ch := range exactChannels {
		if err := witness.join(ch); err != nil {
			t.Fatal(err)
		}
	}
	var publishers, clients, readers sync.WaitGroup
	readers.Go(func() {
		for ends := 0; ends < exactChannels; {
			ch, key, err := witness.read()
			if err != nil {
				t.Error("the witness: ", err)
				return
			}
			x.order[ch] = append(x.order[ch], key)
			switch {
			case key == "end":
				ends++
			case key[0] == 'p':
				<-tokens
			}
		}
	})
	done := make(chan struct{})
	for p := range exactPublishers {
		publishers.Go(func() { x.publish(p, tokens) })
	}
	for _, c := range x.clients {
		clients.Go(func() { c.live(done) })
	}
	publishers.Wait()
	close(done)
	clients.Wait()
	app := x.e.Hub().App(x.e.registry.ByID([]byte("1")))
	for ch := range exactChannels {
		app.Publish(fmt.Append(nil, "x", ch), protocol.Raw(`"e"`), protocol.Raw(`"end "`), protocol.SocketID{})
	}
	for _, c := range x.clients {
		readers.Go(c.finish)
	}
	readers.Wait()
	x.check()
	whispers = strings.Count(fmt.Sprint(x.order), ".")
	t.Logf("%d stays, %d whispers, %d connections closed, %d looks found a slow one", len(x.stays), whispers, x.refused.Load(), x.overflow.Load())
	return int(x.overflow.Load() + x.refused.Load()), whispers
}

// publish publishes one publisher's events, while the witness keeps up.
func (x *exact) publish(p int, tokens chan struct{}) {
	random := rand.New(rand.NewPCG(x.seed, uint64(100+p)))
	app := x.e.Hub().App(x.e.registry.ByID([]byte("1")))
	for range exactEvents {
		ch := random.IntN(exactChannels)
		key := fmt.Sprintf("p%d-%d", p, x.begun[p][ch].Load()+1)
		var except protocol.SocketID
		x.mu.Lock()
		if random.IntN(3) == 0 {
			except = x.clients[random.IntN(exactClients)].id
		}
		x.except[key+fmt.Sprint("@", ch)] = except
		x.mu.Unlock()
		tokens <- struct{}{}
		x.begun[p][ch].Add(1)
		data := `"` + key + " " + strings.Repeat("x", random.IntN(3000)) + `"`
		app.Publish(fmt.Append(nil, "x", ch), protocol.Raw(`"e"`), protocol.Raw(data), except)
		x.ended[p][ch].Add(1)
		if random.IntN(20) == 0 {
			time.Sleep(time.Duration(random.IntN(3000)) * time.Microsecond) // so that some come alone
		}
	}
}

// check compares each stay with what the witness got.
func (x *exact) check() {
	for _, s := range x.stays {
		var due int // place of the first that has to be there
		var want []string
		due = -1
		for _, key := range x.order[s.channel] {
			if key != "end" && x.except[key+fmt.Sprint("@", s.channel)] == s.id {
				continue
			}
			if p, n, ok := published(key); due < 0 && (key == "end" || ok && n > s.due[p]) {
				due = len(want)
			}
			want = append(want, key)
		}
		at := len(want)
		for i, key := range want {
			if len(s.got) > 0 && key == s.got[0] {
				at = i
				break
			}
		}
		switch {
		case len(s.got) == 0 && !s.open: // it left before anything came
		case at > due:
			x.t.Errorf("%v on x%d begins with %q, behind %q", s.id, s.channel, s.got[:min(1, len(s.got))], want[due])
		case len(s.got) > len(want)-at || strings.Join(s.got, " ") != strings.Join(want[at:at+len(s.got)], " "):
			x.t.Errorf("%v on x%d got\n%q, not\n%q", s.id, s.channel, s.got, want[at:min(at+len(s.got), len(want))])
		case s.open && at+len(s.got) != len(want):
			x.t.Errorf("%v on x%d lacks %q", s.id, s.channel, want[at+len(s.got):])
		}
		for _, key := range s.got {
			if p, n, ok := published(key); ok && n <= s.floor[p] {
				x.t.Errorf("%v on x%d got %q of before it came", s.id, s.channel, key)
			}
		}
	}
}

// published takes the key of a publisher's event apart.
func published(key string) (p int, n int64, ok bool) {
	got, err := fmt.Sscanf(key, "p%d-%d", &p, &n)
	return p, n, got == 2 && err == nil
}

// exactClient is one client, which has connections one behind the other.
type exactClient struct {
	x       *exact
	random  *rand.Rand
	id      protocol.SocketID // guarded by x.mu: of the present connection
	conn    *client
	stays   [exactChannels]*exactStay
	whisper int
	small   bool // has next to no buffers in the kernel, and so is slow soon
}

// connect opens a connection.
func (c *exactClient) connect() error {
	d := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			if c.small {
				_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, 1000) // else a read opens no window, and a timer does
			}
		})
	}}
	nc, err := d.Dial("tcp", c.x.e.Addr().String())
	if err != nil {
		return err
	}
	c.conn = newClient(c.x.t, overTLS(c.x.e, nc))
	if _, err := io.WriteString(c.conn, handshake); err != nil {
		return err
	}
	if res, err := http.ReadResponse(c.conn.r, nil); err != nil || res.StatusCode != 101 {
		return fmt.Errorf("upgrade: %v, %w", res, err)
	}
	hello, err := c.hear()
	if err != nil {
		return err
	}
	_, said, _ := strings.Cut(hello, `socket_id\":\"`)
	said, _, _ = strings.Cut(said, `\"`)
	id, ok := protocol.ParseSocketID([]byte(said))
	if !ok {
		return fmt.Errorf("no socket id in %s", hello)
	}
	c.x.mu.Lock()
	c.id = id
	c.x.mu.Unlock()
	if c.small {
		c.look(func(own *conn) { _ = unix.SetsockoptInt(int(own.fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 4096) })
	}
	return nil
}

// look calls f with the server's end of the connection, on its loop.
func (c *exactClient) look(f func(*conn)) {
	id := c.id
	for _, l := range c.x.e.loops {
		l.mailbox.Post(channels.Call(func() {
			l.wheel.each(func(own *conn) {
				if own.id == id && own.state == stateOpen {
					f(own)
				}
			})
		}))
	}
}

// hear returns the next message.
func (c *exactClient) hear() (string, error) {
	for {
		m, n, ok, err := c.conn.decoder.Next(c.conn.buf, 1<<24)
		switch {
		case err != nil:
			c.x.t.Errorf("the stream of %v is broken: %v", c.id, err)
			return "", err
		case ok && m.Op == ws.OpClose:
			if code, _, _ := ws.ParseClose(m.Payload); code != uint16(protocol.ErrSlowConsumer.Code) {
				c.x.t.Errorf("closed with %d", code)
			}
			c.x.refused.Add(1)
			return "", io.EOF
		}
		payload := string(m.Payload)
		c.conn.buf = c.conn.buf[n:]
		if ok {
			return payload, nil
		}
		more := make([]byte, 4096)
		got, err := c.conn.r.Read(more)
		if err != nil && got == 0 { // TLS may say both
			return "", err
		}
		c.conn.buf = append(c.conn.buf, more[:got]...)
	}
}

// read returns the next event of a channel, or what else came as a key that no event has.
func (c *exactClient) read() (channel int, key string, err error) {
	payload, err := c.hear()
	if err != nil {
		return 0, "", err
	}
	_, name, _ := strings.Cut(payload, `"channel":"x`)
	if name != "" {
		channel = int(name[0] - '0')
	}
	if strings.HasPrefix(payload, `{"event":"pusher`) {
		event, _, _ := strings.Cut(payload[len(`{"event":"`):], `"`)
		return channel, event, nil
	}
	_, data, _ := strings.Cut(payload, `"data":"`)
	key, _, _ = strings.Cut(data, " ")
	return channel, key, nil
}

// until reads events up to something else, and notes them.
func (c *exactClient) until(event string) error {
	for {
		channel, key, err := c.read()
		s := c.stays[channel]
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(key, "pusher"):
		case s == nil:
			c.x.t.Errorf("%v is not on x%d and gets %q", c.id, channel, key)
		default:
			s.got = append(s.got, key)
		}
		if key == event {
			return nil
		}
	}
}

func (c *exactClient) say(text string) error {
	_, err := c.conn.Write(ws.AppendMasked(nil, ws.OpText, []byte(text), [4]byte{1, 2, 3, 4}))
	return err
}

func (c *exactClient) join(ch int) error {
	s := &exactStay{id: c.id, channel: ch, open: true}
	for p := range exactPublishers {
		s.floor[p] = c.x.ended[p][ch].Load()
	}
	if err := c.say(fmt.Sprintf(`{"event":"pusher:subscribe","data":{"channel":"x%d"}}`, ch)); err != nil {
		return err
	}
	if err := c.until(protocol.EventSucceeded); err != nil {
		return err
	}
	for p := range exactPublishers {
		s.due[p] = c.x.begun[p][ch].Load()
	}
	c.stays[ch] = s
	if c.random != nil {
		c.x.mu.Lock()
		c.x.stays = append(c.x.stays, s)
		c.x.mu.Unlock()
	}
	return nil
}

func (c *exactClient) sync() error {
	if err := c.say(`{"event":"pusher:ping"}`); err != nil {
		return err
	}
	return c.until(protocol.EventPong)
}

// step does something at random.
func (c *exactClient) step() error {
	ch := c.random.IntN(exactChannels)
	switch k := c.random.IntN(12); {
	case k < 3 && c.stays[ch] != nil:
		if err := c.say(fmt.Sprintf(`{"event":"pusher:unsubscribe","data":{"channel":"x%d"}}`, ch)); err != nil {
			return err
		}
		err := c.sync()
		c.stays[ch].open, c.stays[ch] = false, nil
		return err
	case k < 7 && c.stays[ch] == nil:
		return c.join(ch)
	case k == 7 && c.stays[ch] != nil:
		c.whisper++
		key := fmt.Sprintf("%v-%d", c.id, c.whisper)
		c.x.mu.Lock()
		c.x.except[key+fmt.Sprint("@", ch)] = c.id
		c.x.mu.Unlock()
		return c.say(fmt.Sprintf(`{"event":"client-e","channel":"x%d","data":"%s "}`, ch, key))
	case k == 8 && c.random.IntN(6) == 0:
		_ = beneath(c.conn.Conn).SetLinger(0)
		return io.EOF
	case k == 9:
		time.Sleep(time.Duration(c.random.IntN(60)) * time.Millisecond) // reads nothing meanwhile
	}
	if c.small {
		c.look(func(own *conn) {
			if own.slow != nil {
				c.x.overflow.Add(1)
			}
		})
	}
	return c.sync()
}

// live does things until done is closed. A connection that ends is followed by another.
func (c *exactClient) live(done chan struct{}) {
	for {
		if c.conn == nil {
			if err := c.connect(); err != nil {
				c.x.t.Error(err)
				return
			}
		}
		select {
		case <-done:
			return
		default:
		}
		if c.step() != nil {
			c.end()
		}
	}
}

// end ends the stays of the present connection.
func (c *exactClient) end() {
	_ = c.conn.Close()
	c.conn = nil
	for ch, s := range c.stays {
		if s != nil {
			s.open, c.stays[ch] = false, nil
		}
	}
}

// finish reads all that is left.
func (c *exactClient) finish() {
	if c.conn == nil {
		return
	}
	for c.still() > 0 {
		if c.until("end") != nil {
			c.end()
			return
		}
	}
	_ = c.conn.Close()
}

// still is how many channels it is on whose end has not come.
func (c *exactClient) still() (n int) {
	for _, s := range c.stays {
		if s != nil && (len(s.got) == 0 || s.got[len(s.got)-1] != "end") {
			n++
		}
	}
	return n
}
