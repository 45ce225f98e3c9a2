package bench

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Progress is a line that is written again and again. It stays silent for the
// first second, and altogether with a nil Out.
type Progress struct {
	Out   io.Writer
	begun time.Time
	last  time.Time
	shown bool
}

// Show says what is going on, and how much of it is done, from 0 to 1.
func (p *Progress) Show(done float64, what string) {
	now := time.Now()
	if p.begun.IsZero() {
		p.begun = now
	}
	if p.Out == nil || now.Sub(p.begun) < time.Second || now.Sub(p.last) < 100*time.Millisecond {
		return
	}
	p.last, p.shown = now, true
	const width = 24
	full := min(max(int(done*width), 0), width)
	_, _ = fmt.Fprintf(p.Out, "\r\x1b[K%s%s %3.0f%%  %s", strings.Repeat("█", full), strings.Repeat("░", width-full), done*100, what)
}

// Clear removes the line.
func (p *Progress) Clear() {
	if p.shown {
		_, _ = fmt.Fprint(p.Out, "\r\x1b[K")
	}
	p.shown = false
}
