package control

import (
	"context"
	"errors"

	"resound/persist"
)

// Log is what can be done with a log from outside: with that of a running server through its
// endpoint, and with one that nobody runs. Any goroutine may use it.
type Log interface {
	// Streams returns the streams of an application, or of all for "", whose channels begin with
	// prefix, in the order of application and channel.
	Streams(ctx context.Context, app, prefix string) ([]persist.StreamInfo, error)
	// Info returns one stream, or ErrNoStream.
	Info(ctx context.Context, app, channel string) (persist.StreamInfo, error)
	// Newest is the serial behind which the n newest events lie.
	Newest(ctx context.Context, app, channel string, n int) (uint64, error)
	// Records yields what is kept of after < serial <= upto, in order, until yield returns false.
	// What retention takes meanwhile is not among it. The payload is the caller's.
	Records(ctx context.Context, app, channel string, after, upto uint64, yield func(persist.Record) bool) error
	// Truncate removes the events up to a serial.
	Truncate(ctx context.Context, app, channel string, upto uint64) error
	// Compact gives space back to the disk, and returns when that is done.
	Compact(ctx context.Context) error
	// LogStats returns the counters.
	LogStats(ctx context.Context) (persist.Stats, error)
}

// chunkRecords and chunkBytes are how much is read of a log at once: while it is read it cannot
// be closed, and who gets the records may be slow.
const (
	chunkRecords = 500
	chunkBytes   = 4 << 20
)

// local is a log that this process has open.
type local struct{ *persist.Log }

func (l local) Streams(ctx context.Context, app, prefix string) ([]persist.StreamInfo, error) {
	var list []persist.StreamInfo
	err := l.Log.Streams(ctx, app, prefix, func(i persist.StreamInfo) bool {
		list = append(list, i)
		return true
	})
	return list, err
}

func (l local) Info(_ context.Context, app, channel string) (persist.StreamInfo, error) {
	return l.Log.Info(app, channel)
}

func (l local) Newest(_ context.Context, app, channel string, n int) (uint64, error) {
	s, err := l.Stream(app, channel)
	if err != nil {
		return 0, err
	}
	defer s.Release()
	return s.Newest(n), nil
}

func (l local) Records(ctx context.Context, app, channel string, after, upto uint64, yield func(persist.Record) bool) error {
	return inChunks(after, upto, yield, func(after uint64) ([]persist.Record, error) {
		return l.chunk(ctx, app, channel, after, upto)
	})
}

// inChunks yields what next returns for one place after the other, until there is nothing more.
func inChunks(after, upto uint64, yield func(persist.Record) bool, next func(after uint64) ([]persist.Record, error)) error {
	for after < upto {
		list, err := next(after)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, r := range list {
			if !yield(r) {
				return nil
			}
		}
		after = list[len(list)-1].Serial
	}
	return nil
}

// chunk returns the first records of after < serial <= upto that are there: none if there are none.
func (l local) chunk(ctx context.Context, app, channel string, after, upto uint64) ([]persist.Record, error) {
	s, err := l.Stream(app, channel)
	if err != nil {
		return nil, err
	}
	defer s.Release()
	for {
		var list []persist.Record
		size := 0
		err := s.Since(ctx, after, upto, func(r persist.Record) bool {
			r.Payload = append([]byte(nil), r.Payload...)
			list = append(list, r)
			size += len(r.Payload)
			return len(list) < chunkRecords && size < chunkBytes
		})
		if !errors.Is(err, persist.ErrGap) {
			return list, err
		}
		// The oldest that is there now; another trim may come in between.
		info, err := l.Log.Info(app, channel)
		if err != nil {
			return nil, err
		}
		if info.Records == 0 || info.First > upto || info.First <= after+1 {
			return nil, nil
		}
		after = info.First - 1
	}
}

func (l local) Truncate(_ context.Context, app, channel string, upto uint64) error {
	return l.Log.Truncate(app, channel, upto)
}

func (l local) LogStats(context.Context) (persist.Stats, error) { return l.Stats(), nil }
