package engine

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"

	"resound/internal/overload"
	"resound/protocol"
	"resound/protocol/ws"
)

// at makes a governor be at a level because of memory.
func at(l overload.Level) *overload.Governor {
	g := overload.New(nil)
	g.Step(overload.Reading{Memory: overload.Usage{Share: []float64{0, 0.82, 0.88, 0.95}[l], Limit: 100 << 20}})
	return g
}

const refused503 = "HTTP/1.1 503 Service Unavailable\r\n"

// While the server is overloaded no socket comes in, and those that are in stay.
func TestSocketsAreRefused(t *testing.T) {
	g := overload.New(nil)
	m := manual(t, Options{Loops: 1, Governor: g})
	in := m.Open(0)
	in.Feed([]byte(handshake))
	in.Take()
	g.Step(overload.Reading{Memory: overload.Usage{Share: 0.81, Used: 81 << 20, Limit: 100 << 20, Of: "what there is"}})
	for _, head := range []string{handshake, strings.Replace(handshake, "/app/key", "/app/none", 1)} {
		w := m.Open(0)
		w.Feed([]byte(head))
		answer := string(w.Take())
		if !strings.HasPrefix(answer, refused503) || !strings.Contains(answer, "\r\nRetry-After: 15\r\nConnection: close\r\n") || !w.HalfClosed {
			t.Errorf("%q", answer)
		}
	}
	bad := m.Open(0)
	bad.Feed([]byte(strings.Replace(handshake, "Host: ", "Hast: ", 1)))
	if answer := string(bad.Take()); !strings.HasPrefix(answer, "HTTP/1.1 400") {
		t.Errorf("what is no handshake: %q", answer)
	}
	if in.Feed(text(`{"event":"pusher:ping"}`)); !strings.Contains(string(in.Take()), "pusher:pong") {
		t.Error("who is in is not served")
	}
	if s := g.Stats(); s.Shed[overload.Socket][overload.Memory] != 2 || m.Stats().Upgraded != 1 {
		t.Errorf("%+v", s.Shed)
	}
	if why := m.Unready(); len(why) != 1 || why[0] != "memory runs short: 81 % of 100 MiB (what there is)" {
		t.Errorf("%q", why)
	}
}

// A loop that stays late makes the server refuse sockets.
func TestLagRefusesSockets(t *testing.T) {
	g := overload.New(nil)
	m := manual(t, Options{Loops: 2, Governor: g})
	l := m.loops[1]
	l.mailbox.Post(l.asked(func() {}))
	l.stats.asked.Add(-int64(time.Minute)) // as if it had been asked then
	for range 12 {
		g.Step(overload.Reading{Lag: m.Lag()})
	}
	w := m.Open(0)
	if w.Feed([]byte(handshake)); !strings.HasPrefix(string(w.Take()), refused503) {
		t.Error("a socket came in")
	}
	if g.Stats().Shed[overload.Socket][overload.Lag] != 1 {
		t.Errorf("%+v", g.Stats().Shed)
	}
	// It comes to it, and sockets are refused a while longer: nobody should send more here.
	l.stats.ended()
	g.Step(overload.Reading{Lag: m.Lag()})
	again := m.Open(0)
	again.Feed([]byte(handshake))
	if why := m.Unready(); !strings.HasPrefix(string(again.Take()), refused503) || len(why) != 1 || !strings.HasPrefix(why[0], "new sockets are refused") {
		t.Errorf("%q", why)
	}
}

// While client events are thinned one of each connection gets through in a second, and who sends more is told so once.
func TestClientEventsAreThinned(t *testing.T) {
	g := overload.New(nil)
	m := manual(t, Options{Loops: 1, Governor: g})
	first, second, third := m.Open(0), m.Open(0), m.Open(0)
	for _, w := range []*Wire{first, second, third} {
		w.Feed([]byte(handshake))
		w.Feed(text(`{"event":"pusher:subscribe","data":{"channel":"a"}}`))
		w.Take()
	}
	whisper := func(w *Wire, n int) (got int, answer string) {
		for range n {
			w.Feed(text(`{"event":"client-typing","channel":"a","data":{}}`))
		}
		m.Turn()
		return strings.Count(string(third.Take()), "client-typing"), string(w.Take())
	}
	if got, answer := whisper(first, 5); got != 5 || strings.Contains(answer, "error") {
		t.Errorf("calm: %d got through, %q", got, answer)
	}
	g.Step(overload.Reading{Memory: overload.Usage{Share: 0.87}})
	if got, answer := whisper(first, 5); got != 1 || strings.Count(answer, `\"code\":4301`) != 1 {
		t.Errorf("thinned: %d got through, %q", got, answer)
	}
	if got, _ := whisper(second, 5); got != 1 {
		t.Errorf("another connection: %d got through", got)
	}
	m.Advance(time.Second)
	if m.loops[0].whispers.sent != nil {
		t.Error("who whispered a second ago is remembered")
	}
	if got, _ := whisper(first, 5); got != 1 {
		t.Errorf("a second later: %d got through", got)
	}
	if n := g.Stats().Shed[overload.ClientEvent][overload.Memory]; n != 12 {
		t.Errorf("%d were dropped, want 12", n)
	}
}

// While memory is at risk a slow reader may leave an eighth, and those who have left more are closed.
func TestSlowReadersAreLetGo(t *testing.T) {
	const backlog = 64 << 10
	g := overload.New(nil)
	m := manual(t, Options{Loops: 1, Governor: g, Backlog: backlog})
	big, small := m.Open(0), m.Open(0)
	for w, channel := range map[*Wire]string{big: "big", small: "small"} {
		w.Feed([]byte(handshake))
		w.Feed(text(`{"event":"pusher:subscribe","data":{"channel":"` + channel + `"}}`))
		w.Take()
		w.Stall(true)
	}
	publish := func(channel string, size int) {
		data := protocol.Raw(`"` + strings.Repeat("x", size) + `"`)
		big.conn.app.Publish([]byte(channel), protocol.Raw(`"e"`), data, protocol.SocketID{})
		m.Turn()
	}
	app := big.conn.app
	publish("big", backlog/2)
	publish("small", backlog/32)
	if big.conn.slow.cost() < backlog/2 || small.conn.state != stateOpen {
		t.Fatal("the readers are not slow")
	}
	if g.Step(overload.Reading{Memory: overload.Usage{Share: 0.95}}) {
		m.Relieve()
	}
	m.Turn()
	if big.conn.state != stateClosing || small.conn.state != stateOpen {
		t.Errorf("big is %v, small is %v", big.conn.state, small.conn.state)
	}
	app.Publish([]byte("small"), protocol.Raw(`"e"`), protocol.Raw(`"`+strings.Repeat("x", backlog/8)+`"`), protocol.SocketID{})
	m.Turn()
	if small.conn.state != stateClosing {
		t.Error("a reader may leave more than an eighth")
	}
	big.Stall(false)
	if got := string(big.Take()); !strings.Contains(got, `\"code\":4100`) {
		t.Errorf("a slow reader is told %q", got[max(0, len(got)-200):])
	}
	if n := g.Stats().Shed[overload.SlowReader][overload.Memory]; n != 2 || m.Stats().Closed[4100] != 2 {
		t.Errorf("%d were let go", n)
	}
}

// A rate is that of an address; what it has not used adds up to ten seconds' worth.
func TestAddressRate(t *testing.T) {
	a := newAdmission(Admission{Rate: 2})
	one, other := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	now := time.Hour
	enter := func(addr netip.Addr, n int) (in int) {
		for range n {
			v, reason, ok := a.enter(addr, now)
			if v != nil || !ok && reason != overload.Rate {
				t.Errorf("%v, %v", v, reason)
			}
			if ok {
				in++
			}
		}
		return in
	}
	if n := enter(one, 100); n != 2*addressBurst {
		t.Errorf("at once: %d", n)
	}
	if n := enter(other, 1); n != 1 {
		t.Error("another address pays for it")
	}
	now += 3 * time.Second
	if n := enter(one, 100); n != 6 {
		t.Errorf("in three seconds: %d", n)
	}
	now += time.Hour
	if n := enter(one, 100); n != 2*addressBurst {
		t.Errorf("an hour later: %d", n)
	}
}

// IPv6 counts by the network of 64 bits that one customer has, IPv4 by address, in whatever form it comes.
func TestAddressKey(t *testing.T) {
	for _, test := range []struct {
		a, b string
		same bool
	}{
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true}, {"2001:db8:1:2::1", "2001:db8:1:3::1", false}, {"fe80::1%eth0", "fe80::2%eth1", true},
		{"10.0.0.1", "::ffff:10.0.0.1", true}, {"10.0.0.1", "10.0.0.2", false}, {"::1", "0.0.0.0", false},
	} {
		if got := addressKey(netip.MustParseAddr(test.a)) == addressKey(netip.MustParseAddr(test.b)); got != test.same {
			t.Errorf("%s and %s: %v", test.a, test.b, got)
		}
	}
}

// Who has many addresses fills no memory: the one that has been quiet for longest is forgotten. One with a socket is not.
func TestAddressesAreForgotten(t *testing.T) {
	a := newAdmission(Admission{Rate: 1, Connections: 2})
	address := func(i int) netip.Addr {
		return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(i))))
	}
	stays, _, _ := a.enter(address(0), 1)
	for i := range 3 * maxVisitors {
		if v, _, ok := a.enter(address(i+1), 1); !ok {
			t.Fatalf("address %d is refused", i)
		} else {
			a.leave(v)
		}
	}
	if len(a.visitors) != maxVisitors+1 || a.idles != maxVisitors {
		t.Errorf("%d addresses are remembered, %d without a socket", len(a.visitors), a.idles)
	}
	if a.visitors[addressKey(address(0))] != stays || a.visitors[addressKey(address(1))] != nil || a.visitors[addressKey(address(3*maxVisitors))] == nil {
		t.Error("it is not the oldest that were forgotten")
	}
}

// An address may have so many sockets at the same time, over all loops, and another one when one of them has gone.
func TestSocketsOfAnAddress(t *testing.T) {
	g := overload.New(nil)
	m := manual(t, Options{Loops: 2, Governor: g, Admission: Admission{Connections: 2}})
	peer := netip.MustParseAddr("192.0.2.1")
	open := func(from netip.Addr, head string) (w *Wire, status string) {
		w = m.Open(int(m.Stats().Accepted % 2))
		w.Peer = from
		w.Feed([]byte(head))
		status, _, _ = strings.Cut(string(w.Take()), "\r\n")
		return w, status
	}
	const taken, many = "HTTP/1.1 101 Switching Protocols", "HTTP/1.1 429 Too Many Requests"
	var in []*Wire
	for i, want := range []string{taken, taken, many, many} {
		w, got := open(peer, handshake)
		if in = append(in, w); got != want {
			t.Errorf("socket %d: %s", i, got)
		}
	}
	// What the client writes itself says nothing.
	if _, got := open(peer, strings.Replace(handshake, "Host:", "X-Forwarded-For: 10.9.9.9\r\nHost:", 1)); got != many {
		t.Errorf("with an address of its own choice: %s", got)
	}
	if _, got := open(netip.MustParseAddr("192.0.2.2"), handshake); got != taken {
		t.Errorf("another address: %s", got)
	}
	in[2].HangUp() // was never in
	if _, got := open(peer, handshake); got != many {
		t.Errorf("when one that was refused has gone: %s", got)
	}
	in[0].HangUp()
	if _, got := open(peer, handshake); got != taken {
		t.Errorf("when one has gone: %s", got)
	}
	if n := g.Stats().Shed[overload.Socket][overload.PerAddress]; n != 4 {
		t.Errorf("%d were refused", n)
	}
}

// Of what proxies say, the rightmost address that is no proxy's counts, and of what others say nothing.
func TestClientBehindProxies(t *testing.T) {
	nets := func(list ...string) (p Proxies) {
		for _, n := range list {
			p.Nets = append(p.Nets, netip.MustParsePrefix(n))
		}
		return p
	}
	for name, test := range map[string]struct {
		proxies Proxies
		peer    string // "" is a socket of the file system
		headers string
		want    string
	}{
		"nobody is trusted":        {Proxies{}, "127.0.0.1", "X-Forwarded-For: 1.1.1.1", "127.0.0.1"},
		"another is trusted":       {nets("10.0.0.0/8"), "127.0.0.1", "X-Forwarded-For: 1.1.1.1", "127.0.0.1"},
		"one proxy":                {nets("10.0.0.0/8"), "10.1.1.1", "X-Forwarded-For: 1.1.1.1", "1.1.1.1"},
		"spoofed in front":         {nets("10.0.0.0/8"), "10.1.1.1", "X-Forwarded-For: 10.2.2.2, 9.9.9.9, 1.1.1.1", "1.1.1.1"},
		"two proxies":              {nets("10.0.0.0/8"), "10.1.1.1", "X-Forwarded-For: 9.9.9.9,1.1.1.1,10.3.3.3 , 10.2.2.2", "1.1.1.1"},
		"proxies only":             {nets("10.0.0.0/8"), "10.1.1.1", "X-Forwarded-For: 10.3.3.3, 10.2.2.2", "10.3.3.3"},
		"two headers":              {nets("10.0.0.0/8"), "10.1.1.1", "X-Forwarded-For: 9.9.9.9\r\nx-forwarded-for: 1.1.1.1", "1.1.1.1"},
		"no address":               {nets("10.0.0.0/8"), "10.1.1.1", "X-Forwarded-For: 1.1.1.1, unknown", "10.1.1.1"},
		"no address in front":      {nets("10.0.0.0/8"), "10.1.1.1", "X-Forwarded-For: 1.1.1.1, x, 10.2.2.2", "10.2.2.2"},
		"empty":                    {nets("10.0.0.0/8"), "10.1.1.1", "X-Forwarded-For:", "10.1.1.1"},
		"with ports":               {nets("10.0.0.0/8"), "10.1.1.1", "X-Forwarded-For: 1.1.1.1:999, 10.2.2.2:80", "1.1.1.1"},
		"IPv6":                     {nets("fd00::/8"), "fd00::1", "X-Forwarded-For: 2001:db8::1", "2001:db8::1"},
		"IPv6 in brackets":         {nets("fd00::/8"), "fd00::1", "X-Forwarded-For: [2001:db8::1]", "2001:db8::1"},
		"IPv6 with a port":         {nets("fd00::/8"), "fd00::1", "X-Forwarded-For: [2001:db8::1]:443", "2001:db8::1"},
		"IPv4 in IPv6":             {nets("10.0.0.0/8"), "10.1.1.1", "X-Forwarded-For: 1.1.1.1, ::ffff:10.2.2.2", "1.1.1.1"},
		"X-Real-IP":                {nets("10.0.0.0/8"), "10.1.1.1", "X-Real-IP: 1.1.1.1\r\nForwarded: for=9.9.9.9", "1.1.1.1"},
		"X-Forwarded-For is first": {nets("10.0.0.0/8"), "10.1.1.1", "X-Real-IP: 9.9.9.9\r\nForwarded: for=9.9.9.9\r\nX-Forwarded-For: 1.1.1.1", "1.1.1.1"},
		"Forwarded":                {nets("10.0.0.0/8"), "10.1.1.1", `Forwarded: for=9.9.9.9, proto=https;For="1.1.1.1:47";by=x, for=10.2.2.2`, "1.1.1.1"},
		"Forwarded, IPv6":          {nets("10.0.0.0/8"), "10.1.1.1", `Forwarded: for="[2001:db8::1]:4711"`, "2001:db8::1"},
		"Forwarded, hidden":        {nets("10.0.0.0/8"), "10.1.1.1", `Forwarded: for=9.9.9.9, for=_hidden`, "10.1.1.1"},
		"Forwarded, none":          {nets("10.0.0.0/8"), "10.1.1.1", `Forwarded: proto=https`, "10.1.1.1"},
		"whoever connects":         {Proxies{Peer: true}, "8.8.8.8", "X-Forwarded-For: 9.9.9.9, 1.1.1.1", "1.1.1.1"},
		"the file system":          {Proxies{Unix: true}, "", "X-Forwarded-For: 1.1.1.1", "1.1.1.1"},
		"not the file system":      {nets("0.0.0.0/0"), "", "X-Forwarded-For: 1.1.1.1", ""},
		"long":                     {nets("10.0.0.0/8"), "10.1.1.1", "X-Forwarded-For: " + strings.Repeat("1", 500), "10.1.1.1"},
	} {
		var peer netip.Addr
		if test.peer != "" {
			peer = netip.MustParseAddr(test.peer)
		}
		var o opening
		o.read([]byte(strings.Replace(handshake, "Host:", test.headers+"\r\nHost:", 1)))
		if o.fault != nil {
			t.Errorf("%s: %v", name, o.fault)
		}
		got := test.proxies.client(peer, &o)
		if s := got.String(); s != test.want && !(test.want == "" && !got.IsValid()) {
			t.Errorf("%s: %s, want %s", name, s, test.want)
		}
	}
}

// Refusing costs no session: no id, no application, no channel.
func TestARefusedSocketIsCheap(t *testing.T) {
	m := manual(t, Options{Loops: 1, Governor: at(overload.Closed)})
	w := m.Open(0)
	w.Feed([]byte(handshake))
	w.Feed(ws.AppendMasked(nil, ws.OpText, []byte(`{"event":"pusher:subscribe","data":{"channel":"news"}}`), [4]byte{1, 2, 3, 4}))
	if w.conn.app != nil || !w.conn.id.IsZero() || strings.Contains(string(w.Take()), "subscription") {
		t.Error("there is a session")
	}
	m.Advance(5 * time.Second)
	if !w.Closed {
		t.Error("who does not hang up stays")
	}
}
