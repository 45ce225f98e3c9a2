package e2e

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"resound/internal/certtest"
)

// hello is what a TLS client says first.
func hello(t testing.TB) []byte {
	t.Helper()
	var said bytes.Buffer
	if err := tls.Client(&deafTalker{out: &said}, &tls.Config{ServerName: "127.0.0.1"}).Handshake(); !errors.Is(err, io.EOF) || said.Len() == 0 {
		t.Fatal(err)
	}
	return said.Bytes()
}

// deafTalker is a connection that keeps what is written and has nothing to read.
type deafTalker struct {
	net.Conn
	out io.Writer
}

func (d *deafTalker) Write(p []byte) (int, error) { return d.out.Write(p) }
func (d *deafTalker) Read([]byte) (int, error)    { return 0, io.EOF }

// TestAttackSlowHandshakes: TLS handshakes that come byte by byte, stop, or go on byte by byte, more than there may be at once. All end,
// and others get in meanwhile, over TLS too.
func TestAttackSlowHandshakes(t *testing.T) {
	t.Parallel()
	ca := certtest.New(t)
	cert, key := ca.Pair("127.0.0.1")
	certFile, keyFile := ca.Write(t.TempDir(), "pair", cert, key)
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	v := attacked(t, "--tls-cert", certFile, "--tls-key", keyFile, "--tls-port", port)
	n, says := fewer(1000), hello(t)
	var conns []net.Conn
	for _, begin := range [][]byte{says[:5], says, append(bytes.Clone(says), 0x16, 3, 3, 0x20, 0)} {
		for range n {
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, _ = c.Write(begin) // the reader sees how it ended
			conns = append(conns, c)
		}
	}
	stop, trickling := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(trickling)
		for at := 5; at < len(says); at++ {
			for i, c := range conns {
				if i < n || i >= 2*n {
					_, _ = c.Write(says[at : at+1])
				}
			}
			select {
			case <-stop:
				return
			case <-time.After(500 * time.Millisecond):
			}
		}
	}()
	under := v.cost(t)
	t.Logf("%d connections are open, with %d goroutines and %d bytes of heap each", under.sockets-v.before.sockets,
		under.routine-v.before.routine, (under.heap-v.before.heap)/len(conns))
	friend, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", address, &tls.Config{RootCAs: ca.Pool()})
	if err != nil {
		t.Errorf("nobody else gets in: %v", err)
	} else {
		_ = friend.Close()
	}
	each(len(conns), len(conns), func(i int) {
		_ = conns[i].SetReadDeadline(time.Now().Add(patience))
		if _, err := io.Copy(io.Discard, conns[i]); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("connection %d stays", i)
		}
	})
	close(stop)
	<-trickling
	hangUp(conns)
	eventually(t, "none to be left", func() bool { return v.open(t) <= v.before.sockets+1 })
	eventually(t, "their goroutines to end", func() bool { return v.cost(t).routine <= v.before.routine+20 })
	if m := readMetrics(t, v.admin); m.of(t, `resound_tls_handshakes_total{result="failed"}`) < float64(2*n) || m.of(t, `resound_tls_handshakes_total{result="full"}`) != 1 {
		t.Errorf("%v failed, %v were done", m[`resound_tls_handshakes_total{result="failed"}`], m[`resound_tls_handshakes_total{result="full"}`])
	}
	v.report(t, fmt.Sprintf("%d handshakes that do not come", len(conns)))
}
