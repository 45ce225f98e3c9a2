package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"resound/persist"
)

// Opened is a log that Open has found.
type Opened struct {
	Log
	PID int // of the server that runs; 0: nobody has the log but this process

	close func() error
}

// Close gives the log up.
func (o *Opened) Close() error { return o.close() }

// Open finds the log in logDir: through the server that runs on dataDir or, when none does, in
// its files, which with readOnly are not changed. Its errors say to a person what to do.
func Open(ctx context.Context, dataDir, logDir string, readOnly bool) (*Opened, error) {
	var unreachable error
	// A server that comes or goes at this moment is found at the second try.
	for range 2 {
		client, err := Dial(ctx, dataDir)
		if err == nil {
			if log, err := client.Log(); err == nil {
				return &Opened{Log: log, PID: client.PID(), close: func() error { client.Close(); return nil }}, nil
			}
			client.Close() // it keeps no log, so there may be one of earlier
			if client.other != "" {
				return nil, fmt.Errorf("the server runs as process %d and keeps events %s, which has nothing that this command could look at", client.PID(), client.other)
			}
		} else if errors.Is(err, fs.ErrPermission) {
			return nil, forbidden(dataDir, err)
		}
		unreachable = err
		log, err := openFiles(logDir, readOnly)
		switch {
		case err == nil:
			return &Opened{Log: local{log}, close: log.Close}, nil
		case errors.Is(err, fs.ErrNotExist):
			return nil, noLog{logDir}
		case errors.Is(err, fs.ErrPermission):
			return nil, forbidden(logDir, err)
		case !errors.Is(err, persist.ErrLocked):
			return nil, err
		}
	}
	if errors.Is(unreachable, ErrNotRunning) {
		return nil, fmt.Errorf("the log in %s is in use, but %s does not say by which server: is another `resound log` at work?", logDir, FileName)
	}
	return nil, fmt.Errorf("the log in %s is in use, and its server cannot be asked: %w", logDir, unreachable)
}

// noLog is an error like fs.ErrNotExist, for people.
type noLog struct{ dir string }

func (e noLog) Error() string {
	return "there is no log in " + e.dir + ": has a server run with this data directory? --data-dir names another"
}

func (noLog) Is(target error) bool { return target == fs.ErrNotExist }

// openFiles opens a log that is there; it makes none.
func openFiles(dir string, readOnly bool) (*persist.Log, error) {
	log, err := persist.Open(persist.Options{Dir: dir, ReadOnly: true})
	if err != nil || readOnly {
		return log, err
	}
	if err := log.Close(); err != nil {
		return nil, err
	}
	return persist.Open(persist.Options{Dir: dir, Durability: persist.Disk}) // what a person removes is gone for good
}

// forbidden says whose the directory is.
func forbidden(dir string, err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError
	}
	if info, statErr := os.Stat(dir); statErr == nil {
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			name := strconv.FormatUint(uint64(stat.Uid), 10)
			if u, err := user.LookupId(name); err == nil {
				name = u.Username
			}
			return fmt.Errorf("%w; run this as the user of the server, %s", err, name)
		}
	}
	return fmt.Errorf("%w; run this as the user of the server", err)
}
