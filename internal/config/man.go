package config

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/kong"
)

// roff escapes a text for a line of its own.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}

// ascii names all other letters: troff reads Latin-1.
func ascii(page string) string {
	var b strings.Builder
	for _, r := range page {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\[u%04X]`, r)
		}
	}
	return b.String()
}

// manPage is resound(1). It has no version, so that it changes only when the commands do.
func manPage(app *kong.Application) string {
	var b strings.Builder
	b.WriteString(`.\" Written by resound man.
.TH RESOUND 1 "" "" "Resound"
.SH NAME
resound \- WebSocket server, a drop\-in replacement for Laravel Reverb
.SH SYNOPSIS
.B resound
.I command
.RI [ flags ]
.SH DESCRIPTION
`)
	prose(&b, app.Detail)
	prose(&b, app.Help)
	b.WriteString(".SH COMMANDS\n")
	walk(app.Node, nil, func(n *kong.Node, path []string) {
		if len(path) == 0 || len(n.Children) > 0 {
			return
		}
		command := "resound " + strings.Join(path, " ")
		for _, a := range n.Positional {
			command += " " + a.Summary()
		}
		fmt.Fprintf(&b, ".SS %q\n%s\n", roff(command), roff(n.Help))
		if n.Detail != "" {
			prose(&b, n.Detail)
		}
		for _, f := range ownFlags(n) {
			if f.Group == nil && f.Name != "help" {
				manFlag(&b, f)
			}
		}
	})
	b.WriteString(`.SH SETTINGS
The flags of start, config, check and doctor, each with its name in the \&.env file or in the environment.
Flags come first, then the environment, \&.env, and the config file.
`)
	group := ""
	for _, c := range app.Children {
		if c.Name != "start" {
			continue
		}
		for _, f := range c.Flags {
			if f.Group == nil {
				continue
			}
			if f.Group.Key != group {
				group = f.Group.Key
				fmt.Fprintf(&b, ".SS %q\n", roff(strings.TrimSuffix(f.Group.Title, ":")))
			}
			manFlag(&b, f)
		}
	}
	b.WriteString(`.SH FILES
.TP
.I \&.env
of the Laravel project around the working directory, read as Laravel reads it.
.TP
.I resound.yaml
of the project or of the working directory: several applications, and settings.
.TP
.I storage/resound
of the project, or
.I resound\-data
elsewhere: what the server keeps.
.SH SIGNALS
.TP
.BR SIGTERM ", " SIGINT
Stop: every browser is told 1001 and comes back after a second. It takes 8 seconds at most.
.TP
.B SIGHUP
Read the applications again, without touching the sockets of those that stay.
.SH EXIT STATUS
0 for success. 1 for an error, and for a report of check or doctor with one in it.
`)
	return ascii(b.String())
}

func manFlag(b *strings.Builder, f *kong.Flag) {
	name := `\fB\-\-` + roff(f.Name) + `\fR`
	if f.Short != 0 {
		name = `\fB\-` + string(f.Short) + `\fR, ` + name
	}
	if !f.IsBool() {
		name += `=\fI` + roff(f.PlaceHolder) + `\fR`
	}
	fmt.Fprintf(b, ".TP\n%s\n%s\n", name, roff(f.Help))
	if len(f.Envs) > 0 {
		fmt.Fprintf(b, ".br\n%s\n", roff(strings.Join(f.Envs, ", ")))
	}
}

// prose writes paragraphs; lines that begin with a tab are examples.
func prose(b *strings.Builder, text string) {
	example := false
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		rest, indented := strings.CutPrefix(line, "\t")
		switch {
		case line == "":
			continue
		case indented && !example:
			b.WriteString(".PP\n.nf\n.RS\n")
		case !indented && example:
			b.WriteString(".RE\n.fi\n.PP\n")
		case !indented:
			b.WriteString(".PP\n")
		}
		example = indented
		b.WriteString(roff(rest) + "\n")
	}
	if example {
		b.WriteString(".RE\n.fi\n")
	}
}
