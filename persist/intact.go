package persist

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// intactFile is in the directory as long as the run that it belongs to has been given everything. It is made behind the
// state file and removed when the log goes off: that takes no room, so it works on a disk that is full. Without
// it an unclean stop is one behind which the log is not complete, whatever the durability: what was published while the
// log was off has been answered, too.
const intactFile = "INTACT"

// intact reports whether the run before missed nothing.
func (l *Log) intact() bool {
	_, err := l.opt.FS.Stat(l.opt.FS.PathJoin(l.opt.Dir, intactFile))
	return err == nil
}

// markIntact says that this run misses nothing so far.
func markIntact(fsys vfs.FS, dir string) error {
	f, err := fsys.Create(fsys.PathJoin(dir, intactFile), vfs.WriteCategoryUnspecified)
	if err == nil {
		err = errors.Join(f.Sync(), f.Close(), syncDir(fsys, dir))
	}
	if err != nil {
		return fmt.Errorf("making %s: %w", intactFile, err)
	}
	return nil
}

// miss says that this run misses something from now on. It goes past the guard, which lets nothing through any more.
func (l *Log) miss() {
	err := l.opt.FS.Remove(l.opt.FS.PathJoin(l.opt.Dir, intactFile))
	if err == nil {
		_ = syncDir(l.opt.FS, l.opt.Dir) // for a power cut; there is nothing else to do about a directory that does not sync
	} else if !errors.Is(err, fs.ErrNotExist) {
		l.log.Warn("if the server is killed before the log is back, pages are not told of the gap", "dir", l.opt.Dir, "error", err)
	}
}
