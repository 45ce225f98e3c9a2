package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
)

// ErrHandled says that the arguments asked for help or for the version, which
// is printed already: the program has nothing left to do and ends with 0.
var ErrHandled = errors.New("config: nothing left to do")

// Options is the process around Parse. All fields but Descriptors must be set.
type Options struct {
	Stdout  io.Writer // help and version go here
	Stderr  io.Writer // kong wants one; errors are returned, never written there
	Environ []string  // as os.Environ
	Dir     string    // working directory, absolute

	// Descriptors is how many files and sockets the process may open, for check; 0 is unknown.
	Descriptors uint64

	pipes map[string][]byte // what came out of files that can be read only once, for the next Parse
}

// Invocation is what the command line asks for.
type Invocation struct {
	Command     string    // "start", "config", "check", "doctor", "health", "apps import", "log", "restart", "top", "completion", "man" or "version"
	Config      *Config   // nil for those after "health" in that list; after check and doctor what could be read
	JSON        bool      // --json
	ShowSecrets bool      // config --show-secrets
	Findings    []Finding // of check and doctor
	Doctor      *Doctor   // of doctor
	Text        string    // of completion and man, to be printed
	Import      *Import   // of apps import
	Log         *Log      // of log
	Top         *Top      // of top
	DataDir     string    // of restart: absolute
}

// Parse reads args (without the program's name), the environment and the .env
// file into an Invocation. Its errors are meant for the person who typed: one
// line, with the file, line or name that is at fault, and never a secret.
// It returns ErrHandled after it has printed help or the version.
func Parse(args []string, o Options) (*Invocation, error) {
	if len(args) == 0 {
		args = []string{"--help"}
	}
	g, src, handled := new(grammar), newSources(o), false
	k, err := kong.New(g, append(kongOptions(o, src), kong.Exit(func(int) { handled = true }))...)
	if err != nil {
		return nil, fmt.Errorf("config: the settings struct is wrong: %w", err)
	}
	dropEnvs(k.Model.Node)
	ctx, err := k.Parse(args)
	switch {
	case handled:
		return nil, ErrHandled
	case err != nil:
		return nil, plain(err)
	}
	inv := &Invocation{Command: ctx.Command(), JSON: g.Config.JSON || g.Check.JSON || g.Doctor.JSON, ShowSecrets: g.Config.ShowSecrets}
	switch inv.Command {
	case "start":
		inv.Config = &g.Start.Config
	case "config":
		inv.Config = &g.Config.Config
	case "check":
		inv.Config = &g.Check.Config
	case "doctor":
		inv.Config, inv.Doctor = &g.Doctor.Config, &Doctor{URL: g.Doctor.URL, Idle: g.Doctor.Idle, Strict: g.Doctor.Strict, sources: src}
	case "apps import", "apps import <file>":
		inv.Command, inv.Import = "apps import", newImport(g.Apps.Import, src)
		return inv, nil
	case "health":
		inv.Config = &g.Health.Config
	case "completion <shell>":
		inv.Command, inv.Text = "completion", shells[g.Completion.Shell](k.Model)
		return inv, nil
	case "man":
		inv.Text = manPage(k.Model)
		return inv, nil
	case "version":
		return inv, nil
	case "restart":
		inv.DataDir = src.dataDir(g.Restart.DataDir)
		return inv, nil
	case "top":
		inv.Top, err = newTop(g.Top, src)
		return inv, err
	default:
		if inv.Log, err = newLog(g.Log, inv.Command, src); err != nil {
			return nil, err
		}
		inv.Command, inv.JSON = "log", inv.Log.JSON
		return inv, nil
	}
	o.pipes = src.pipes
	inv.Config.again = func() (*Invocation, error) { return Parse(args, o) }
	if err := finish(inv.Config, src, ctx); err != nil {
		return nil, err
	}
	if inv.Command == "check" || inv.Command == "doctor" {
		inv.Findings = src.findings(inv.Config, o.Descriptors)
	}
	return inv, nil
}

// finish turns what kong filled in into a checked Config.
func finish(c *Config, src *sources, ctx *kong.Context) error {
	src.flags(ctx)
	c.Project = src.project
	if src.file != nil {
		c.EnvFile = src.file.path
	}
	if src.yaml != nil {
		c.ConfigFile, c.rules = src.yaml.path, src.yaml.rules
	}
	for _, step := range []func(*Config, *kong.Context) error{src.credentials, src.normalise, src.applications, src.cluster} {
		if err := src.fail(step(c, ctx)); err != nil {
			return err
		}
	}
	c.Settings = src.settings(ctx)
	c.places, c.sums = src.places, src.sums
	c.Warnings = src.warnings()
	return nil
}

// plain takes kong's wrapping off an error and adds where to read on, if the
// fault is in what was typed.
func plain(err error) error {
	var parse *kong.ParseError
	if !errors.As(err, &parse) {
		return err
	}
	err = parse.Unwrap()
	if parse.ExitCode() != exitUsage {
		return err
	}
	command := ""
	if parse.Context != nil && parse.Context.Selected() != nil {
		command = " " + parse.Context.Selected().Path()
	}
	return fmt.Errorf("%w (resound%s --help says more)", err, command)
}

// exitUsage is what kong gives errors of the command line and no others.
const exitUsage = 80

// dropEnvs hides the environment names from kong, which would read them from
// the process: our own order puts the .env file in between, and a test needs
// an environment of its own. Flag.Envs keeps them for the help and for us.
func dropEnvs(n *kong.Node) {
	for _, f := range n.Flags {
		f.Tag.Envs = nil
	}
	for _, c := range n.Children {
		dropEnvs(c)
	}
}

// read reads the whole file, with an error a person can use. What comes out
// of a pipe, as of --env-file <(sops -d prod.env), is there only once and so is kept.
func (s *sources) read(path string) ([]byte, error) {
	if b, ok := s.pipes[path]; ok {
		return b, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, readError(path, err)
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		s.pipes[path] = b
		return b, nil
	}
	s.places = append(s.places, path)
	s.sums[path] = sha256.Sum256(b)
	return b, nil
}
