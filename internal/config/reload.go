package config

import (
	"errors"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"resound/internal/apps"
)

// Watcher keeps the applications as the config file and the .env file have
// them. It never changes a Config: each reading makes another.
type Watcher struct {
	onChange func([]*apps.App)
	onFiles  func(*TLS) // nil for nobody
	log      *slog.Logger
	started  *Config // what the server runs with

	mu      sync.Mutex  // held while files are read and onChange runs
	current *Config     // the last that was good
	seen    fingerprint // of the files at the last reading, good or not
}

// NewWatcher returns a watcher that has read nothing yet. onChange gets the
// whole new list whenever it is another; it is never empty, and valid as
// Config.Apps is. An application that is as it was is the same *apps.App.
// onChange runs on the goroutine of Run or of Reload, one call at a time.
func (c *Config) NewWatcher(onChange func([]*apps.App), log *slog.Logger) *Watcher {
	return &Watcher{onChange: onChange, log: log, started: c, current: c, seen: c.sums}
}

// OnCertificates makes the watcher say at each reading which certificates are to be served. It is called before Run, and f runs
// where onChange does.
func (w *Watcher) OnCertificates(f func(*TLS)) { w.onFiles = f }

// Reload reads all files again, as a SIGHUP asks for, and logs what became of
// it. On an error, which is logged too, everything stays as it was. Any goroutine may call it.
func (w *Watcher) Reload() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = w.fingerprint()
	return w.reload(true)
}

// reload reads all files again. With asked it says so when nothing has changed.
func (w *Watcher) reload(asked bool) error {
	next, err := w.current.reread()
	if err != nil {
		w.log.Error("the configuration could not be reloaded, everything stays as it was", "error", err)
		return err
	}
	list, changed := w.compare(next)
	w.current = next
	if w.onFiles != nil && w.started.Secure() && next.Secure() {
		w.onFiles(&next.TLS)
	}
	switch {
	case changed:
		w.onChange(list)
		w.log.Info("the configuration was reloaded", "applications", len(list))
	case asked:
		w.log.Info("the configuration was read again, no application has changed", "applications", len(list))
	}
	return nil
}

// reread parses as c was parsed, with the files as they are now. What a server
// cannot do while it runs is an error.
func (c *Config) reread() (*Config, error) {
	inv, err := c.again()
	if err != nil {
		return nil, err
	}
	next := inv.Config
	switch {
	// An editor may move a file away for a moment, and a deployment forget it.
	case c.ConfigFile != "" && next.ConfigFile == "":
		return nil, errors.New(c.ConfigFile + " is gone; restart the server to do without it")
	case c.EnvFile != "" && next.EnvFile == "":
		return nil, errors.New(c.EnvFile + " is gone; restart the server to do without it")
	case len(c.served) > 0 && len(next.served) == 0:
		return nil, errors.New("no application is left; restart the server to get a demo application")
	}
	return next, nil
}

// compare logs what differs between the current configuration and the next,
// and returns the applications of the latter.
func (w *Watcher) compare(next *Config) (list []*apps.App, changed bool) {
	old := make(map[string]application)
	for _, a := range w.current.served {
		old[a.app.ID] = a
	}
	for i, a := range next.served {
		was, ok := old[a.app.ID]
		delete(old, a.app.ID)
		switch diff := was.differs(a); {
		case !ok:
			w.log.Info("application added", "id", a.app.ID, "from", a.place)
			changed = true
		case len(diff) > 0:
			w.log.Info("application changed", "id", a.app.ID, "settings", strings.Join(diff, ", "))
			changed = true
		default:
			next.served[i].app = was.app
		}
	}
	for _, a := range w.current.served {
		if _, gone := old[a.app.ID]; gone {
			w.log.Info("application removed", "id", a.app.ID)
			changed = true
		}
	}
	w.restarts(next)
	for _, warning := range next.Warnings {
		if !slices.Contains(w.current.Warnings, warning) {
			w.log.Warn(warning)
		}
	}
	return next.Apps(), changed
}

// differs returns the keys of what is not the same, without values: one may be a secret.
func (a application) differs(b application) []string {
	if a.app == nil || reflect.DeepEqual(a.app, b.app) {
		return nil
	}
	var keys []string
	if a.app.Key != b.app.Key {
		keys = append(keys, keyKey)
	}
	if a.app.Secret != b.app.Secret {
		keys = append(keys, secretKey)
	}
	for _, key := range slices.Sorted(maps.Keys(b.limits)) {
		if a.limits[key] != b.limits[key] {
			keys = append(keys, key)
		}
	}
	if !sameRules(a.rules, b.rules) {
		keys = append(keys, historyKey)
	}
	return keys
}

// restarts logs the settings of the server that are not what it runs with.
func (w *Watcher) restarts(next *Config) {
	setting := func(c *Config, name string) Setting {
		return c.Settings[slices.IndexFunc(c.Settings, func(s Setting) bool { return s.Name == name })]
	}
	for _, s := range next.Settings {
		if perApplication(s.group) || s.group == "app" || s.Name == "config" || s.Name == "env-file" {
			continue
		}
		if s.group == "cluster" && s.Name != "scaling" && !w.started.Scaling {
			continue // the rest of Laravel's
		}
		if (s.Name == "tls-cert" || s.Name == "tls-key") && w.started.Secure() && next.Secure() {
			continue // live
		}
		if running := setting(w.started, s.Name); s.Value != running.Value && s.Value != setting(w.current, s.Name).Value {
			w.log.Warn("this setting needs a restart", "setting", s.Name, "running", running.shown(false), "set", s.shown(false), "from", s.Source)
		}
	}
}
