package engine

import (
	"fmt"
	"strings"
	"testing"

	"resound/persist"
	"resound/protocol"
)

// A page with 40 channels, each of which has 60 kB for it, and a socket that takes 256 kB at once: the replays see what the
// others have put on the list of what goes out in the same turn, so the page is not closed as a slow consumer.
func TestReplayOfManyChannels(t *testing.T) { replayManyChannels(t, 6, 10_000, 256<<10) }

// The same with a thousand small events on each: what frames take in memory counts as well.
func TestReplayOfManySmallEvents(t *testing.T) { replayManyChannels(t, 1000, 1, 500) }

// replayManyChannels replays so many events of so many bytes on each of 40 channels to a socket that takes room bytes.
func replayManyChannels(t *testing.T, events, size, room int) {
	t.Helper()
	m := manual(t, Options{Loops: 1})
	log, err := persist.Open(persist.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	m.hub.UseLog(log, 64<<20, func(error, string, string) {})
	app := m.hub.App(m.registry.ByID([]byte("1")))
	w := opened(m, 1)[0]
	data := protocol.Raw(`"` + strings.Repeat("x", size) + `"`)
	tokens := map[string]string{}
	for i := range 40 {
		name := fmt.Sprint("c", i)
		w.Feed(text(`{"event":"pusher:subscribe","data":{"channel":"` + name + `","replay":{}}}`))
		m.Turn()
		got := string(w.Take())
		_, token, _ := strings.Cut(got, `"epoch":"`)
		tokens[name], _, _ = strings.Cut(token, `"`)
	}
	w.HangUp()
	for name := range tokens {
		for range events {
			if err := app.Publish([]byte(name), protocol.Raw(`"e"`), data, protocol.SocketID{}).Wait(); err != nil {
				t.Fatal(err)
			}
		}
	}
	b := &brake{room: 1 << 20}
	c := m.loops[0].opened(b)
	m.loops[0].traffic(c, []byte(handshake))
	for name, token := range tokens {
		m.loops[0].traffic(c, text(`{"event":"pusher:subscribe","data":{"channel":"`+name+`","replay":{"epoch":"`+token+`","serial":0}}}`))
	}
	b.room = room
	m.Turn()
	if c.state != stateOpen {
		t.Errorf("the page is closed as a slow consumer by its own replay: state %d", c.state)
	}
}
