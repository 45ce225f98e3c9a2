package persist

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/wal"
)

// openPebble opens Pebble. After an unclean stop its write-ahead logs may not be what Pebble expects. Pebble takes
// it for certain that what was synced is there, and that a log was synced before the next one was begun; without
// fsync neither holds once the machine has gone down. And in any mode a disk may lose what it had. Then the logs are
// cut where the first unreadable record is, and all behind it is dropped: what is left is a prefix of what was
// appended, and repaired says that it may not be all.
func (l *Log) openPebble(fsys *guard, unclean bool) (db *pebble.DB, repaired bool, err error) {
	db, err = pebble.Open(l.opt.Dir, l.pebbleOptions(fsys))
	if !pebble.IsCorruptionError(err) || !unclean || l.opt.ReadOnly {
		return db, false, wrapOpen(err)
	}
	logs, scanErr := scanLogs(fsys, l.opt.Dir)
	if scanErr != nil {
		return nil, false, wrapOpen(errors.Join(err, scanErr))
	}
	// From the newest bad log back: older ones may be of no interest any more, and then they must not be what cuts.
	for i := len(logs) - 1; i >= 0 && pebble.IsCorruptionError(err); i-- {
		if !logs[i].bad(i == len(logs)-1) {
			continue
		}
		l.log.Warn("a write-ahead log cannot be read to its end; what follows is dropped", "file", fsys.PathBase(logs[i].path),
			"offset", logs[i].good, "err", err)
		if cutErr := cutLogs(fsys, logs[i:]); cutErr != nil {
			return nil, true, wrapOpen(errors.Join(err, cutErr))
		}
		logs = logs[:i+1]
		logs[i].err = nil
		db, err = pebble.Open(l.opt.Dir, l.pebbleOptions(fsys))
	}
	return db, true, wrapOpen(err)
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

// scannedLog is a write-ahead log, and how far it can be read.
type scannedLog struct {
	path string
	good int64 // where the first record begins that cannot be read
	err  error // what is wrong with it; nil at a proper end
}

// bad says whether Pebble would refuse the log. Only the last may end in the middle of a record.
func (s *scannedLog) bad(last bool) bool {
	return s.err != nil && !(last && errors.Is(s.err, record.ErrUnexpectedEOF))
}

func scanLogs(fsys vfs.FS, dir string) (logs []*scannedLog, err error) {
	found, err := wal.Scan(wal.Dir{FS: fsys, Dirname: dir})
	if err != nil {
		return nil, err
	}
	for _, log := range found {
		_, path := log.SegmentLocation(0)
		s := &scannedLog{path: path}
		r := log.OpenForRead()
		for s.err == nil {
			rec, offset, err := r.NextRecord()
			s.good = offset.Physical
			if err == nil {
				_, err = io.Copy(io.Discard, rec)
			}
			s.err = err
		}
		if errors.Is(s.err, io.EOF) {
			s.err = nil
		}
		logs = append(logs, s)
		if err := r.Close(); err != nil {
			return nil, err
		}
	}
	return logs, nil
}

// cutLogs shortens the first of the logs to what can be read, and removes the others, newest first.
func cutLogs(fsys *guard, logs []*scannedLog) error {
	for _, s := range slices.Backward(logs[1:]) {
		if err := fsys.Remove(s.path); err != nil {
			return err
		}
	}
	if err := syncDir(fsys, fsys.PathDir(logs[0].path)); err != nil {
		return err
	}
	in, err := fsys.Open(logs[0].path)
	if err != nil {
		return err
	}
	defer in.Close()
	temp := fsys.PathJoin(fsys.PathDir(logs[0].path), stateTemp)
	out, err := fsys.Create(temp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = io.CopyN(out, in, logs[0].good)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return err
	}
	if err := fsys.Rename(temp, logs[0].path); err != nil {
		return err
	}
	if err := syncDir(fsys, fsys.PathDir(logs[0].path)); err != nil {
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
