package persist

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/batchrepr"
	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/wal"
)

// openPebble opens Pebble. After an unclean stop its write-ahead logs may not be what Pebble expects. Pebble takes
// it for certain that what was synced is there, and that a log was synced before the next one was begun; without
// fsync neither holds once the machine has gone down (doubtful). And in any mode a disk may lose what it had. Then
// the logs are cut where the first record is missing, and all behind it is dropped: what is left is a prefix of what
// was appended, and mended says that it may not be all.
func (l *Log) openPebble(fsys *guard, unclean, doubtful bool) (db *pebble.DB, mended bool, err error) {
	unclean = unclean && !l.opt.ReadOnly
	if unclean && doubtful {
		if mended, err = l.mend(fsys); err != nil {
			return nil, false, wrapOpen(err)
		}
	}
	db, err = pebble.Open(l.opt.Dir, l.pebbleOptions(fsys))
	if unclean && !doubtful && pebble.IsCorruptionError(err) {
		var mendErr error
		if mended, mendErr = l.mend(fsys); mended {
			db, err = pebble.Open(l.opt.Dir, l.pebbleOptions(fsys))
		}
		err = errors.Join(err, mendErr)
	}
	return db, mended, wrapOpen(err)
}

func wrapOpen(err error) error {
	switch {
	case err == nil:
		return nil
	case pebble.IsCorruptionError(err):
		return fmt.Errorf("opening Pebble: %w: %w", ErrCorrupt, err)
	default:
		return fmt.Errorf("opening Pebble: %w", err)
	}
}

// probe is a file system for reading that remembers which write-ahead logs were read.
type probe struct {
	*guard
	read []string
}

// Open implements vfs.FS.
func (p *probe) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	if isWAL(name) {
		p.read = append(p.read, p.PathBase(name))
	}
	return p.guard.Open(name, opts...)
}

// mend cuts the write-ahead logs where the first record is missing. It reports false if none is.
func (l *Log) mend(fsys *guard) (bool, error) {
	// Only Pebble knows which logs still matter: those that it reads when it opens.
	look := &probe{guard: &guard{FS: fsys.FS, readOnly: true}}
	o := l.pebbleOptions(fsys)
	o.FS, o.ReadOnly = look, true
	db, err := pebble.Open(l.opt.Dir, o)
	if err == nil {
		err = db.Close()
	}
	if err != nil && !pebble.IsCorruptionError(err) || len(look.read) == 0 {
		return false, err
	}
	logs, err := wal.Scan(wal.Dir{FS: fsys, Dirname: l.opt.Dir})
	if err != nil {
		return false, err
	}
	at := slices.IndexFunc(logs, func(log wal.LogicalLog) bool {
		_, path := log.SegmentLocation(0)
		return fsys.PathBase(path) == look.read[0]
	})
	if at < 0 {
		return false, nil
	}
	broken, good, why := firstBreak(logs[at:])
	if why == nil {
		return false, nil
	}
	l.log.Warn("the write-ahead log cannot be read to its end; what follows is dropped", "dir", l.opt.Dir,
		"file", logs[at+broken], "offset", good, "error", why)
	return true, cutLogs(fsys, logs[at+broken:], good)
}

// trailerSize is what a log ends with that was closed. The reader takes the end of the file for an end as well.
const trailerSize = 11

var errNoEnd = errors.New("it has no end")

// firstBreak finds the first log that does not go on where the one before it ended, or that cannot be read to its
// end, and how much of it is good. Records follow each other without a gap in their sequence numbers. The last log may
// end anywhere.
func firstBreak(logs wal.Logs) (broken int, good int64, why error) {
	next := uint64(0)
	for i, log := range logs {
		good, why = readLog(log, &next)
		if why == nil || i == len(logs)-1 && (errors.Is(why, record.ErrUnexpectedEOF) || errors.Is(why, errNoEnd)) {
			continue
		}
		return i, good, why
	}
	return 0, 0, nil
}

// readLog reads a log to its end, or to what is wrong with it.
func readLog(log wal.LogicalLog, next *uint64) (good int64, why error) {
	size, err := log.PhysicalSize()
	if err != nil {
		return 0, err
	}
	r := log.OpenForRead()
	defer r.Close()
	for {
		rec, offset, err := r.NextRecord()
		switch {
		case errors.Is(err, io.EOF) && uint64(offset.Physical)+trailerSize > size:
			return offset.Physical, errNoEnd
		case errors.Is(err, io.EOF):
			return offset.Physical, nil
		case err != nil:
			return offset.Physical, err
		}
		head, err := io.ReadAll(io.LimitReader(rec, batchrepr.HeaderLen))
		if err != nil {
			return offset.Physical, err
		}
		h, _ := batchrepr.ReadHeader(head) // long enough, or NextRecord had refused it
		if *next != 0 && uint64(h.SeqNum) != *next {
			return offset.Physical, fmt.Errorf("it goes on at %d, not at %d", h.SeqNum, *next)
		}
		*next = uint64(h.SeqNum) + uint64(h.Count)
	}
}

// cutLogs shortens the first of the logs to what is good, and removes the others, newest first.
func cutLogs(fsys *guard, logs wal.Logs, good int64) error {
	for _, log := range slices.Backward(logs[1:]) {
		_, path := log.SegmentLocation(0)
		if err := fsys.Remove(path); err != nil {
			return err
		}
	}
	_, path := logs[0].SegmentLocation(0)
	dir := fsys.PathDir(path)
	if err := syncDir(fsys, dir); err != nil {
		return err
	}
	in, err := fsys.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	temp := fsys.PathJoin(dir, stateTemp)
	out, err := fsys.Create(temp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = io.CopyN(out, in, good)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return err
	}
	if err := fsys.Rename(temp, path); err != nil {
		return err
	}
	if err := syncDir(fsys, dir); err != nil {
		return err
	}
	return fsys.failed()
}

// checkManifest says whether Pebble's list of its files can be read to its end; Pebble itself stops reading where it
// cannot, and says nothing. The error is ErrCorrupt when there has to be a list and is none: Pebble would begin anew.
func (g *guard) checkManifest(dir string, must bool) (whole bool, err error) {
	desc, err := pebble.Peek(dir, g)
	if err != nil {
		return false, fmt.Errorf("looking for Pebble's files: %w", err)
	}
	if !desc.Exists {
		if must {
			err = fmt.Errorf("the list of Pebble's files is missing: %w", ErrCorrupt)
		}
		return true, err
	}
	f, err := g.Open(desc.ManifestFilename)
	if err != nil {
		return false, fmt.Errorf("opening the list of Pebble's files: %w", err)
	}
	defer f.Close()
	r := record.NewReader(f, 0)
	for {
		rec, err := r.Next()
		if err == nil {
			_, err = io.Copy(io.Discard, rec)
		}
		switch {
		case errors.Is(err, io.EOF):
			return true, nil
		case record.IsInvalidRecord(err):
			return false, nil
		case err != nil:
			return false, fmt.Errorf("reading the list of Pebble's files: %w", err)
		}
	}
}
