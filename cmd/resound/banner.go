package main

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// banner is what the server says when it starts.
type banner struct {
	Host     string // as listened on
	Port     int    // the real one, also when 0 was asked for
	Path     string // "" or "/prefix"
	Hostname string // public name, or ""
	Secure   bool   // TLS on this port

	Version string // config.Version
	Loops   int
	Files   uint64 // limit of open descriptors; 0 is unknown
	Log     string // where events are kept for pages that come back, or that they are not
	Cluster string // who the other servers are; "" without scaling

	AppID, AppKey string
	Demo          *demoBanner // nil with an application of one's own
	Warnings      []string

	Terminal bool // a person reads it; else only the first line is printed
	Color    bool // the terminal shows colours and NO_COLOR is not set
}

// demoBanner is what only demo mode prints: the one secret that is shown,
// because without it nobody could use the made-up application.
type demoBanner struct {
	Secret     string
	URL        string // of the demo page
	PublicHost string // for the .env block
	PublicPort int
	Scheme     string
}

// printBanner writes the banner in one call. The first line has Reverb's words
// on a terminal and off it, because process managers look for them.
func printBanner(w io.Writer, b banner) error {
	p := painter{color: b.Color}
	p.line("%s", p.paint(bold, b.firstLine()))
	if b.Terminal {
		b.details(&p)
	}
	_, err := io.WriteString(w, p.text.String())
	return err
}

// firstLine is "Starting [secure ]server on {host}:{port}{path}[ ({hostname})]".
func (b banner) firstLine() string {
	secure, hostname := "", ""
	if b.Secure {
		secure = "secure "
	}
	if b.Hostname != "" {
		hostname = " (" + b.Hostname + ")"
	}
	return "Starting " + secure + "server on " + net.JoinHostPort(b.Host, strconv.Itoa(b.Port)) + b.Path + hostname
}

func (b banner) details(p *painter) {
	p.line("")
	p.line("  %s", p.paint(green, b.Version))
	p.line("")
	p.row("Loops", strconv.Itoa(b.Loops))
	if b.Files > 0 {
		p.row("Descriptors", "at most "+strconv.FormatUint(b.Files, 10))
	}
	p.row("Events", b.Log)
	if b.Cluster != "" {
		p.row("Cluster", b.Cluster)
	}
	if b.Demo != nil {
		p.row("App", "none is configured, so this one was made up")
	}
	p.row("App id", b.AppID)
	if b.AppKey != "" { // several applications have several
		p.row("App key", b.AppKey)
	}
	if b.Demo != nil {
		p.row("App secret", b.Demo.Secret)
		p.row("Demo page", p.paint(cyan, b.Demo.URL))
		p.line("")
		p.line("  To use it from Laravel, put this into the .env file of the project:")
		p.line("")
		for _, line := range b.envBlock() {
			p.line("%s", p.paint(dim, line))
		}
	}
	if len(b.Warnings) > 0 {
		p.line("")
	}
	for _, warning := range b.Warnings {
		p.line("  %s %s", p.paint(yellow, "Warning:"), warning)
	}
	p.line("")
}

// envBlock is what reverb:install would write, with the demo application. It
// is not indented: it is there to be copied.
func (b banner) envBlock() []string {
	block := []string{
		"BROADCAST_CONNECTION=reverb",
		"REVERB_APP_ID=" + b.AppID,
		"REVERB_APP_KEY=" + b.AppKey,
		"REVERB_APP_SECRET=" + b.Demo.Secret,
		`REVERB_HOST="` + b.Demo.PublicHost + `"`,
		"REVERB_PORT=" + strconv.Itoa(b.Demo.PublicPort),
		"REVERB_SCHEME=" + b.Demo.Scheme,
	}
	if b.Path != "" {
		block = append(block, "REVERB_SERVER_PATH="+b.Path)
	}
	return append(block,
		"",
		`VITE_REVERB_APP_KEY="${REVERB_APP_KEY}"`,
		`VITE_REVERB_HOST="${REVERB_HOST}"`,
		`VITE_REVERB_PORT="${REVERB_PORT}"`,
		`VITE_REVERB_SCHEME="${REVERB_SCHEME}"`,
	)
}

// The colours, as parameters of the SGR sequence.
const (
	bold   = "1"
	dim    = "2"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

// painter collects lines, with colours or without.
type painter struct {
	text  strings.Builder
	color bool
}

func (p *painter) line(format string, args ...any) {
	fmt.Fprintf(&p.text, format+"\n", args...)
}

func (p *painter) row(name, value string) {
	p.line("  %-12s  %s", name, value)
}

// paint leaves an empty text alone: a sequence around nothing is only noise.
func (p *painter) paint(sgr, s string) string {
	if !p.color || s == "" {
		return s
	}
	return "\x1b[" + sgr + "m" + s + "\x1b[0m"
}
