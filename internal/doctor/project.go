package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// project looks at the files of the Laravel project that have a say in broadcasting.
func (d *doctor) project() {
	if d.o.Config.Project == "" {
		d.skip("project", "this is no Laravel project: go there, or give --project")
		return
	}
	d.ok("project", "it is %s", d.o.Config.Project)
	d.broadcasting()
	d.reverbConfig()
	d.cachedConfig()
	d.channels()
	d.build()
}

var (
	typedName     = regexp.MustCompile(`'default'\s*=>\s*['"](\w+)['"]`)
	defaultName   = regexp.MustCompile(`'default'\s*=>\s*env\(\s*['"](\w+)['"]`)
	connection    = regexp.MustCompile(`['"](reverb|pusher)['"]\s*=>\s*\[`)
	reverbSetting = regexp.MustCompile(`^['"](\w+)['"]\s*=>\s*(.+?),?$`)
	appEntry      = regexp.MustCompile(`['"]app_id['"]\s*=>`)
)

// broadcasting reads config/broadcasting.php: which name chooses the connection, and whether it has one for Reverb.
func (d *doctor) broadcasting() {
	const file = "config/broadcasting.php"
	text, err := d.read(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if major := d.framework().major(); major > 0 && major < 11 {
			d.warn("broadcasting", "php artisan vendor:publish, or copy it from a new project", "there is no %s, which Laravel %d needs", file, major)
			return
		}
		d.ok("broadcasting", "there is no %s: Laravel has its own since version 11", file)
		return
	case err != nil:
		d.skip("broadcasting", "%s: %v", file, err)
		return
	}
	text = uncommented(text)
	chosen := ""
	if m := defaultName.FindStringSubmatch(text); m != nil {
		if chosen = d.env(m[1]); chosen == "" {
			d.problem("broadcasting-default", "set "+m[1]+"=reverb", "%s chooses the connection by %s, which is not set", file, m[1])
		} else {
			d.ok("broadcasting-default", "%s chooses the connection by %s, which is %s", file, m[1], chosen)
		}
	} else if m := typedName.FindStringSubmatch(text); m != nil {
		chosen = m[1]
		d.ok("broadcasting-default", "%s chooses the connection %s, whatever .env says", file, chosen)
	} else {
		d.skip("broadcasting-default", "how %s chooses the connection cannot be seen", file)
	}
	if chosen != "reverb" && chosen != "pusher" {
		return
	}
	for _, m := range connection.FindAllStringSubmatch(text, -1) {
		if m[1] == chosen {
			d.ok("broadcasting", "%s has the connection %s", file, chosen)
			return
		}
	}
	d.problem("broadcasting", "php artisan reverb:install, or copy the connection from the documentation", "%s has no connection %s", file, chosen)
}

// uncommented leaves out comments of whole lines, which is where PHP's configuration has them.
func uncommented(php string) string {
	var lines []string
	for line := range strings.Lines(php) {
		switch t := strings.TrimSpace(line); {
		case strings.HasPrefix(t, "//"), strings.HasPrefix(t, "#"), strings.HasPrefix(t, "*"), strings.HasPrefix(t, "/*"), strings.HasPrefix(t, "|"):
		default:
			lines = append(lines, t)
		}
	}
	return strings.Join(lines, "\n")
}

// taken are the settings of config/reverb.php that Resound takes from .env. A value that was typed into the file does not reach it.
var taken = []string{
	"app_id", "key", "secret", "host", "port", "path", "hostname", "max_request_size", "max_connections", "max_message_size", "ping_interval", "activity_timeout", "accept_client_events_from",
}

// reverbConfig finds what is in config/reverb.php and nowhere else.
func (d *doctor) reverbConfig() {
	const file = "config/reverb.php"
	text, err := d.read(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.ok("reverb-config", "there is no %s", file)
		return
	case err != nil:
		d.skip("reverb-config", "%s: %v", file, err)
		return
	}
	text = uncommented(text)
	if d.o.Config.ConfigFile != "" {
		d.ok("reverb-config", "%s is there; the applications of %s are served, too: compare them yourself", file, d.o.Config.ConfigFile)
		return
	}
	const imported = `take it over: php artisan tinker --execute="echo json_encode(config('reverb'))" | resound apps import --env -o resound.yaml`
	var typed []string
	for line := range strings.Lines(text) {
		m := reverbSetting.FindStringSubmatch(strings.TrimSpace(line))
		switch {
		case m == nil || strings.Contains(m[2], "env("):
		case m[1] == "allowed_origins" && !strings.Contains(strings.ReplaceAll(m[2], `"`, "'"), "['*']"):
			typed = append(typed, m[1])
		case slices.Contains(taken, m[1]) && m[2] != "[":
			typed = append(typed, m[1])
		}
	}
	n := len(appEntry.FindAllString(text, -1))
	if n > 1 {
		d.problem("reverb-config", imported, "%s has %d applications, and Resound reads only that of .env", file, n)
	}
	switch {
	case len(typed) > 0:
		d.warn("reverb-config", imported, "%s has values of its own, which Resound does not read: %s", file, strings.Join(typed, ", "))
	case n <= 1:
		d.ok("reverb-config", "all that Resound takes of %s comes from .env", file)
	}
}

// cachedConfig finds a configuration that was cached before .env was changed.
func (d *doctor) cachedConfig() {
	const file = "bootstrap/cache/config.php"
	cached, err := os.Stat(filepath.Join(d.o.Config.Project, file))
	if errors.Is(err, fs.ErrNotExist) {
		d.ok("config-cache", "the configuration is not cached")
		return
	}
	if err != nil || d.o.Config.EnvFile == "" {
		d.skip("config-cache", "%s cannot be compared with a .env file", file)
		return
	}
	env, err := os.Stat(d.o.Config.EnvFile)
	switch {
	case err != nil:
		d.skip("config-cache", "%v", err)
	case env.ModTime().After(cached.ModTime()):
		d.warn("config-cache", "php artisan config:clear (or config:cache), and restart the queue workers", "%s is older than %s: Laravel does not see what was changed since", file, d.o.Config.EnvFile)
	default:
		d.ok("config-cache", "%s is newer than %s", file, d.o.Config.EnvFile)
	}
}

// channels looks for the callbacks behind private channels.
func (d *doctor) channels() {
	const file = "routes/channels.php"
	switch _, err := d.read(file); {
	case err == nil:
		d.ok("channels", "%s is there, for private and presence channels", file)
	case errors.Is(err, fs.ErrNotExist):
		d.warn("channels", "php artisan install:broadcasting, if you want them", "there is no %s: nobody can join private and presence channels", file)
	default:
		d.skip("channels", "%s: %v", file, err)
	}
}

// The bounds of the search in what Vite has built.
const (
	maxBuilt     = 500
	maxBuiltSize = 16 << 20
)

// build looks for the application's key in the JavaScript that pages load: VITE_* is compiled into it.
func (d *doctor) build() {
	app, project := d.app(), d.o.Config.Project
	if app == nil {
		d.skip("build", "there is no application whose key could be looked for in the page")
		return
	}
	if _, err := os.Stat(filepath.Join(project, "public", "hot")); err == nil {
		d.ok("build", "the page comes from Vite's development server (public/hot)")
		return
	}
	files, _ := filepath.Glob(filepath.Join(project, "public", "build", "assets", "*.js"))
	if len(files) == 0 {
		d.skip("build", "there is no JavaScript in public/build/assets")
		return
	}
	dialled, host := false, d.env("VITE_REVERB_HOST")
	for _, path := range files[:min(len(files), maxBuilt)] {
		info, err := os.Stat(path)
		if err != nil || info.Size() > maxBuiltSize {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		script := string(text)
		dialled = dialled || strings.Contains(script, "wsHost")
		if !strings.Contains(script, app.Key) {
			continue
		}
		if host != "" && !strings.Contains(script, host) {
			d.warn("build", "npm run build", "public/build has the key of application %q, but not the host %s (VITE_REVERB_HOST)", app.ID, host)
			return
		}
		d.ok("build", "public/build has the key of application %q", app.ID)
		return
	}
	if !dialled {
		d.skip("build", "nothing in public/build connects to a WebSocket server, as far as can be seen (%s)", plural(len(files), "file"))
		return
	}
	d.problem("build", "npm run build, with VITE_REVERB_APP_KEY=\"${REVERB_APP_KEY}\" in .env", "%s", fmt.Sprintf("public/build has another key than that of application %q", app.ID))
}
