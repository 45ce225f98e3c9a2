package api

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"resound/internal/apps"
	"resound/protocol"
)

// slack is how many seconds a request may be from the server's time.
const slack = int64(apps.TimestampSlack / time.Second)

// verifyTime checks when the request says it was made, as the application's
// policy has it. The signature fits already: a stranger cannot fill the log.
func (r *request) verifyTime() *protocol.Error {
	policy := r.app.Settings().Timestamps
	if policy == apps.TimestampIgnore {
		return nil
	}
	now := r.o.Now()
	text := r.query("auth_timestamp")
	given, err := strconv.ParseInt(string(text), 10, 48) // 48 bits: no sum with it overflows
	late := now.Unix() - given
	switch {
	case err == nil && -slack <= late && late <= slack:
		return nil
	case policy == apps.TimestampEnforce:
		return protocol.ErrSignature.With("%s", wrongTime(text, given, err, now))
	case r.warnNow(now.Unix()):
		r.o.Log.Warn("a request from another time was served", "app", r.app.Settings().ID, "reason", wrongTime(text, given, err, now),
			"setting", "RESOUND_AUTH_TIMESTAMP: enforce refuses such requests, ignore ends this warning")
	}
	return nil
}

// wrongTime says what is wrong with an auth_timestamp. Where Pusher has words for it they come first: people search for them.
func wrongTime(text []byte, given int64, err error, now time.Time) string {
	if err != nil {
		return fmt.Sprintf(`Timestamp invalid: auth_timestamp has to be there once, in seconds since 1970, and is "%s".`, printable(text))
	}
	off, way := now.Unix()-given, "behind"
	if off < 0 {
		off, way = -off, "ahead of"
	}
	return fmt.Sprintf("Timestamp expired: Given timestamp (%s) not within %ds of server time (%s). The publisher's clock is %d s %s the server's: one of the two has to be set.",
		utc(time.Unix(given, 0)), slack, utc(now), off, way)
}

func utc(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// warnNow reports whether the log may tell of the application's clock again, at that Unix time.
func (r *request) warnNow(now int64) bool {
	id := r.app.Settings().ID
	v, ok := r.warned.Load(id)
	if !ok {
		v, _ = r.warned.LoadOrStore(id, new(atomic.Int64)) // a few bytes for each application there ever was
	}
	last := v.(*atomic.Int64)
	before := last.Load()
	since := now - before
	due := since < 0 || since >= int64(warnInterval/time.Second) // before 0: the server's clock was set back
	return due && last.CompareAndSwap(before, now)
}
