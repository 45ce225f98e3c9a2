package config

import (
	"fmt"
	"time"
)

// Top is what `resound top` is asked for.
type Top struct {
	DataDir  string // absolute; a running server says there where it is
	Every    time.Duration
	Channels int
	Once     bool
	JSON     bool
}

// newTop is called when kong has filled in the command.
func newTop(c topCmd, s *sources) (*Top, error) {
	if c.Every < minLook || c.Every > maxLook {
		return nil, fmt.Errorf("--every: %v is not between %v and %v", c.Every, minLook, maxLook)
	}
	return &Top{DataDir: s.dataDir(c.DataDir), Every: c.Every, Channels: c.Channels, Once: c.Once, JSON: c.JSON}, nil
}

// A look that is shorter shows noise, one that is longer looks like a command that hangs.
const (
	minLook = 100 * time.Millisecond
	maxLook = time.Minute
)
