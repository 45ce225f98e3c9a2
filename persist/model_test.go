package persist

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"resound/internal/invariants"
)

// TestModel runs random operations on a log and on plain slices, and compares all that can be asked.
func TestModel(t *testing.T) {
	runs := 30
	if invariants.Enabled {
		runs = 20 // they are slow
	}
	for i := range runs {
		seed := rand.Uint64()
		if i < 15 {
			seed = uint64(i) // the same ones each time
		}
		if !t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { runModel(t, seed, 250) }) {
			return
		}
	}
}

// modelRecord is a record that was ever given to a stream, in order.
type modelRecord struct {
	serial  uint64
	payload string
	time    int64
	acked   bool
	lost    bool // by a crash; it was never in the log as it is now
}

// modelStream is one life of a stream: from its first record until it is forgotten.
type modelStream struct {
	born    uint32
	records []modelRecord
	first   int   // records before this one are gone for certain
	late    int   // records before this one may be gone: retention has allowed it at some time
	emptied int64 // when the last went; 0: it did not, or nobody knows since a crash
}

// place is a position that somebody was given.
type place struct {
	Position
	channel string
	of      *modelStream // nil: before the stream had a record
	n       int          // how many records of it there had been
}

type model struct {
	t   *testing.T
	rng *rand.Rand

	fs    *vfs.MemFS
	opt   Options
	clock *clock
	keep  Retention
	log   *Log
	boots int

	streams    map[string]*modelStream
	lives      map[string][]*modelStream // all that a channel ever had, oldest first
	places     []place
	epoch      uint32
	incomplete uint32
	purged     uint32
	highest    map[string]uint64 // the highest serial ever given, in any life
}

func runModel(t *testing.T, seed uint64, steps int) {
	m := &model{t: t, rng: newRand(seed), fs: vfs.NewCrashableMem(), clock: newClock(),
		streams: map[string]*modelStream{}, lives: map[string][]*modelStream{}, highest: map[string]uint64{}, epoch: 1}
	m.newRetention()
	m.opt = memory(m.fs)
	m.opt.Durability = Durability(m.rng.IntN(3))
	m.opt.Now = m.clock.Now
	m.opt.Metadata = time.Hour
	m.opt.Retention = func(string, string) Retention { return m.keep }
	m.open()
	for range steps {
		m.step()
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	for name := range m.streams {
		m.check(name)
	}
	mustClose(t, m.log)
}

func (m *model) open() {
	l, err := Open(m.opt)
	if err != nil {
		m.t.Fatal(err)
	}
	m.log = l
}

func (m *model) newRetention() {
	m.keep = Retention{Messages: 1 + m.rng.IntN(300)}
	if m.rng.IntN(2) == 0 {
		m.keep.Bytes = int64(200 + m.rng.IntN(20000))
	}
	if m.rng.IntN(2) == 0 {
		m.keep.Age = time.Duration(1+m.rng.IntN(100)) * time.Second
		if m.rng.IntN(2) == 0 {
			m.keep.Last = 3 * m.keep.Age
		}
	}
}

func (m *model) channel() string { return fmt.Sprint("channel-", m.rng.IntN(3)) }

func (m *model) step() {
	switch n := m.rng.IntN(100); {
	case n < 45:
		m.append(m.channel(), 1+m.rng.IntN(80))
	case n < 70:
		m.check(m.channel())
	case n < 80:
		m.clock.add(time.Duration(m.rng.IntN(60)) * time.Second)
	case n < 82:
		m.clock.add(-10 * time.Second)
	case n < 86:
		m.sweep()
	case n < 88:
		m.clock.add(time.Hour)
		m.sweep()
	case n < 90:
		m.truncate(m.channel())
	case n < 92:
		m.sweep() // what only counts as gone would be back if more may be kept
		m.newRetention()
		m.sweep() // a stream sees new settings when it is next trimmed
	case n < 95:
		mustClose(m.t, m.log)
		m.open()
	default:
		m.crash()
	}
}

// with calls f with the handle of a channel.
func (m *model) with(channel string, f func(*Stream)) {
	s, err := m.log.Stream("app", channel)
	if err != nil {
		m.t.Fatal(err)
	}
	defer s.Release()
	f(s)
}

func (m *model) append(channel string, n int) {
	m.with(channel, func(s *Stream) {
		x := m.streams[channel]
		for range n {
			if x == nil {
				x = &modelStream{born: m.epoch}
				m.streams[channel] = x
				m.lives[channel] = append(m.lives[channel], x)
			}
			payload := fmt.Sprintf("%0*d", 1+m.rng.IntN(200), m.rng.IntN(1000))
			now := millis(m.clock.Now())
			for i := len(x.records) - 1; i >= 0; i-- {
				if r := &x.records[i]; !r.lost {
					now = max(now, r.time)
					break
				}
			}
			p, c, err := s.Append([2]uint32{}, []byte(payload))
			if err != nil {
				m.t.Fatal(err)
			}
			if p.Epoch != m.epoch || p.Serial <= m.highest[channel] {
				m.t.Fatalf("%s: position %+v in epoch %d, after serial %d", channel, p, m.epoch, m.highest[channel])
			}
			m.highest[channel] = p.Serial
			acked := m.rng.IntN(20) > 0
			if acked && c.Wait() != nil {
				m.t.Fatal("not acknowledged")
			}
			x.records = append(x.records, modelRecord{serial: p.Serial, payload: payload, time: now, acked: acked})
			if m.rng.IntN(20) == 0 {
				m.places = append(m.places, place{p, channel, x, len(x.records)})
			}
		}
		_, latest := m.bounds(x.log())
		x.late = max(x.late, latest)
	})
}

// crash kills the process or the machine, and opens what is left.
func (m *model) crash() {
	machine := m.rng.IntN(2) == 0
	cfg := vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: m.rng}
	if machine {
		cfg.UnsyncedDataPercent = []int{0, 50, 100}[m.rng.IntN(3)]
		m.boots++
		m.opt.Boot = fmt.Sprint("boot ", m.boots)
	}
	old := m.log
	m.fs = m.fs.CrashClone(cfg)
	m.opt.FS = m.fs
	mustClose(m.t, old) // on the disk as it would have been
	m.epoch++
	complete := m.opt.Durability == Disk || m.opt.Durability == Process && !machine
	if !complete {
		m.incomplete = m.epoch
	}
	m.open()
	for _, channel := range slices.Sorted(maps.Keys(m.lives)) {
		m.learn(channel, complete)
	}
}

// learn finds out what a crash has left of a stream: a prefix of what there was, with all that was acknowledged if
// the log is complete.
func (m *model) learn(channel string, complete bool) {
	m.with(channel, func(s *Stream) {
		p, _ := s.Head()
		if p.Epoch != m.epoch {
			m.t.Fatalf("head %+v, want epoch %d", p, m.epoch)
		}
		x := m.streams[channel]
		if !complete {
			// That it was forgotten may be lost as well. Then an earlier life goes on.
			for _, life := range m.lives[channel] {
				if slices.ContainsFunc(life.records, func(r modelRecord) bool { return r.serial == p.Serial }) {
					x = life
				}
			}
		}
		if x == nil {
			return
		}
		for i := range x.records {
			r := &x.records[i]
			if r.lost || r.serial <= p.Serial {
				continue
			}
			if r.lost = true; r.acked && complete {
				m.t.Errorf("%s: record %d was acknowledged, and the head is %d", channel, r.serial, p.Serial)
			}
		}
		// What was removed before the crash may be back, if the removal was not yet written. And what was lost does
		// not count any more.
		x.first, x.emptied = 0, 0
		m.streams[channel] = x
		switch info, err := m.log.Info("app", channel); {
		case errors.Is(err, ErrNoStream):
			delete(m.streams, channel)
		case err != nil:
			m.t.Fatal(err)
		case info.First > info.Head:
			x.first = len(x.log()) // since when, the crash may have changed
		}
	})
}

// log is the records that the log has or had.
func (x *modelStream) log() (records []modelRecord) {
	for _, r := range x.records {
		if !r.lost {
			records = append(records, r)
		}
	}
	return records
}

// bounds says which record the retained ones may begin with: at the earliest, and at the latest. An eighth more than
// the retention says may be there by bytes and by age.
func (m *model) bounds(records []modelRecord) (earliest, latest int) {
	earliest = max(0, len(records)-m.keep.Messages)
	latest = earliest
	now := millis(m.clock.Now())
	total := 0
	for i := len(records) - 1; i >= 0; i-- {
		total += len(records[i].payload)
		age := m.keep.Age
		newest := i == len(records)-1
		if newest {
			age = max(age, m.keep.Last)
		}
		if m.keep.Bytes > 0 && total > int(m.keep.Bytes) && !newest ||
			m.keep.Age > 0 && now-records[i].time > age.Milliseconds() {
			latest = max(latest, i+1)
			break
		}
	}
	return earliest, latest
}

// check compares a stream with the model.
func (m *model) check(channel string) {
	x := m.streams[channel]
	m.with(channel, func(s *Stream) {
		head, ok := s.Head()
		info, err := m.log.Info("app", channel)
		if x == nil {
			if !ok || head != (Position{m.epoch, 0}) || !errors.Is(err, ErrNoStream) {
				m.t.Errorf("%s: head %+v, %v, of nothing; %v", channel, head, ok, err)
			}
			m.places = append(m.places, place{head, channel, nil, 0})
			m.checkResume(s, channel, nil, nil)
			return
		}
		if err != nil {
			m.t.Fatalf("%s: %v", channel, err)
		}
		records := x.log()
		first := m.checkInfo(channel, info, records)
		x.first = max(x.first, first)
		m.checkSince(s, channel, records, first)
		m.places = append(m.places, place{head, channel, x, len(x.records)})
		m.checkResume(s, channel, x, records[first:])
		n := 1 + m.rng.IntN(50)
		if got := s.Newest(n); first < len(records) {
			want := 0
			for _, r := range records[first:] {
				if r.serial > got {
					want++
				}
			}
			if want != min(n, len(records)-first) {
				m.t.Errorf("%s: behind Newest(%d) lie %d of %d", channel, n, want, len(records)-first)
			}
		}
		r, found, err := s.Last()
		if err != nil || found != (first < len(records)) || found && string(r.Payload) != records[len(records)-1].payload {
			m.t.Errorf("%s: last %+v, %v, %v", channel, r, found, err)
		}
	})
}

// checkInfo returns the index of the oldest record that counts as retained.
func (m *model) checkInfo(channel string, info StreamInfo, records []modelRecord) int {
	first := 0
	for first < len(records) && records[first].serial < info.First {
		first++
	}
	earliest, latest := m.bounds(records)
	x := m.streams[channel]
	if first < max(earliest, x.first) || first > max(latest, x.late) {
		m.t.Errorf("%s: begins with record %d of %d, want %d to %d (%d are gone, %d may be)", channel, first, len(records), earliest, latest, x.first, x.late)
	}
	x.late = max(x.late, latest)
	bytes := 0
	for _, r := range records[first:] {
		bytes += len(r.payload)
	}
	if info.Records != uint64(len(records)-first) || info.Bytes != int64(bytes) {
		m.t.Errorf("%s: %d records, %d bytes, want %d, %d", channel, info.Records, info.Bytes, len(records)-first, bytes)
	}
	if first < len(records) && (millis(info.Oldest) != records[first].time || millis(info.Newest) != records[len(records)-1].time) {
		m.t.Errorf("%s: from %v to %v", channel, info.Oldest, info.Newest)
	}
	return first
}

func (m *model) checkSince(s *Stream, channel string, records []modelRecord, first int) {
	for range 3 {
		if len(records) == 0 {
			return
		}
		i, j := m.rng.IntN(len(records)), m.rng.IntN(len(records))
		after := records[i].serial // behind record i, up to record j
		got := []string{}
		err := s.Since(context.Background(), after, records[j].serial, func(r Record) bool {
			got = append(got, fmt.Sprint(r.Serial, r.Payload))
			return true
		})
		if i+1 < first && i < j {
			if !errors.Is(err, ErrGap) || len(got) > 0 {
				m.t.Errorf("%s: since %d, with the oldest at index %d: %d records, %v", channel, i, first, len(got), err)
			}
			continue
		}
		want := []string{}
		for k := i + 1; k <= j; k++ {
			want = append(want, fmt.Sprint(records[k].serial, []byte(records[k].payload)))
		}
		if err != nil || !slices.Equal(got, want) {
			m.t.Errorf("%s: since %d to %d of %d: %d records, want %d, %v", channel, i, j, len(records), len(got), len(want), err)
		}
		if n := s.Count(after, records[j].serial); n != uint64(max(0, j-i)) {
			m.t.Errorf("%s: %d records from %d to %d", channel, n, i, j)
		}
	}
}

// checkResume asks for places that were given out at any time. retained is what the log still has.
func (m *model) checkResume(s *Stream, channel string, x *modelStream, retained []modelRecord) {
	for range 5 {
		if len(m.places) == 0 {
			return
		}
		p := m.places[m.rng.IntN(len(m.places))]
		if p.channel != channel {
			continue
		}
		got := s.Resume(p.Position)
		forgotten := m.purged > p.Epoch && (x == nil || x.born > p.Epoch)
		if m.incomplete > p.Epoch || forgotten {
			if got.Gap != Epoch {
				m.t.Errorf("%s: %+v: %+v, but records may be missing", channel, p.Position, got)
			}
			continue
		}
		// What came behind the place and was not lost: it is there, or retention took it.
		var behind []modelRecord
		if x != nil {
			n := p.n
			if p.of != x {
				n = 0 // of a life of which nothing was ever acknowledged
			}
			for _, r := range x.records[n:] {
				if !r.lost {
					behind = append(behind, r)
				}
			}
		}
		missed := uint64(0)
		for _, r := range behind {
			if len(retained) == 0 || r.serial < retained[0].serial {
				missed++
			}
		}
		want := None
		if missed > 0 {
			want = Expired
		}
		if got.Gap != want || got.Missed != missed {
			m.t.Errorf("%s: %+v: %+v, want %v, %d missed", channel, p.Position, got, want, missed)
		}
		sent := 0
		for _, r := range retained {
			if r.serial > got.After {
				sent++
			}
		}
		if sent != len(behind)-int(missed) {
			m.t.Errorf("%s: %+v: %+v, so %d records are sent, want %d", channel, p.Position, got, sent, len(behind)-int(missed))
		}
	}
}

// sweep trims exactly, and forgets.
func (m *model) sweep() {
	if err := m.log.Sweep(m.clock.Now()); err != nil {
		m.t.Fatal(err)
	}
	purged := false
	for _, channel := range slices.Sorted(maps.Keys(m.streams)) {
		x := m.streams[channel]
		records := x.log()
		_, latest := m.bounds(records)
		info, err := m.log.Info("app", channel)
		now := millis(m.clock.Now())
		switch {
		case errors.Is(err, ErrNoStream):
			if x.late < len(records) || now-x.emptied <= m.opt.Metadata.Milliseconds() {
				m.t.Errorf("%s was forgotten too early: %d of %d may be gone, empty since %d of %d", channel, x.late, len(records), x.emptied, now)
			}
			delete(m.streams, channel)
			purged = true
			continue
		case err != nil:
			m.t.Fatal(err)
		case x.emptied != 0 && x.first == len(records) && now-x.emptied > m.opt.Metadata.Milliseconds():
			m.t.Errorf("%s was not forgotten", channel)
		}
		first := m.checkInfo(channel, info, records)
		if first < latest {
			m.t.Errorf("%s: a sweep leaves it begin with %d of %d, want %d", channel, first, len(records), latest)
		}
		if x.first != len(records) && first == len(records) {
			x.emptied = now
		}
		x.first = first
	}
	if purged {
		m.epoch++
		m.purged = m.epoch
	}
}

func (m *model) truncate(channel string) {
	x := m.streams[channel]
	if x == nil {
		err := m.log.Truncate("app", channel, 1)
		if !errors.Is(err, ErrNoStream) {
			m.t.Errorf("truncating nothing: %v", err)
		}
		return
	}
	records := x.log()
	n := m.rng.IntN(len(records) + 1)
	upto := uint64(0)
	if n > 0 {
		upto = records[n-1].serial
	}
	if err := m.log.Truncate("app", channel, upto); err != nil {
		m.t.Fatal(err)
	}
	if x.first < len(records) && n == len(records) {
		x.emptied = millis(m.clock.Now())
	}
	x.first = max(x.first, n)
	x.late = max(x.late, n)
}
