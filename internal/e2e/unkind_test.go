package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// body is one publish to a channel that cutBodies listens to.
const body = `{"name":"App\\Events\\Whole","channels":["cut"],"data":"{\"text\":\"Gr\u00fc\u00dfe \ud83d\udc4b\"}"}`

// cutBodies: a body that was cut, and signed as it is, is refused and publishes nothing.
func cutBodies(t *testing.T, s *server) {
	c := s.connect(t)
	c.subscribe("cut", nil)
	for i := range len(body) {
		if status, answer := s.request(t, "POST", "/events", body[:i]); status != 400 && status != 422 {
			t.Errorf("%d bytes of a body were answered with %d %s", i, status, answer)
		}
		batch := `{"batch":[{"name":"a","channel":"cut","data":"b"},` + body
		if status, answer := s.request(t, "POST", "/batch_events", batch[:len(batch)-i]); status != 400 && status != 422 {
			t.Errorf("a batch without its last %d bytes was answered with %d %s", i, status, answer)
		}
	}
	s.onlyWhole(t, c)
}

// onlyWhole: nothing has been published to the socket so far, and the whole body is.
func (s *server) onlyWhole(t *testing.T, c *socket) {
	t.Helper()
	for _, b := range []string{`{"name":"first","channel":"cut","data":"1"}`, body} {
		if status, answer := s.request(t, "POST", "/events", b); status != http.StatusOK {
			t.Fatalf("%s was answered with %d %s", b, status, answer)
		}
	}
	c.expect("first", "cut", "1")
	c.expect(`App\Events\Whole`, "cut", `{"text":"Grüße 👋"}`)
}

// missingBodies: publishers that hang up in the middle publish nothing.
func missingBodies(t *testing.T, s *server) {
	c := s.connect(t)
	c.subscribe("cut", nil)
	request := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		signed("POST", "/apps/"+appID+"/events", body), len(body), body)
	for i := range len(request) {
		conn := s.dial(t)
		if _, err := io.WriteString(conn, request[:i]); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			_ = conn.SetLinger(0)
			_ = conn.Close()
		} else if answer := shove(t, conn, nil); strings.HasPrefix(string(answer), "HTTP/1.1 2") {
			t.Errorf("%d bytes of a publish were answered with %q", i, answer)
		}
	}
	s.onlyWhole(t, c)
}

// stalledReader: who stops reading is closed with 4100 once it is too far behind, and nobody else notices.
func stalledReader(t *testing.T, s *server) {
	slow, quick := s.connect(t), s.connect(t)
	slow.subscribe("flood", nil)
	quick.subscribe("flood", nil)
	before := s.connections(t)
	padding := strings.Repeat("x", 64<<10)
	p := s.publisher()
	defer p.HTTPClient.CloseIdleConnections()
	sent := 0
	for ; s.connections(t) == before; sent++ {
		if sent == 1000 {
			t.Fatalf("%d events of %d bytes, and who does not read is still there", sent, len(padding))
		}
		if err := p.Trigger("flood", "e", strconv.Itoa(sent)+padding); err != nil {
			t.Fatal(err)
		}
		quick.expect("e", "flood", strconv.Itoa(sent)+padding)
	}
	// What it gets once it reads is a beginning of it all, in order, and then why it ends.
	got := 0
	for {
		m, err := slow.read()
		var closed closedError
		if errors.As(err, &closed) && closed.code == 4100 {
			break
		}
		if err != nil {
			t.Fatalf("after %d of %d events: %v, want a close with 4100", got, sent, err)
		}
		if m.Event == "pusher:error" {
			continue
		}
		if m.Data != strconv.Itoa(got)+padding {
			t.Fatalf("event %d begins with %.20s", got, m.Data)
		}
		got++
	}
	if got >= sent {
		t.Errorf("it got all of %d events and was closed all the same", sent)
	}
	t.Logf("closed with 4100 after %d events of %d bytes, of which it could read %d", sent, len(padding), got)
}

// crowdOf says to this test binary that it is a client, of the server at that address.
const crowdOf = "RESOUND_E2E_CROWD_OF"

const perCrowd = 40

// beCrowd is what a killed client was: sockets on one channel, in a process of its own.
func beCrowd(addr string) {
	s := &server{addr: addr}
	var keep testing.B // not run: only a place for what tryConnect would clean up
	for range perCrowd {
		c, err := s.tryConnect(&keep)
		if err == nil {
			err = c.trySubscribe("crowd")
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	fmt.Println("ready")
	select {}
}

// killedClients: clients whose process is killed are gone from the server as if they had left.
func killedClients(t *testing.T, s *server) {
	before := s.connections(t)
	for range 5 {
		var crowds []*exec.Cmd
		for range 2 {
			crowd := exec.Command(os.Args[0])
			crowd.Env = append(os.Environ(), crowdOf+"="+s.addr)
			out, err := crowd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := crowd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = crowd.Process.Kill() }) // also when this ends early
			if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
				t.Fatalf("the clients said %q, %v", line, err)
			}
			crowds = append(crowds, crowd)
		}
		if n := s.connections(t); n != before+2*perCrowd {
			t.Errorf("the server counts %d connections, there are %d", n, before+2*perCrowd)
		}
		for _, crowd := range crowds {
			if err := crowd.Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if err := crowd.Wait(); err == nil {
				t.Error("the clients ended by themselves")
			}
		}
		eventually(t, "the killed to be gone", func() bool { return s.connections(t) == before })
		if _, text := s.request(t, "GET", "/channels/crowd", ""); !strings.Contains(text, `"occupied":false`) {
			t.Errorf("their channel is %s", text)
		}
	}
}
