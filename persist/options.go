package persist

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Durability is what an acknowledged append survives.
type Durability uint8

// The settings, from fast to safe.
const (
	Async   Durability = iota // the process may lose it: acknowledged once it is queued
	Process                   // survives the end of the process, however it ends: acknowledged once it is written
	Disk                      // survives the end of the machine: acknowledged after fsync
)

var durabilities = [...]string{Async: "async", Process: "process", Disk: "disk"}

func (d Durability) String() string { return durabilities[d] }

// ParseDurability is the inverse of String.
func ParseDurability(s string) (Durability, error) {
	for d, name := range durabilities {
		if s == name {
			return Durability(d), nil
		}
	}
	return 0, fmt.Errorf("durability %q is none of %s", s, strings.Join(durabilities[:], ", "))
}

// Retention says how much is kept of a stream.
type Retention struct {
	Messages int           // newest records that are kept; 0 keeps none
	Bytes    int64         // of all payloads of the stream; 0 is no limit. The newest record is kept whatever its size
	Age      time.Duration // how long a record is kept; 0 is no limit
	Last     time.Duration // how long the newest record is kept, if that is longer than Age
}

// keepAll is the retention of a log without Options.Retention.
var keepAll = Retention{Messages: 1 << 62}

// Options say how a log is opened.
type Options struct {
	Dir        string     // made if it is missing
	Durability Durability // what Commit.Wait waits for

	// Retention says what is kept of a channel. It is called on any goroutine and has to be cheap; it is asked
	// again and again, so that new settings take effect. nil keeps everything.
	Retention func(app, channel string) Retention

	Metadata time.Duration    // how long a stream is remembered that has no records; 0 is DefaultMetadata
	ReadOnly bool             // for looking at a log that nobody runs: nothing on the disk is changed
	Log      *slog.Logger     // nil says nothing
	FS       vfs.FS           // nil is the disk
	Now      func() time.Time // nil is time.Now
	Boot     string           // names this run of the machine; "" asks the kernel
}

// DefaultMetadata is Options.Metadata: longer than a browser keeps a page open in a background tab.
const DefaultMetadata = 30 * 24 * time.Hour

// MaxPayload is the size of the largest record: no more than a memory table holds.
const MaxPayload = 16 << 20

func (o *Options) setDefaults() {
	if o.Retention == nil {
		o.Retention = func(string, string) Retention { return keepAll }
	}
	if o.Metadata == 0 {
		o.Metadata = DefaultMetadata
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Boot == "" {
		o.Boot = bootID()
	}
}

// bootID names this run of the machine, or is "" where the kernel does not tell.
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}
