package engine

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// The HTTP server takes a list of protocols for an upgrade and the loop does not. Without an end
// to it such a connection would be handed to and fro for ever.
func TestAnAdoptedConnectionIsNotHandedOverAgain(t *testing.T) {
	e := start(t, 2)
	clients := uint64(0)
	for _, upgrade := range []string{"websocket, foo", "h2c, websocket"} {
		c := dial(t, e)
		clients++
		io.WriteString(c, strings.Replace(handshake, "Upgrade: websocket", "Upgrade: "+upgrade, 1))
		res, err := http.ReadResponse(c.r, nil)
		if err != nil {
			t.Fatalf("%s: %v", upgrade, err)
		}
		if res.StatusCode/100 != 4 {
			t.Errorf("%s: %s", upgrade, res.Status)
		}
	}
	if n := e.Stats().Accepted; n != clients { // they come back by no accept
		t.Errorf("%d connections were accepted of %d clients", n, clients)
	}
}

// A connection that no loop can take is closed: the client waits for nobody, and its descriptor is free.
func TestAConnectionThatCannotBeAdoptedIsClosed(t *testing.T) {
	e := manual(t, Options{Loops: 1}).Engine // has no loop of gnet's, as between two runs of it
	var kept []*httpConn
	before := descriptors(t)
	for range 8 {
		c, client := handed(t, e.handover, "")
		e.Adopt(c, []byte(handshake))
		_ = client.Close()
		kept = append(kept, c)
	}
	if n := descriptors(t); n > before {
		t.Errorf("%d descriptors are left of %d connections", n-before, len(kept))
	}
}
