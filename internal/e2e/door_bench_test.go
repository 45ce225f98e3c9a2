package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"
)

// What a request and a connection cost the server. The server has one core, the load the other, and the load is
// system calls on one thread, so that it is never what is measured.

// bareHTTP says to this test binary that it is a bare fasthttp server: what the way to the API is compared with.
const bareHTTP = "RESOUND_E2E_BARE_HTTP"

// beBareHTTP answers every request with {}.
func beBareHTTP() {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(ln.Addr())
	answer := []byte("{}")
	err = fasthttp.Serve(ln, func(ctx *fasthttp.RequestCtx) {
		ctx.SetContentType("application/json")
		ctx.SetBody(answer)
	})
	fmt.Println(err)
	os.Exit(1)
}

// startBareHTTP starts it on the first core.
func startBareHTTP(b *testing.B) *server {
	b.Helper()
	s := &server{t: b, cmd: exec.Command("taskset", "-c", "0", os.Args[0])}
	s.cmd.Env = append(os.Environ(), bareHTTP+"=1", "GOMAXPROCS=1")
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait() // it was killed
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	s.addr = strings.TrimSpace(line)
	return s
}

// load is connections to one server that take turns: each of a batch says something before the first
// is listened to.
type load struct {
	b    *testing.B
	to   unix.Sockaddr
	fds  [64]int
	room [16 << 10]byte
}

func newLoad(b *testing.B, s *server) *load {
	b.Helper()
	addr, err := netip.ParseAddrPort(s.addr)
	if err != nil {
		b.Fatal(err)
	}
	return &load{b: b, to: &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}}
}

func (l *load) must(err error) {
	l.b.Helper()
	if err != nil {
		l.b.Fatal(err)
	}
}

func (l *load) dial() {
	for i := range l.fds {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		l.must(err)
		l.must(unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1))
		l.must(unix.Connect(fd, l.to))
		l.fds[i] = fd
	}
}

func (l *load) say(what []byte) {
	for _, fd := range l.fds {
		_, err := unix.Write(fd, what)
		l.must(err)
	}
}

// hear reads from each connection what begins and ends so.
func (l *load) hear(begin, end string) {
	l.b.Helper()
	for _, fd := range l.fds {
		n := 0
		for !bytes.HasSuffix(l.room[:n], []byte(end)) {
			m, err := unix.Read(fd, l.room[n:])
			l.must(err)
			if n += m; m == 0 {
				l.b.Fatalf("the connection ended behind %q", l.room[:n])
			}
		}
		if !bytes.HasPrefix(l.room[:n], []byte(begin)) {
			l.b.Fatalf("answered %q", l.room[:n])
		}
	}
}

// ended reads to the end of each connection.
func (l *load) ended() {
	for _, fd := range l.fds {
		n, err := unix.Read(fd, l.room[:])
		if l.must(err); n > 0 {
			l.b.Fatalf("%q behind the answer", l.room[:n])
		}
	}
}

func (l *load) hangUp() {
	for _, fd := range l.fds {
		l.must(unix.Close(fd))
	}
}

// door is one server under one kind of load.
type door struct {
	*server
	*load
	used, took time.Duration
	done       int
}

// round has a batch done so many times over.
func (d *door) round(b *testing.B, times int, batch func(l *load)) {
	before, began := d.cpu(b), time.Now()
	for range times {
		batch(d.load)
	}
	d.took += time.Since(began)
	d.used += d.cpu(b) - before
	d.done += times * len(d.fds)
}

func (d *door) perSecond() float64 { return float64(d.done) / d.took.Seconds() }

// BenchmarkDoorPublish is signed publishes that nobody listens to, against a bare fasthttp server, in turns of 3,200
// requests: on connections that are kept, on one for each request that the server closes, and on one that the publisher closes.
func BenchmarkDoorPublish(b *testing.B) {
	const ok, body, turn = "HTTP/1.1 200 ", "{}", 50
	request := func(s *server, header string) []byte {
		return bytes.Replace(s.rawPublisher(b, "door", strings.Repeat("x", 64)).request, []byte("Host: x\r\n"), []byte("Host: x\r\n"+header), 1)
	}
	for _, kind := range []struct {
		name, header string
		batch        func(l *load, request []byte)
	}{
		{"kept", "", func(l *load, request []byte) { l.say(request); l.hear(ok, body) }},
		{"closed", "Connection: close\r\n", func(l *load, request []byte) { l.dial(); l.say(request); l.hear(ok, body); l.ended(); l.hangUp() }},
		{"hung-up", "", func(l *load, request []byte) { l.dial(); l.say(request); l.hear(ok, body); l.hangUp() }},
	} {
		b.Run(kind.name, func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			ours, bare := pinned(b, "--durability", "off"), startBareHTTP(b)
			doors := []*door{{server: ours, load: newLoad(b, ours)}, {server: bare, load: newLoad(b, bare)}}
			what := request(ours, kind.header)
			batch := func(l *load) { kind.batch(l, what) }
			for _, d := range doors {
				if kind.name == "kept" {
					d.load.dial()
				}
				d.round(b, turn, batch) // caches fill
				d.used, d.took, d.done = 0, 0, 0
			}
			b.ResetTimer()
			for range b.N {
				for _, d := range doors {
					d.round(b, turn, batch)
				}
			}
			b.StopTimer()
			for i, name := range []string{"ours", "bare"} {
				d := doors[i]
				b.ReportMetric(d.perSecond(), name+"/s")
				b.ReportMetric(d.used.Seconds()/float64(d.done)*1e5, name+"-cpu-s/100k")
			}
			b.ReportMetric(doors[0].perSecond()/doors[1].perSecond(), "rate-ours/bare")
			b.ReportMetric(doors[1].used.Seconds()/doors[0].used.Seconds(), "cpu-bare/ours")
		})
	}
}

// BenchmarkDoorConnect is WebSockets that come, subscribe to one channel, and leave.
func BenchmarkDoorConnect(b *testing.B) {
	const turn = 50
	const hello = "GET /app/" + appKey + "?protocol=7&client=js&version=8.4.0&flash=false HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n" +
		"Pragma: no-cache\r\nCache-Control: no-cache\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: http://shop.test\r\n" +
		"Sec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
	join := []byte(`{"event":"pusher:subscribe","data":{"channel":"door"}}`)
	join = append([]byte{0x81, 0x80 | byte(len(join)), 0, 0, 0, 0}, join...)

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s := pinned(b, "--durability", "off")
	d := &door{server: s, load: newLoad(b, s)}
	batch := func(l *load) {
		l.dial()
		l.say([]byte(hello))
		l.hear("HTTP/1.1 101 ", `"}`)
		l.say(join)
		l.hear("\x81", `}`)
		l.hangUp()
	}
	d.round(b, turn, batch)
	d.used, d.took, d.done = 0, 0, 0
	b.ResetTimer()
	for range b.N {
		d.round(b, turn, batch)
	}
	b.StopTimer()
	b.ReportMetric(d.perSecond(), "connects/s")
	b.ReportMetric(d.used.Seconds()/float64(d.done)*1e6, "cpu-us/connect")
}
