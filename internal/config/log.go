package config

import (
	"errors"
	"path/filepath"
)

// Log is what `resound log` is asked for.
type Log struct {
	Action  string // "list", "show", "truncate" or "compact"
	DataDir string // absolute; a running server says there where it is
	LogDir  string // where the log itself lies

	App     string // only that application; "" is any
	Prefix  string // list: only channels that begin with it
	Channel string // show, truncate
	From    uint64 // show: the first serial; 0 is the newest Limit
	Limit   int    // show: so many events; 0 is all
	Full    bool   // show: whole payloads
	Before  uint64 // truncate: serials below it; 0 is all
	Yes     bool   // truncate: without asking
	JSON    bool

	Scaling bool // the settings have it on, so that a server keeps events in Redis
}

// logDir is where the log of events lies in a data directory.
func logDir(dataDir string) string { return filepath.Join(dataDir, "log") }

// newLog is called when kong has filled in one of the commands.
func newLog(cmd logCmd, command string, s *sources) (*Log, error) {
	var l *Log
	var place Files
	switch command {
	case "log list":
		c := cmd.List
		l, place = &Log{Action: "list", App: c.App, Prefix: c.Prefix, JSON: c.JSON}, c.Files
	case "log show <channel>":
		c := cmd.Show
		l, place = &Log{Action: "show", App: c.App, Channel: c.Channel, From: c.From, Limit: c.Limit, Full: c.Full, JSON: c.JSON}, c.Files
	case "log truncate <channel>":
		c := cmd.Truncate
		if c.Before == 0 && !c.All {
			return nil, errors.New("say which events: --before=SERIAL or --all (resound log truncate --help says more)")
		}
		l, place = &Log{Action: "truncate", App: c.App, Channel: c.Channel, Before: c.Before, Yes: c.Yes, JSON: c.JSON}, c.Files
	case "log compact":
		l, place = &Log{Action: "compact", JSON: cmd.Compact.JSON}, cmd.Compact.Files
	default:
		panic("config: there is no command " + command)
	}
	l.DataDir = s.dataDir(place.DataDir)
	l.LogDir = logDir(l.DataDir)
	l.Scaling = s.scaling()
	return l, nil
}
