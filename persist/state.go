package persist

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The state file lies beside Pebble's files. It is what makes a directory a log of ours, and it outlives what may
// be wrong with Pebble's: it says how the last run ended, before Pebble is opened. It is replaced as a whole.
const (
	stateFile    = "RESOUND"
	stateTemp    = "RESOUND.tmp"
	stateMagic   = "resound log "
	stateVersion = 1
)

// state is the contents of the state file.
type state struct {
	id  LogID
	run uint32 // how often the log was opened, or came back; the upper half of the numbers of new streams
	epochs

	durability Durability
	boot       string // which run of the machine
	clean      bool   // whether the log was closed
	stamp      uint64 // is also in Pebble, so that the two are known to belong together; 0: Pebble is still empty
}

func newState(now time.Time) state {
	s := state{clean: true, epochs: epochs{now: 1}}
	binary.BigEndian.PutUint32(s.id[:], uint32(now.Unix()))
	_, _ = rand.Read(s.id[4:]) // does not fail
	return s
}

// started is the state of the run that follows. trusted is whether Pebble's files are those that belong to s.
func (s state) started(d Durability, boot string, trusted bool) state {
	if !s.clean || !trusted {
		s.epochs = s.epochs.afterStop(trusted && s.survives(boot))
	}
	s.run++
	s.durability, s.boot, s.clean = d, boot, false
	s.stamp = newStamp()
	return s
}

// survives says whether all that was acknowledged in the run of s is there in this run of the machine.
func (s *state) survives(boot string) bool {
	return s.durability == Disk || s.durability == Process && s.boot == boot && boot != ""
}

// afterStop is what follows an unclean stop, behind which the log is complete or not.
func (e epochs) afterStop(complete bool) epochs {
	e.now++
	e.unclean = e.now
	if complete {
		e.jump += jumpComplete
	} else {
		e.jump += jumpIncomplete
		e.incomplete = e.now
	}
	return e
}

func newStamp() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // does not fail
	return binary.BigEndian.Uint64(b[:]) | 1
}

// encode writes a line for each field and, last, the checksum of all before it.
func (s *state) encode() []byte {
	stopped := "running"
	if s.clean {
		stopped = "clean"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s%d\n", stateMagic, stateVersion)
	fmt.Fprintf(&b, "id %s\nrun %d\nepoch %d\nunclean %d\nincomplete %d\npurged %d\njump %d\nfloor %d\n",
		s.id, s.run, s.now, s.unclean, s.incomplete, s.purged, s.jump, s.floor)
	fmt.Fprintf(&b, "durability %s\nboot %s\nstate %s\nstamp %016x\n", s.durability, strconv.Quote(s.boot), stopped, s.stamp)
	fmt.Fprintf(&b, "crc %08x\n", crc32.ChecksumIEEE(b.Bytes()))
	return b.Bytes()
}

func parseState(text []byte) (s state, err error) {
	bad := fmt.Errorf("the file %s: %w", stateFile, ErrCorrupt)
	rest, ok := strings.CutPrefix(string(text), stateMagic)
	if !ok {
		return state{}, fmt.Errorf("the file %s is not ours: %w", stateFile, ErrForeign)
	}
	version, rest, ok := strings.Cut(rest, "\n")
	if v, err := strconv.Atoi(version); !ok || err != nil {
		return state{}, bad
	} else if v != stateVersion {
		return state{}, fmt.Errorf("the log has format %d, this binary reads format %d: %w", v, stateVersion, ErrVersion)
	}
	var id, durability, boot, stopped string
	var crc uint32
	n, err := fmt.Sscanf(rest, "id %s\nrun %d\nepoch %d\nunclean %d\nincomplete %d\npurged %d\njump %d\nfloor %d\n"+
		"durability %s\nboot %q\nstate %s\nstamp %x\ncrc %x\n",
		&id, &s.run, &s.now, &s.unclean, &s.incomplete, &s.purged, &s.jump, &s.floor,
		&durability, &boot, &stopped, &s.stamp, &crc)
	if err != nil || n != 13 {
		return state{}, bad
	}
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != len(s.id) {
		return state{}, bad
	}
	copy(s.id[:], raw)
	if s.durability, err = ParseDurability(durability); err != nil {
		return state{}, bad
	}
	s.boot, s.clean = boot, stopped == "clean"
	if !bytes.Equal(s.encode(), text) {
		return state{}, bad // the checksum, or anything else
	}
	return s, nil
}

// readState reads the state file of a directory. found is false when the directory has nothing in it that a log
// could not be made beside; ErrForeign says that it has.
func readState(fsys vfs.FS, dir string) (s state, found bool, err error) {
	f, err := fsys.Open(fsys.PathJoin(dir, stateFile))
	if err == nil {
		defer f.Close()
		text, err := io.ReadAll(f)
		if err != nil {
			return state{}, false, fmt.Errorf("reading %s: %w", stateFile, err)
		}
		s, err = parseState(text)
		return s, err == nil, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return state{}, false, fmt.Errorf("opening %s: %w", stateFile, err)
	}
	names, err := fsys.List(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return state{}, false, fmt.Errorf("listing %s: %w", dir, err)
	}
	for _, name := range names {
		switch name {
		case "LOCK", stateTemp, intactFile, "lost+found": // of a log that was about to be made; of a new file system
		default:
			return state{}, false, fmt.Errorf("%s holds %s and no %s: choose an empty directory: %w", dir, name, stateFile, ErrForeign)
		}
	}
	return state{}, false, nil
}

// writeState replaces the state file, so that after a crash it is the old one or the new one.
func writeState(fsys vfs.FS, dir string, s *state) error {
	if err := replaceState(fsys, dir, s.encode()); err != nil {
		return fmt.Errorf("writing %s: %w", stateFile, err)
	}
	return nil
}

func replaceState(fsys vfs.FS, dir string, text []byte) error {
	temp := fsys.PathJoin(dir, stateTemp)
	f, err := fsys.Create(temp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := fsys.Rename(temp, fsys.PathJoin(dir, stateFile)); err != nil {
		return err
	}
	return syncDir(fsys, dir)
}

func syncDir(fsys vfs.FS, dir string) error {
	d, err := fsys.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// makeDir makes the directory and those above it, so that they are there after a crash.
func makeDir(fsys vfs.FS, dir string) error {
	if _, err := fsys.Stat(dir); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := fsys.PathDir(dir)
	if parent != dir {
		if err := makeDir(fsys, parent); err != nil {
			return err
		}
	}
	if err := fsys.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	return syncDir(fsys, parent)
}
