package persist

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// How long a log that went off waits before it tries to come back: from the first, doubled each time, to the last.
// One that fails again within steady goes on doubling. A disk that was full has to have some room first.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
	steady     = time.Minute
	freeBytes  = 2 * memTableSize
)

// A sweep looks at each stream once. A new one begins at most every sweepEvery, and a step, at most every stepEvery,
// looks at no more than stepStreams of them: with 100,000 streams a sweep takes ten seconds or so.
const (
	sweepEvery  = time.Minute
	stepEvery   = 100 * time.Millisecond
	stepStreams = 1000
)

// writeEvery is how long an append may stay in the memory of an async log that nobody else appends to.
const writeEvery = 100 * time.Millisecond

// Run is what the log does on its own account: it removes what is too old of streams that nobody writes to, forgets
// streams, and comes back after a failure of the disk. It returns when ctx ends or the log is closed. The owner runs
// it on a goroutine of its own, once.
func (l *Log) Run(ctx context.Context) {
	if l.opt.ReadOnly {
		return
	}
	tick := time.NewTicker(min(stepEvery, writeEvery))
	defer tick.Stop()
	sweep := sweeper{log: l}
	var began, back time.Time
	wait := firstRetry
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.stop:
			return
		case <-l.fail:
			if time.Since(back) > steady {
				wait = firstRetry
			}
			l.comeBack(ctx, &wait)
			back = time.Now()
		case now := <-tick.C:
			l.writeQueued()
			if sweep.next == nil && now.Sub(began) < sweepEvery {
				continue
			}
			if sweep.next == nil {
				began = now
			}
			if err := sweep.step(l.opt.Now(), stepStreams); err != nil && !errors.Is(err, ErrOff) {
				l.log.Error("sweeping the log failed", "error", err)
			}
		}
	}
}

// writeQueued makes Pebble write what it has queued, if nobody waits for that.
func (l *Log) writeQueued() {
	if l.opt.Durability != Async {
		return
	}
	st := l.enter()
	if st == nil {
		return
	}
	defer st.leave()
	if n := l.stats.appends.Load(); n != st.written.Swap(n) {
		_ = st.db.LogData(nil, syncWrite) // a failure of the disk is seen by the guard
	}
}

// failed turns the log off. It is called once, from within a write, by whoever made it: with locks of Pebble held.
func (st *store) failed(cause error) {
	st.log.miss() // before anything goes out that is not kept
	st.dead.Store(true)
	st.log.cur.CompareAndSwap(st, nil)
	st.log.stats.failures.Add(1)
	go st.abandon(cause)
}

// abandon ends an instance whose disk has failed. Nothing that it still does reaches the disk. One goroutine for each
// failure; it ends when all have left the instance.
func (st *store) abandon(cause error) {
	l := st.log
	l.log.Error("the log is off: its disk failed; events are delivered and not stored until it is back", "dir", l.opt.Dir, "error", cause)
	_ = st.close(nil)
	select {
	case l.fail <- struct{}{}:
	default:
	}
}

// comeBack tries to turn the log on again until it succeeds, ctx ends or the log is closed. wait is how long it waits
// first, and then what comes next.
func (l *Log) comeBack(ctx context.Context, wait *time.Duration) {
	off := time.Now()
	for {
		timer := time.NewTimer(*wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-l.stop:
			timer.Stop()
			return
		case <-timer.C:
		}
		*wait = min(2**wait, lastRetry)
		err := l.reopen()
		if err == nil {
			l.log.Warn("the log is back; what was not stored meanwhile is told as a gap", "dir", l.opt.Dir,
				"epoch", l.Epoch(), "off", time.Since(off).Round(time.Millisecond))
			return
		}
		l.log.Debug("the log is still off", "error", err)
	}
}

// reopen opens the directory anew, as after a stop behind which the log is not complete.
func (l *Log) reopen() error {
	l.life.Lock()
	defer l.life.Unlock()
	if l.closed || l.lent || l.cur.Load() != nil {
		return nil
	}
	<-l.last.gone
	if u, err := l.opt.FS.GetDiskUsage(l.opt.Dir); err == nil && u.TotalBytes > 0 && u.AvailBytes < freeBytes {
		return fmt.Errorf("%d bytes are free, of %d that are needed to come back", u.AvailBytes, freeBytes)
	}
	if err := l.openAgain(func(state) bool { return false }); err != nil {
		return err
	}
	l.stats.recoveries.Add(1)
	return nil
}

// Epoch is the present epoch, or 0 while the log is off.
func (l *Log) Epoch() uint32 {
	st := l.cur.Load()
	if st == nil {
		return 0
	}
	return st.epochs.Load().now
}
