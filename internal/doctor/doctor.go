package doctor

import (
	"context"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"resound/channels/redisbroker"
	"resound/internal/apps"
	"resound/internal/config"
)

// patience is how long one step of a conversation may take.
const patience = 5 * time.Second

// Options is what a Run looks at. Config and Env must be set.
type Options struct {
	Config   *config.Config
	Findings []config.Finding // of `resound check`, which the report repeats

	// Env returns a variable as Laravel's env() does, and the place it stands in, "" for nowhere.
	Env func(name string) (value, place string)

	URL  string        // where browsers reach the server; "" is where the settings say
	Idle time.Duration // how long a silent socket is watched; 0 is not at all

	// Descriptors is how many this process may open at most; 0 is unknown.
	Descriptors uint64

	// Redis looks at the Redis of the settings, where scaling is on; nil where these are not good.
	Redis func(context.Context) (redisbroker.Condition, error)

	// Root is where /etc, /proc and /sys are looked for; "" is /.
	Root string
}

// doctor is one examination.
type doctor struct {
	o       Options
	ctx     context.Context
	report  Report
	group   string
	secrets []string

	local   *endpoint // the server where the settings say
	running bool      // it answers
	resound bool      // and is Resound
	pid     int       // of the server, or 0
}

// Run makes all checks, one after the other, and never fails: what cannot be looked at is
// not checked, and the report says why. It ends early with ctx.
func Run(ctx context.Context, o Options) *Report {
	if o.Root == "" {
		o.Root = "/"
	}
	d := &doctor{o: o, ctx: ctx}
	d.hide()
	d.local = newEndpoint(d.localURL())
	defer func() { d.local.close() }() // it may be another one then
	for _, group := range []struct {
		name  string
		check func(*doctor)
	}{
		{"Settings", (*doctor).settings},
		{"Laravel project", (*doctor).project},
		{"Packages", (*doctor).packages},
		{"Running server", (*doctor).server},
		{"Public address", (*doctor).public},
		{"Other servers", (*doctor).redis},
		{"Machine", (*doctor).machine},
		{"What still starts Reverb", (*doctor).leftovers},
	} {
		d.group = group.name
		if ctx.Err() != nil {
			d.skip("interrupted", "the examination was broken off")
			continue
		}
		group.check(d)
	}
	return &d.report
}

// hide notes what must not be in the report.
func (d *doctor) hide() {
	c := d.o.Config
	secrets := []string{c.Redis().Password, c.Redis().SentinelPassword}
	for _, a := range c.Apps() {
		secrets = append(secrets, a.Secret)
	}
	for _, s := range secrets {
		if len(s) >= wordSize {
			d.secrets = append(d.secrets, s)
		}
	}
}

// The secrets that reverb:install makes have 20 characters. One below wordSize would be found in every
// other word, so that nothing of the report could be read; it is warned of.
const (
	shortSecret = 16
	wordSize    = 4
)

// settings repeats what `resound check` says, and looks at what only takes a look.
func (d *doctor) settings() {
	for _, a := range d.o.Config.Apps() {
		if n := len(a.Secret); n < shortSecret {
			d.warn("secret", "take a longer one, in .env, in the server and in the queue workers", "application %q: the secret has %s, and can be guessed from one signature", a.ID, plural(n, "character"))
		}
	}
	for _, f := range d.o.Findings {
		v := map[config.Level]Verdict{config.OK: OK, config.Warning: Warning, config.Error: Problem}[f.Level]
		d.add(v, "settings", f.Do, "%s", f.Text)
	}
}

// localURL is how the server is reached from this machine.
func (d *doctor) localURL() url.URL {
	c := d.o.Config
	host := c.Host
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	scheme := "http"
	if c.OnlySecure() {
		scheme = "https"
	}
	return url.URL{Scheme: scheme, Host: net.JoinHostPort(host, strconv.Itoa(c.Port)), Path: c.Path}
}

// env is a variable's value alone.
func (d *doctor) env(name string) string {
	value, _ := d.o.Env(name)
	return value
}

// app is the application that the checks use: that of .env, else the first.
func (d *doctor) app() *apps.App {
	if list := d.o.Config.Apps(); len(list) > 0 {
		return list[0]
	}
	return nil
}

// read returns a file of the project.
func (d *doctor) read(name string) (string, error) {
	b, err := os.ReadFile(filepath.Join(d.o.Config.Project, name))
	return string(b), err
}

// system returns a file of the machine, such as "proc/sys/fs/file-max".
func (d *doctor) system(name string) (string, error) {
	b, err := os.ReadFile(filepath.Join(d.o.Root, name))
	return string(b), err
}
