package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"resound/protocol"
)

// What the log costs, measured on the built binary: the server has one core, the load the other. The figures
// that count are CPU seconds of the server, off and on in one run. BENCHMARKS.md has the commands.

// pinned starts a server on the first core, with one event loop.
func pinned(b *testing.B, args ...string) *server {
	b.Helper()
	p := plan{sh: "taskset -p -c 0 $$ >/dev/null"}
	p.args = append(append([]string{"--loops", "1", "--data-dir", b.TempDir(), "--log-level", "error"}, args...), appFlags...)
	return start(b, p)
}

// cpu returns what the server has used so far, as the scheduler counts it.
func (s *server) cpu(b *testing.B) time.Duration {
	b.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", s.cmd.Process.Pid))
	if err != nil || len(tasks) == 0 {
		b.Fatalf("no schedstat: %v", err)
	}
	var sum time.Duration
	for _, path := range tasks {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has just ended
		}
		ns, _ := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		sum += time.Duration(ns)
	}
	return sum
}

// rawPublisher is one kept-alive connection that sends one signed request again and again.
type rawPublisher struct {
	conn    net.Conn
	r       *bufio.Reader
	request []byte
}

func (s *server) rawPublisher(b testing.TB, channel, data string) *rawPublisher {
	b.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	body := fmt.Appendf(nil, `{"name":"tick","data":%q,"channel":%q}`, data, channel)
	path := "/apps/" + appID + "/events"
	params := []protocol.Param{
		{Name: []byte("auth_key"), Value: []byte(appKey)},
		{Name: []byte("auth_timestamp"), Value: fmt.Append(nil, time.Now().Unix())},
		{Name: []byte("auth_version"), Value: []byte("1.0")},
	}
	query := fmt.Sprintf("auth_key=%s&auth_timestamp=%s&auth_version=1.0", appKey, params[1].Value)
	signature := protocol.NewSigner(appKey, appSecret).Request([]byte("POST"), []byte(path), params, body)
	request := fmt.Appendf(nil, "POST %s?%s&auth_signature=%s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		path, query, signature, len(body), body)
	return &rawPublisher{conn, bufio.NewReader(conn), request}
}

// publish sends the request and reads the answer.
func (p *rawPublisher) publish() error {
	if _, err := p.conn.Write(p.request); err != nil {
		return err
	}
	status, err := p.r.ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.Contains(status, " 200 ") {
		return fmt.Errorf("answered %q", status)
	}
	length := 0
	for {
		line, err := p.r.ReadString('\n')
		if err != nil {
			return err
		}
		if line == "\r\n" {
			break
		}
		if v, ok := strings.CutPrefix(strings.ToLower(line), "content-length: "); ok {
			length, _ = strconv.Atoi(strings.TrimSpace(v))
		}
	}
	_, err = p.r.Discard(length)
	return err
}

// fan is a server with 1,000 subscribers of one channel.
type fan struct {
	*server
	p         *rawPublisher
	delivered atomic.Int64
	published int64
	used      time.Duration
}

const fanSize = 1000

func newFan(b *testing.B, durability, replay string) *fan {
	b.Helper()
	f := &fan{server: pinned(b, "--durability", durability)}
	for range fanSize {
		c, err := f.tryConnect(b)
		if err != nil {
			b.Fatal(err)
		}
		if err := c.write(`{"event":"pusher:subscribe","data":{"channel":"fan"` + replay + `}}`); err != nil {
			b.Fatal(err)
		}
		if _, err := c.read(); err != nil {
			b.Fatal(err)
		}
		go func() {
			room := make([]byte, 64<<10)
			for {
				n, err := c.r.Read(room)
				if err != nil {
					return
				}
				f.delivered.Add(int64(bytes.Count(room[:n], []byte(`"tick"`))))
			}
		}()
	}
	f.p = f.rawPublisher(b, "fan", strings.Repeat("x", 64))
	return f
}

// round publishes so many events, one at a time.
func (f *fan) round(b *testing.B, events int) {
	before := f.cpu(b)
	for range events {
		if err := f.p.publish(); err != nil {
			b.Fatal(err)
		}
		f.published++
		for f.delivered.Load() < f.published*fanSize*99/100 { // a name may be cut in two by a read
			time.Sleep(50 * time.Microsecond)
		}
	}
	f.used += f.cpu(b) - before
}

// BenchmarkReplayFanout is one publication at a time to 1,000 subscribers: without a log, with it, and with it to
// subscribers that have opted in. They take turns, so that what else happens on the machine happens to all.
func BenchmarkReplayFanout(b *testing.B) {
	const events = 10
	fans := []struct {
		name string
		*fan
	}{
		{"off", newFan(b, "off", "")}, {"async", newFan(b, "async", "")}, {"process", newFan(b, "process", "")},
		{"opted-in", newFan(b, "process", `,"replay":{}`)},
	}
	for _, f := range fans { // caches fill
		f.round(b, events)
		f.used = 0
	}
	b.ResetTimer()
	for range b.N {
		for _, f := range fans {
			f.round(b, events)
		}
	}
	b.StopTimer()
	off := fans[0].used.Seconds()
	for _, f := range fans {
		b.ReportMetric(f.used.Seconds()/float64(b.N*events*fanSize)*1e6, f.name+"-s/M")
		b.ReportMetric(f.used.Seconds()/off, f.name+"/off")
	}
}

// BenchmarkReplayPublish is 64 publishers at once, to channels that nobody listens to.
func BenchmarkReplayPublish(b *testing.B) {
	for _, durability := range []string{"off", "async", "process", "disk"} {
		b.Run(durability, func(b *testing.B) {
			const publishers = 64
			s := pinned(b, "--durability", durability)
			var list []*rawPublisher
			for i := range publishers {
				list = append(list, s.rawPublisher(b, "c"+strconv.Itoa(i), strings.Repeat("x", 64)))
			}
			before := s.cpu(b)
			b.ResetTimer()
			var group sync.WaitGroup
			for i, p := range list {
				group.Go(func() {
					for range (b.N + i) / publishers {
						if err := p.publish(); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			group.Wait()
			b.StopTimer()
			used := s.cpu(b) - before
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "publishes/s")
			b.ReportMetric(used.Seconds()/float64(b.N)*1e5, "cpu-s/100k")
		})
	}
}

// BenchmarkReplayStorm is b.N pages that come back at once, each with 50 missed events of three channels.
func BenchmarkReplayStorm(b *testing.B) {
	const missed, channels = 50, 3
	s := pinned(b)
	var grants []string // of a page that has seen nothing yet
	for c := range channels {
		p := newReplayPage(b, s, "storm-"+strconv.Itoa(c))
		go p.run()
		<-p.joined
		p.leave()
		grants = append(grants, p.epoch)
	}
	for c := range channels {
		p := s.rawPublisher(b, "storm-"+strconv.Itoa(c), strings.Repeat("x", 64))
		for range missed {
			if err := p.publish(); err != nil {
				b.Fatal(err)
			}
		}
	}
	before := s.cpu(b)
	b.ResetTimer()
	var group sync.WaitGroup
	tickets := make(chan struct{}, dialers)
	for range b.N {
		tickets <- struct{}{}
		group.Go(func() {
			defer func() { <-tickets }()
			c, err := s.tryConnect(b)
			if err != nil {
				b.Error(err)
				return
			}
			defer func() { _ = c.conn.Close() }()
			for i, epoch := range grants {
				_ = c.write(fmt.Sprintf(`{"event":"pusher:subscribe","data":{"channel":"storm-%d","replay":{"epoch":%q,"serial":0}}}`, i, epoch))
			}
			for range channels * (missed + 2) { // the answer, the notice, the events
				if _, err := c.readText(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.StopTimer()
	b.ReportMetric((s.cpu(b)-before).Seconds()/float64(b.N)*1e6, "cpu-us/page")
}
