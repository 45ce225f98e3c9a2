package channels

import (
	"context"
	"fmt"
	"log/slog"
	"path"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"resound/internal/apps"
	"resound/internal/invariants"
	"resound/persist"
	"resound/protocol"
)

// faulty is a disk that fails, or hangs, when it is told to.
type faulty struct {
	fails atomic.Pointer[func(errorfs.Op) error]
}

func (d *faulty) fs(fs vfs.FS) vfs.FS {
	return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if f := d.fails.Load(); f != nil {
			return (*f)(op)
		}
		return nil
	}))
}
func (d *faulty) breaks(f func(errorfs.Op) error) { d.fails.Store(&f) }
func (d *faulty) heals()                          { d.fails.Store(nil) }

func noRoom(op errorfs.Op) error {
	switch op.Kind {
	case errorfs.OpCreate, errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpReuseForWrite, errorfs.OpRename:
		return fmt.Errorf("%s: %w", op.Path, syscall.ENOSPC)
	}
	return nil
}

// onDisk gives the node a log on that disk, which runs until stop.
func (n *testNode) onDisk(fs vfs.FS) (stop func()) {
	log, err := persist.Open(persist.Options{Dir: "/log", FS: fs, Boot: "1", Retention: n.retention, Log: slog.New(slog.DiscardHandler), Durability: persist.Process})
	if err != nil {
		n.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); log.Run(ctx) }()
	n.hub.UseLog(log, 1<<20, func(error, string, string) {})
	n.log = log
	return func() { cancel(); <-done; _ = log.Close() }
}

func (n *testNode) until(what string, f func() bool) {
	n.t.Helper()
	for range 1000 {
		if f() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	n.t.Fatal("never: " + what)
}

// Nobody reads what was said before he was let in, whatever serial he says that he stands at.
func TestNobodyReadsThePast(t *testing.T) {
	n := newLoggedNode(t, 1, 1<<20)
	for i := 1; i <= 5; i++ {
		n.publish("private-a", fmt.Sprintf(`"secret %d"`, i), nobody)
	}
	epoch, serial := n.away(t, "private-a")
	if serial != 5 {
		t.Fatal(serial)
	}
	b := n.socket(0)
	b.optIn("private-a", from(epoch, protocol.MaxSerial))
	for _, f := range b.gotAll() {
		if strings.Contains(f, "secret") {
			t.Errorf("was let in behind 5 and reads %s", f)
		}
	}
}

// A gap whose notice has not come is told again: the answer to the subscription leaves the page where it stood.
func TestGapIsToldAgain(t *testing.T) {
	n := newLoggedNode(t, 1, 1<<20)
	settings := *n.app.Settings()
	settings.History.ReplayMessages = 3
	n.hub.Update([]*apps.App{&settings})
	epoch, serial := n.away(t, "a")
	for i := range 10 {
		n.publish("a", fmt.Sprint(i), nobody)
	}
	b := n.socket(0)
	b.optIn("a", from(epoch, serial))
	answer := b.got() // the replay waits for its turn
	if len(answer) != 1 {
		t.Fatalf("%q", answer)
	}
	e, at := stand(t, answer[0]) // index.js: at.serial < serial: the position moves
	b.hangUp()
	c := n.socket(0)
	c.optIn("a", from(e, at))
	got := c.gotAll()
	if !strings.Contains(strings.Join(got, "\n"), `\"status\":\"gap\"`) {
		t.Errorf("7 events are lost, and the page is told:\n%s", strings.Join(got, "\n"))
	}
}

// Who comes back while the log is off is told that something is missing, and keeps its position.
func TestGapWhileTheLogIsOff(t *testing.T) {
	n := newNode(t, 1)
	var disk faulty
	stop := n.onDisk(disk.fs(vfs.NewMem()))
	defer stop()
	epoch, serial := n.away(t, "a")
	n.publish("a", "1", nobody)
	disk.breaks(noRoom)
	n.app.Publish([]byte("a"), protocol.Raw(`"e"`), protocol.Raw("2"), nobody).Wait()
	n.until("off", func() bool { return n.log.Stats().Off })
	b := n.socket(0)
	b.optIn("a", from(epoch, serial))
	got := b.gotAll()
	if !strings.Contains(strings.Join(got, "\n"), `\"status\":\"gap\"`) {
		t.Errorf("two events are lost, and the page is told: %q", got)
	}
}

// A channel whose log is opened while the log is off follows it when it is back.
func TestOpenedWhileTheLogIsOff(t *testing.T) {
	n := newNode(t, 1)
	var disk faulty
	fs := disk.fs(vfs.NewMem())
	stop := n.onDisk(fs)
	for i := 1; i <= 3; i++ {
		n.publish("private-a", fmt.Sprintf(`"secret %d"`, i), nobody)
	}
	stop()
	n = newNode(t, 1) // a restart, so that the channel is cold
	stop = n.onDisk(fs)
	defer stop()
	disk.breaks(noRoom)
	n.app.Publish([]byte("other"), protocol.Raw(`"e"`), protocol.Raw("2"), nobody).Wait()
	n.until("off", func() bool { return n.log.Stats().Off })
	stock := n.socket(0)
	stock.subscribe("private-a")
	n.app.Publish([]byte("private-a"), protocol.Raw(`"e"`), protocol.Raw(`"unkept"`), nobody).Wait() // opens it
	disk.heals()
	n.until("on", func() bool { return !n.log.Stats().Off })
	epoch, serial := n.away(t, "private-a")
	n.app.Publish([]byte("private-a"), protocol.Raw(`"e"`), protocol.Raw(`"new"`), nobody).Wait()
	b := n.socket(0)
	b.optIn("private-a", from(epoch, serial))
	for _, f := range b.gotAll() {
		if strings.Contains(f, "secret") {
			t.Errorf("a fresh subscription stands at %d and reads %s", serial, f)
		}
	}
}

// An event that is too large for a record is a gap for who was away.
func TestTooLargeToKeep(t *testing.T) {
	n := newLoggedNode(t, 1, 1<<20)
	epoch, serial := n.away(t, "a")
	n.publish("a", `"`+strings.Repeat("x", persist.MaxPayload)+`"`, nobody)
	b := n.socket(0)
	b.optIn("a", from(epoch, serial))
	if got := b.gotAll(); !strings.Contains(strings.Join(got, "\n"), "gap") {
		t.Errorf("an event is lost, and the page is told: %q", got)
	}
}

// Where a log could not be opened events go out unkept, and that is a gap for who was away.
func TestUnreadableLogIsAGap(t *testing.T) {
	n := newNode(t, 1)
	var disk faulty
	mem := vfs.NewMem()
	fs := disk.fs(mem)
	stop := n.onDisk(fs)
	s := n.socket(0)
	s.optIn("a", "")
	epoch, _ := stand(t, s.gotAll()[0])
	n.publish("a", "1", nobody)
	for i := range 200 { // blocks of their own, so that those of "a" are not in the cache
		n.publish(fmt.Sprint("x", i), `"`+strings.Repeat("x", 2000)+`"`, nobody)
	}
	s.hangUp()
	stop() // what it has is in a table now
	n = newNode(t, 1)
	stop = n.onDisk(fs)
	defer stop()
	disk.breaks(func(op errorfs.Op) error {
		if strings.HasSuffix(path.Base(op.Path), ".sst") && (op.Kind == errorfs.OpOpen || op.Kind == errorfs.OpFileReadAt) {
			return fmt.Errorf("%s: %w", op.Path, syscall.EMFILE)
		}
		return nil
	})
	n.app.Publish([]byte("a"), protocol.Raw(`"e"`), protocol.Raw("2"), nobody).Wait()
	disk.heals()
	if c := n.app.find([]byte("a")); c == nil || !c.unlogged {
		t.Fatal("the read did not fail")
	}
	// Somebody comes and goes, and the channel is made anew.
	x := n.socket(0)
	x.subscribe("a")
	x.hangUp()
	n.settle()
	b := n.socket(0)
	b.optIn("a", from(epoch, 1))
	if got := b.gotAll(); !strings.Contains(strings.Join(got, "\n"), "gap") {
		t.Errorf("event 2 is lost, and the page is told: %q", got)
	}
}

// A cache channel tells its newest event also when only the memory has it.
func TestCacheKeepsWhatTheLogHasNot(t *testing.T) {
	n := newNode(t, 1)
	var disk faulty
	stop := n.onDisk(disk.fs(vfs.NewMem()))
	defer stop()
	say := func(data string) {
		n.app.Publish([]byte("cache-a"), protocol.Raw(`"e"`), protocol.Raw(data), nobody).Wait()
	}
	say(`"old"`)
	disk.breaks(noRoom)
	n.until("off", func() bool {
		n.app.Publish([]byte("x"), protocol.Raw(`"e"`), protocol.Raw("2"), nobody).Wait()
		return n.log.Stats().Off
	})
	say(`"new"`)
	disk.heals()
	n.until("on", func() bool { return !n.log.Stats().Off })
	n.pass((warmTime + coolPeriod + 1) * time.Second)
	s := n.socket(0)
	s.subscribe("cache-a")
	got := s.gotAll()
	if len(got) != 2 || strings.Contains(got[1], "old") {
		t.Errorf("the newest event was \"new\", and who comes gets %q", got)
	}
}

// What a client has taken back is not read, and holds nobody up.
func TestResubscribingInALoop(t *testing.T) {
	n := newLoggedNode(t, 1, 1<<20)
	s := n.socket(0)
	s.optIn("a", "")
	epoch, serial := stand(t, s.gotAll()[0])
	for i := range 50 {
		n.publish("a", fmt.Sprint(i), nobody)
	}
	s.got()
	h := n.socket(0)
	for range 2000 {
		h.optIn("a", from(epoch, serial))
		h.unsubscribe("a")
	}
	h.frames = nil
	victim := n.socket(0)
	victim.optIn("a", from(epoch, serial))
	waits := n.hub.ReplayStats().Waiting
	reads := 0
	for len(victim.frames) < 2 && n.hub.ReplayOne() {
		reads++
		n.settle()
	}
	if waits > tidyLength+1 || reads > 1 {
		t.Errorf("one client with no subscription has %d replays in the queue; another is served behind %d reads", waits, reads)
	}
}

// What waits for a slow reader holds no events.
func TestParkedReplaysHoldNothing(t *testing.T) {
	n := newLoggedNode(t, 1, 0) // the tail is full, so that each chunk is read from the disk
	s := n.socket(0)
	s.optIn("a", "")
	epoch, serial := stand(t, s.gotAll()[0])
	for range 100 {
		n.publish("a", `"`+strings.Repeat("x", 1000)+`"`, nobody)
	}
	s.hangUp()
	for range 20 {
		slow := n.socket(0)
		slow.backlogged = true
		slow.optIn("a", from(epoch, serial))
	}
	n.settleReplays()
	held := 0
	for _, l := range n.hub.replays.parked {
		for _, p := range l.(*catchup).chunk {
			held += p.frame.Len()
		}
	}
	if held > 0 {
		t.Errorf("20 replays that wait for slow readers hold %d bytes", held)
	}
}

// A replay ends on a channel that is published to all the time, also where the tails have no room.
func TestReplayOnABusyChannelEnds(t *testing.T) {
	n := newLoggedNode(t, 1, 10_000)
	// A channel with somebody on it, quiet since, has the memory for ever.
	idle := n.socket(0)
	idle.optIn("idle", "")
	idle.gotAll()
	for n.hub.tails.Load() < 9_900-int64(2*tailOverhead) {
		n.publish("idle", `"`+strings.Repeat("x", 100)+`"`, nobody)
	}
	n.pass(time.Hour)
	epoch, serial := n.away(t, "a")
	n.publish("a", `"`+strings.Repeat("y", 400)+`"`, nobody)
	if l := len(n.app.find([]byte("a")).history.tail); l == 0 {
		t.Logf("the tail of a busy channel is empty; an idle one has %d bytes", n.app.find([]byte("idle")).history.bytes)
	}
	b := n.socket(0)
	b.optIn("a", from(epoch, serial))
	b.got()
	rounds := 0
	for ; rounds < 200 && n.hub.ReplayOne(); rounds++ {
		n.publish("a", `"`+strings.Repeat("y", 400)+`"`, nobody) // while it is on its way to the loop
		n.settle()
	}
	if rounds == 200 {
		t.Errorf("after %d rounds, of one event each, the subscriber still reads the disk", rounds)
	}
}

// Events that do not fit into the tail are not read again and again.
func TestFillGivesUp(t *testing.T) {
	if invariants.Enabled {
		t.Skip("test builds allocate for their checks")
	}
	n := newNode(t, 1)
	var disk faulty
	mem := disk.fs(vfs.NewMem())
	settings := *n.app.Settings()
	settings.History.Bytes, settings.History.ReplayBytes = 20<<20, 20<<20
	n.hub.Update([]*apps.App{&settings})
	stop := n.onDisk(mem)
	epoch, serial := n.away(t, "a")
	const size, events = 10_000, 800
	for range events {
		n.publish("a", `"`+strings.Repeat("x", size)+`"`, nobody)
	}
	defer stop()
	c := n.app.find([]byte("a"))
	c.mu.Lock()
	c.forget(len(c.history.tail)) // as after a restart
	c.mu.Unlock()
	var before, after = allocated(), uint64(0)
	b := n.socket(0)
	b.onSend = func(string) {}
	b.optIn("a", from(epoch, serial))
	n.settleReplays()
	after = allocated()
	if ratio := float64(after-before) / (size * events); ratio > 6 {
		t.Errorf("a replay of %d MB allocates %d MB: %.0f times as much", size*events>>20, (after-before)>>20, ratio)
	}
}

// Who subscribes to a cache channel again without having left gets nothing twice.
func TestCacheResubscribed(t *testing.T) {
	n := newLoggedNode(t, 1, 1<<20)
	epoch, serial := n.away(t, "cache-a")
	for i := 1; i <= 3; i++ {
		n.publish("cache-a", fmt.Sprint(i), nobody)
	}
	b := n.socket(0)
	b.optIn("cache-a", from(epoch, serial))
	b.optIn("cache-a", from(epoch, serial))
	got := b.gotAll()
	for _, f := range got {
		if strings.Contains(f, `"event":"e"`) && !strings.Contains(f, "serial") {
			t.Errorf("out of order, doubled and without a serial: %s\nof\n%s", f, strings.Join(got, "\n"))
		}
	}
}

// A cache channel tells its event to everybody who comes, also to whom it was not for.
func TestCacheOfTheAuthor(t *testing.T) {
	n := newLoggedNode(t, 1, 1<<20)
	s := n.socket(0)
	n.publish("cache-a", "1", s.id)
	s.subscribe("cache-a")
	stock := s.gotAll()
	s.unsubscribe("cache-a")
	s.optIn("cache-a", "")
	got := s.gotAll()
	if len(stock) != 2 || !strings.Contains(stock[1], `"event":"e"`) || !strings.Contains(strings.Join(got, "\n"), `"event":"e"`) {
		t.Errorf("a stock page gets %q, one that opts in %q", stock[1], got)
	}
}

// When a reload turns the history off during a replay nothing new overtakes what is old without a word.
func TestRulesOffDuringAReplay(t *testing.T) {
	n := newLoggedNode(t, 1, 1<<20)
	epoch, serial := n.away(t, "a")
	for i := 1; i <= 3; i++ {
		n.publish("a", fmt.Sprint(i), nobody)
	}
	b := n.socket(0)
	b.optIn("a", from(epoch, serial))
	settings := *n.app.Settings()
	settings.History.Messages = 0
	n.hub.Update([]*apps.App{&settings})
	n.publish("a", `"new"`, nobody)
	b.got2(t)
}

func (s *testSocket) got2(t *testing.T) {
	got := s.gotAll()
	newAt, oldAt := -1, -1
	gap := false
	for i, f := range got {
		if strings.Contains(f, `"new"`) {
			newAt = i
		}
		if strings.Contains(f, `"data":3`) {
			oldAt = i
		}
		gap = gap || strings.Contains(f, "gap")
	}
	if newAt >= 0 && newAt < oldAt && !gap {
		t.Errorf("the newest event came in front of older ones:\n%s", strings.Join(got, "\n"))
	}
}

// The limit of a replay counts the events that are for the page.
func TestLimitCountsWhatIsForThePage(t *testing.T) {
	n := newLoggedNode(t, 1, 1<<20)
	settings := *n.app.Settings()
	settings.History.ReplayMessages = 3
	n.hub.Update([]*apps.App{&settings})
	s := n.socket(0)
	s.optIn("a", "")
	epoch, serial := stand(t, s.gotAll()[0])
	s.hangUp()
	n.publish("a", "1", nobody)
	for i := 2; i <= 5; i++ {
		n.publish("a", fmt.Sprint(i), s.id)
	}
	b := n.socket(0)
	b.optIn("a", fmt.Sprintf(`{"epoch":%q,"serial":%d,"except":["%d.%d"]}`, epoch, serial, s.id.A, s.id.B))
	got := b.gotAll()
	if len(got) < 2 || !strings.Contains(strings.Join(got, "\n"), `"data":1,`) {
		t.Errorf("one event was missed, the limit is 3, and the page gets %q", got)
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// A token of another log opens nothing of this one that was there when the token was given.
func TestTokenOfAnotherLog(t *testing.T) {
	blue := newLoggedNode(t, 1, 1<<20)
	before := blue.socket(0)
	before.optIn("private-a", "")
	early, serial := stand(t, before.gotAll()[0])
	green := newNode(t, 1)
	green.clock = blue.clock + 10
	green.openLog(t.TempDir(), 1<<20)
	green.publish("private-a", `"secret"`, nobody)
	blue.pass(20 * time.Second)
	after := blue.socket(0) // is let in now, on blue
	after.optIn("private-a", "")
	late, _ := stand(t, after.gotAll()[0])
	for _, tc := range []struct {
		epoch string
		reads bool
	}{{early, true}, {late, false}} {
		b := green.socket(0)
		b.optIn("private-a", from(tc.epoch, serial))
		got := strings.Join(b.gotAll(), "\n")
		if strings.Contains(got, "secret") != tc.reads || !strings.Contains(got, "gap") {
			t.Errorf("let in before this log %v, and gets %s", tc.reads, got)
		}
	}
}

// A subscription that waits when its application is removed leaves no log open.
func TestOpeningOfAnApplicationThatIsGone(t *testing.T) {
	n := newLoggedNode(t, 1, 1<<20)
	s := n.socket(0)
	s.optIn("a", "")
	gone := n.hub.Update([]*apps.App{apps.New("2", "k2", "s2")})
	if len(gone) != 1 {
		t.Fatal(len(gone))
	}
	s.hangUp() // as Evict does
	n.settleReplays()
	n.pass(2 * (warmTime + coolPeriod) * time.Second)
	if w := n.hub.warm.Load(); w != 0 {
		t.Errorf("%d logs are open, and nobody is there", w)
	}
}

// A stream that cannot be read again when the log is back is given up, not tried for ever.
func TestStreamThatCannotBeReadAgain(t *testing.T) {
	var disk faulty
	var reads atomic.Int64
	n, stop := comeBack(t, &disk, func() {
		disk.breaks(func(op errorfs.Op) error {
			if strings.HasSuffix(path.Base(op.Path), ".sst") && (op.Kind == errorfs.OpOpen || op.Kind == errorfs.OpFileReadAt) {
				reads.Add(1)
				return fmt.Errorf("%s: %w", op.Path, syscall.EMFILE)
			}
			return nil
		})
	})
	defer stop()
	n.until("on", func() bool { return !n.log.Stats().Off })
	time.Sleep(50 * time.Millisecond)
	done := make(chan struct{})
	go func() { defer close(done); say(n, "a") }()
	select {
	case <-done:
		if reads.Load() == 0 {
			t.Fatal("nothing was read")
		}
	case <-time.After(2 * time.Second):
		t.Errorf("a publisher tries for ever: %d reads in 2 s", reads.Load())
	}
	disk.heals()
	<-done
}

// Who catches up slowly does not keep much of the tail.
func TestSlowReaderPinsLittle(t *testing.T) {
	const memory = 1 << 20
	n := newLoggedNode(t, 1, memory)
	big := `"` + strings.Repeat("x", 200_000) + `"`
	for i := range 3 {
		name := fmt.Sprint("c", i)
		s := n.socket(0)
		s.optIn(name, "")
		epoch, serial := stand(t, s.gotAll()[0])
		s.hangUp()
		n.publish(name, "1", nobody)
		slow := n.socket(0)
		slow.backlogged = true
		slow.optIn(name, from(epoch, serial))
		n.settleReplays()
		for range 150 {
			n.publish(name, big, nobody)
		}
	}
	if b := n.hub.tails.Load(); b > 2*memory {
		t.Errorf("three readers that do not read hold %d MB in tails, allowed is %d", b>>20, memory>>20)
	}
}

// A loop does not wait while a stream is read anew.
func TestLoopDoesNotWaitWhenTheLogIsBack(t *testing.T) {
	var disk faulty
	heal, reading := make(chan struct{}), make(chan struct{}, 1000)
	n, stop := comeBack(t, &disk, func() {
		disk.breaks(func(op errorfs.Op) error {
			if strings.HasSuffix(path.Base(op.Path), ".sst") && (op.Kind == errorfs.OpOpen || op.Kind == errorfs.OpFileReadAt) {
				reading <- struct{}{}
				<-heal
			}
			return nil
		})
	})
	defer stop()
	n.until("on", func() bool { return n.log.Epoch() != 0 })
	published := make(chan struct{})
	go func() { defer close(published); say(n, "a") }()
	<-reading
	time.Sleep(100 * time.Millisecond) // say is in load by now
	s := n.socket(0)
	done := make(chan struct{})
	go func() { defer close(done); s.optIn("a", "") }()
	select {
	case <-done:
	case <-time.After(2 * time.Second):
		t.Error("a slow read of the disk, and the loop hangs in a subscription")
	}
	close(heal)
	<-done
	<-published
}

// comeBack takes a node with an event on channel a over a failure of its disk; back is called when the log is on again.
func comeBack(t *testing.T, disk *faulty, back func()) (n *testNode, stop func()) {
	n = newNode(t, 1)
	fs := disk.fs(vfs.NewMem())
	stop = n.onDisk(fs)
	n.publish("a", "1", nobody)
	for i := range 200 {
		n.publish(fmt.Sprint("x", i), `"`+strings.Repeat("x", 2000)+`"`, nobody)
	}
	stop()
	n = newNode(t, 1)
	log, err := persist.Open(persist.Options{Dir: "/log", FS: fs, Boot: "1", Log: slog.New(onBack{slog.DiscardHandler, back}), Durability: persist.Process})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	n.hub.UseLog(log, 1<<20, func(error, string, string) {})
	n.log = log
	say(n, "a") // it is open
	disk.breaks(noRoom)
	n.until("off", func() bool { say(n, "x1"); return n.log.Stats().Off })
	disk.heals()
	go func() { defer close(done); log.Run(ctx) }()
	return n, func() { cancel(); <-done; _ = log.Close() }
}

func say(n *testNode, channel string) {
	_ = n.app.Publish([]byte(channel), protocol.Raw(`"e"`), protocol.Raw("2"), nobody).Wait()
}

// onBack calls f when the log says that it is back, before it does anything else.
type onBack struct {
	slog.Handler
	f func()
}

func (h onBack) Enabled(context.Context, slog.Level) bool { return true }

func (h onBack) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "the log is back") {
		h.f()
	}
	return nil
}
