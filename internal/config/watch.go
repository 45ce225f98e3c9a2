package config

import (
	"context"
	"crypto/sha256"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settle is how long after the last change files are read: an editor takes
	// several steps to save one, a deployment touches both.
	settle = 150 * time.Millisecond

	// pollInterval is how often files are looked at without a notice, which
	// network file systems and some bind mounts never give.
	pollInterval = 15 * time.Second

	// maxLinks is as many symbolic links as Linux follows.
	maxLinks = 40
)

// fingerprint is the SHA-256 of each file that is there, by path.
type fingerprint map[string][sha256.Size]byte

// Run reloads whenever a file has changed, and returns when ctx ends. It
// notices files that are written, replaced, created and deleted, and symbolic
// links on their path that are swapped, as Kubernetes and Envoyer do.
func (w *Watcher) Run(ctx context.Context) {
	var (
		notices <-chan fsnotify.Event
		lost    <-chan error
		late    = time.NewTimer(settle) // the first look: a file may have changed since the start
		poll    = time.NewTicker(pollInterval)
	)
	defer poll.Stop()
	defer late.Stop()
	watches, err := fsnotify.NewWatcher()
	if err != nil {
		w.log.Warn("changes of the configuration are noticed late: the system gives no notice of them", "error", err, "every", pollInterval)
	} else {
		defer func() { _ = watches.Close() }()
		notices, lost = watches.Events, watches.Errors
	}
	trails := w.follow(watches)
	for {
		select {
		case <-ctx.Done():
			return
		case notice := <-notices:
			if trails[notice.Name] {
				late.Reset(settle)
			}
		case <-lost: // some notices were dropped
			late.Reset(settle)
		case <-poll.C:
			late.Reset(settle)
		case <-late.C:
			trails = w.follow(watches) // before the look, so that nothing happens between the two unseen
			w.look()
		}
	}
}

// look reloads if the files are not what they were.
func (w *Watcher) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.fingerprint()
	if maps.Equal(now, w.seen) {
		return
	}
	w.seen = now
	_ = w.reload(false) // it has said what is wrong
}

// fingerprint reads the files as they are.
func (w *Watcher) fingerprint() fingerprint {
	now := make(fingerprint)
	for _, path := range w.current.places {
		if !isFile(path) {
			continue
		}
		if data, err := os.ReadFile(path); err == nil {
			now[path] = sha256.Sum256(data)
		}
	}
	return now
}

// follow watches every directory in which something lies that leads to one of
// the files, and only those, and returns the paths of these things and directories.
func (w *Watcher) follow(watches *fsnotify.Watcher) map[string]bool {
	w.mu.Lock()
	places := w.current.places
	w.mu.Unlock()
	names, dirs := make(map[string]bool), make(map[string]bool)
	for _, place := range places {
		for _, name := range trail(place) {
			names[name], dirs[filepath.Dir(name)] = true, true
		}
	}
	if watches == nil {
		return names
	}
	for _, dir := range watches.WatchList() {
		if !dirs[dir] {
			_ = watches.Remove(dir) // its directory may be gone already
		}
	}
	for dir := range dirs {
		names[dir] = true
		if !slices.Contains(watches.WatchList(), dir) {
			_ = watches.Add(dir) // a directory that is not there yet is polled for
		}
	}
	return names
}

// trail returns the symbolic links on the way to path, and the file at its end.
func trail(path string) []string {
	var names []string
	at, rest := "/", strings.Split(path, "/")
	for links := 0; len(rest) > 0; {
		step := filepath.Join(at, rest[0])
		rest = rest[1:]
		target, err := os.Readlink(step)
		if err != nil {
			if at = step; len(rest) == 0 {
				names = append(names, step)
			}
			continue
		}
		names = append(names, step)
		if links++; links > maxLinks {
			break
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return names
}
