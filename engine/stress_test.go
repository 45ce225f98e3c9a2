package engine

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"resound/protocol"
)

// Eight loops, and clients that come, subscribe, whisper, and go in every way there is, while
// somebody publishes. The race detector watches, and nothing may be left when all have gone. Longer:
// go test -race -run Churn -count 20.
func TestChurn(t *testing.T) {
	rounds := 100
	if testing.Short() {
		rounds = 25
	}
	e := start(t, 8)
	app := e.Hub().App(e.registry.ByID([]byte("1")))
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	done := make(chan struct{})
	var publishers, clients sync.WaitGroup
	for p := range 2 {
		publishers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				channel := fmt.Sprint("c", i%5)
				app.Publish([]byte(channel), protocol.Raw(`"e"`), protocol.Raw(fmt.Sprintf(`"%d %d"`, p, i)), protocol.SocketID{})
				time.Sleep(100 * time.Microsecond) // the loops share two cores with everybody else
			}
		})
	}
	for w := range 16 {
		clients.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(w)))
			for range rounds {
				churn(t, e, random)
			}
		})
	}
	clients.Wait()
	close(done)
	publishers.Wait()
	for e.sockets.Load() > 0 || e.handover.active.Load() > 0 { // bounded by the test's own timeout
		time.Sleep(time.Millisecond)
	}
	if n := app.Connections(); n != 0 || len(app.Channels("")) != 0 {
		t.Errorf("%d sessions and %d channels are left", n, len(app.Channels("")))
	}
}

// churn is the life of one client. What it writes may fail: the server may have closed first.
func churn(t *testing.T, e *Engine, random *rand.Rand) {
	c, err := net.Dial("tcp", e.Addr().String())
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(60 * time.Second))
	if random.IntN(4) == 0 { // by way of the HTTP server
		io.WriteString(c, "GET /up HTTP/1.1\r\nHost: x\r\n\r\n")
		if _, err := c.Read(make([]byte, 512)); err != nil {
			t.Errorf("no answer: %v", err)
		}
	}
	switch random.IntN(4) {
	case 0: // half a head, and not a word more
		io.WriteString(c, handshake[:random.IntN(len(handshake))])
		return
	case 1: // a frame with the head
		io.WriteString(c, handshake+string(text(`{"event":"pusher:ping"}`)))
	default:
		io.WriteString(c, handshake)
	}
	for range random.IntN(6) {
		channel := fmt.Sprint("c", random.IntN(5))
		for _, said := range []string{
			`{"event":"pusher:subscribe","data":{"channel":"` + channel + `"}}`,
			`{"event":"client-x","channel":"` + channel + `","data":"{}"}`,
			`{"event":"pusher:unsubscribe","data":{"channel":"` + channel + `"}}`,
			`{"event":"pusher:ping"}`,
		}[:1+random.IntN(4)] {
			frame := text(said)
			cut := random.IntN(len(frame))
			_, _ = c.Write(frame[:cut])
			_, _ = c.Write(frame[cut:])
		}
		if random.IntN(2) == 0 {
			_, _ = c.Read(make([]byte, 2048))
		}
	}
	tcp := c.(*net.TCPConn)
	switch random.IntN(5) {
	case 0:
		_ = tcp.SetLinger(0) // a reset
	case 1:
		_ = tcp.CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	case 2:
		_, _ = c.Write([]byte{0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8})
		_, _ = io.Copy(io.Discard, c)
	case 3:
		_, _ = c.Write([]byte{0xff, 0xff}) // no frame
	}
}
