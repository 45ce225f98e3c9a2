package config

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"resound/internal/apps"
)

// application is one that is served, and where it comes from.
type application struct {
	app    *apps.App
	limits map[string]string // text by key
	place  string            // "path:line", or of its credentials "REVERB_APP_ID in path:line"
	set    []string          // keys that its own entry of the config file has
	rules  []historyRule     // its own, or those at the margin
}

// errTold is of an entry that is half an application only because of what could not be read in it.
var errTold = errors.New("config: an error of this entry is told already")

// applications collects those of all places, see Config.Apps.
func (s *sources) applications(c *Config, ctx *kong.Context) error {
	outside, keys := c.AppID != "", newFileKeys(ctx.Selected().Flags)
	if outside {
		a := application{app: c.NewApp(c.AppID, c.AppKey, c.AppSecret), place: s.at("app-id")}
		a.keep(&c.Limits, c, keys)
		c.served = append(c.served, a)
	}
	if s.yaml == nil {
		return nil
	}
	for _, entry := range s.yaml.apps {
		a, err := s.application(c, entry, keys)
		if err == nil && outside && a.app.ID == c.AppID {
			outside, c.served[0] = false, a // once: a second entry with that id is an error
			continue
		}
		if err == nil {
			err = a.collides(c.served)
		}
		if err == nil {
			c.served = append(c.served, a)
			continue
		}
		s.lost = true
		if errors.Is(err, errTold) {
			continue
		}
		if err = s.fail(fmt.Errorf("%s: %w", s.yaml.at(entry.line), err)); err != nil {
			return err
		}
	}
	return nil
}

// application makes one of an entry. A setting that the entry does not have is
// that of the server. What the environment, .env or a flag says of the application with this id wins.
func (s *sources) application(c *Config, entry fileApp, keys fileKeys) (application, error) {
	a, limits := application{place: s.yaml.at(entry.line)}, c.Limits
	id, key, secret := entry.values[idKey].text, entry.values[keyKey].text, entry.values[secretKey].text
	named := c.AppID != "" && id == c.AppID
	if named {
		s.noteOther(entry, keyKey, key != "" && key != c.AppKey, "app-key")
		s.noteOther(entry, secretKey, secret != "" && secret != c.AppSecret, "app-secret")
		key, secret = c.AppKey, c.AppSecret
	}
	for _, name := range slices.Sorted(maps.Keys(entry.values)) {
		f, v := keys.app[name], entry.values[name]
		if f == nil {
			continue // one of the three above
		}
		value := v.or(f.Tag.Get("empty"))
		if value == "" {
			continue
		}
		from := origin{name: name, place: s.yaml.at(v.line), file: true}
		if err := decode(f, value, limits.field(&c.Limits, f)); err != nil {
			return a, fmt.Errorf("%s: %w", from, err)
		}
		a.set = append(a.set, name)
		if o := s.origin[f.Name]; named && o.place != "" && !o.file {
			limits.field(&c.Limits, f).Set(f.Target)
			continue
		}
		s.noteClientEvents(f, from, value)
	}
	if slices.Contains(a.set, "allowed_origins") {
		for _, note := range limits.cleanOrigins() {
			s.notes = append(s.notes, fmt.Sprintf("allowed_origins in %s: %s", s.yaml.at(entry.values["allowed_origins"].line), note))
		}
	}
	if entry.rules != nil {
		limits.rules = entry.rules
	}
	if entry.broken && (id == "" || key == "" || secret == "") {
		return a, errTold
	}
	a.app = limits.app(id, key, secret)
	if err := a.app.Validate(); err != nil {
		return a, fmt.Errorf("%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	a.keep(&limits, c, keys)
	return a, nil
}

// keep remembers the limits as texts.
func (a *application) keep(limits *Limits, c *Config, keys fileKeys) {
	a.rules = limits.rules
	a.limits = make(map[string]string, len(keys.app))
	for key, f := range keys.app {
		a.limits[key] = text(limits.field(&c.Limits, f))
	}
}

// noteOther warns of a credential in the config file that is not the one used.
func (s *sources) noteOther(entry fileApp, key string, other bool, flag string) {
	if other {
		s.notes = append(s.notes, fmt.Sprintf("%s in %s is not used: %s has another", key, s.yaml.at(entry.values[key].line), s.at(flag)))
	}
}

// collides reports an application that cannot be told from this one.
func (a application) collides(served []application) error {
	for _, other := range served {
		switch {
		case other.app.ID == a.app.ID:
			return fmt.Errorf("the application %q is there already (%s)", a.app.ID, other.place)
		case other.app.Key == a.app.Key:
			return fmt.Errorf("the applications %q and %q (%s) have the same key", a.app.ID, other.app.ID, other.place)
		}
	}
	return nil
}

// field returns the field of l that the flag fills in base.
func (l *Limits) field(base *Limits, f *kong.Flag) reflect.Value {
	theirs, ours := reflect.ValueOf(base).Elem(), reflect.ValueOf(l).Elem()
	for i := range theirs.NumField() {
		if theirs.Field(i).Addr().Pointer() == f.Target.Addr().Pointer() {
			return ours.Field(i)
		}
	}
	panic("config: --" + f.Name + " is no limit")
}

// or returns the text, or the other for a value that is null or empty.
func (v fileValue) or(other string) string {
	if v.null {
		return other
	}
	return v.text
}
