package config

import (
	"fmt"
	"net"
	"net/netip"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/alecthomas/kong"
)

// credentials makes sure that the application is whole or absent. Names of
// Pusher count when there is none of Reverb's: a project that comes from
// Pusher or soketi runs unchanged.
func (s *sources) credentials(c *Config, ctx *kong.Context) error {
	if c.AppID+c.AppKey+c.AppSecret != "" {
		return s.whole(c, ctx, func(f *kong.Flag) string { return f.Envs[0] })
	}
	if s.yaml != nil && len(s.yaml.apps) > 0 {
		return nil // with applications of one's own, those of a past with Pusher are no part of it
	}
	for _, f := range appFlags(ctx) {
		if raw, from, ok := s.lookup(f.Tag.Get("alt")); ok && word(raw) != "" {
			f.Target.SetString(word(raw))
			s.origin[f.Name] = from
		}
	}
	if c.AppID+c.AppKey+c.AppSecret != "" {
		return s.whole(c, ctx, func(f *kong.Flag) string { return f.Tag.Get("alt") })
	}
	if s.project != "" && !s.lost {
		s.notes = append(s.notes, fmt.Sprintf("the Laravel project %s has no REVERB_APP_ID, REVERB_APP_KEY and REVERB_APP_SECRET: a demo app is served instead", s.project))
	}
	return nil
}

func appFlags(ctx *kong.Context) []*kong.Flag {
	return slices.DeleteFunc(slices.Clone(ctx.Selected().Flags), func(f *kong.Flag) bool { return !f.Tag.Has("alt") })
}

// whole reports what is missing of an application that is there in part.
func (s *sources) whole(c *Config, ctx *kong.Context, name func(*kong.Flag) string) error {
	var there, missing []string
	for _, f := range appFlags(ctx) {
		if f.Target.String() == "" {
			missing = append(missing, name(f))
		} else {
			there = append(there, s.at(f.Name))
		}
	}
	if len(missing) > 0 {
		s.lost = true
		file := "(and no .env file was found)"
		if s.file != nil {
			file = "or in " + s.file.path
		}
		return fmt.Errorf("half an application: found %s, but no %s on the command line, in the environment %s; set all three, or none to get a demo app",
			strings.Join(there, " and "), strings.Join(missing, " and no "), file)
	}
	if err := c.NewApp(c.AppID, c.AppKey, c.AppSecret).Validate(); err != nil {
		return fmt.Errorf("%s (set by %s)", strings.ReplaceAll(err.Error(), "\n", "; "), strings.Join(there, ", "))
	}
	return nil
}

// at names the place of a flag's value in an error.
func (s *sources) at(flag string) string { return s.origin[flag].String() }

// normalise checks what takes more than one text to check and fills in what follows from other settings.
func (s *sources) normalise(c *Config, _ *kong.Context) error {
	for _, v := range []struct {
		flag   string
		value  *string
		normal func(string) (string, error)
	}{{"path", &c.Path, normalPath}, {"host", &c.Host, normalHost}, {"hostname", &c.Hostname, normalHost}} {
		normal, err := v.normal(*v.value)
		if err != nil {
			err = fmt.Errorf("%s: %w", s.at(v.flag), err)
		}
		if err = s.fail(err); err != nil {
			return err
		}
		*v.value = normal
	}
	for _, note := range c.cleanOrigins() {
		s.notes = append(s.notes, s.at("allowed-origins")+": "+note)
	}
	s.noteProxies(c)
	if err := s.fail(s.secure(c)); err != nil {
		return err
	}
	if c.PublicPort == 0 {
		c.PublicPort = c.Port
		if c.Scheme == "https" {
			c.PublicPort = 443
		}
	}
	c.DataDir = s.dataDir(c.DataDir)
	return s.fail(s.admin(c))
}

// admin refuses a port of metrics and profiles that strangers could reach.
func (s *sources) admin(c *Config) error {
	if c.AdminAddress == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(c.AdminAddress)
	if n, failed := strconv.ParseUint(port, 10, 16); err != nil || failed != nil || n != 0 && int(n) == c.Port {
		return fmt.Errorf("%s: %q is not a host and another port than that of the server (%d), as in 127.0.0.1:9600", s.at("admin-address"), c.AdminAddress, c.Port)
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) && c.AdminToken == "" {
		return fmt.Errorf("%s: other machines can reach %s, and profiles show what goes on: set RESOUND_ADMIN_TOKEN, or listen on 127.0.0.1", s.at("admin-address"), c.AdminAddress)
	}
	return nil
}

// dataDir is the data directory that was given, or the default for none.
func (s *sources) dataDir(given string) string {
	switch {
	case given != "":
		return s.abs(given)
	case s.project != "":
		return filepath.Join(s.project, "storage", "resound")
	default:
		return filepath.Join(s.dir, "resound-data")
	}
}

// normalPath returns "" or the path with a slash before and none behind it.
func normalPath(p string) (string, error) {
	for _, c := range []byte(p) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("/-_.~", c) >= 0:
		default:
			return "", fmt.Errorf("%q is not a path of letters, digits and / - _ . ~", p)
		}
	}
	if p = path.Clean("/" + p); p == "/" {
		return "", nil
	}
	return p, nil
}

// normalHost takes a name or an address, the latter with or without brackets.
// Letters beyond ASCII are fine in a name; quotes and '$' would not stand in a .env line.
func normalHost(h string) (string, error) {
	if inner, ok := strings.CutPrefix(h, "["); ok {
		h = strings.TrimSuffix(inner, "]")
	}
	if _, err := netip.ParseAddr(h); err == nil {
		return h, nil
	}
	for _, r := range h {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '.' && r != '-' && r != '_' {
			return "", fmt.Errorf("%q is not a host name or an address (without scheme and port)", h)
		}
	}
	return h, nil
}

// noteClientEvents warns of a word that turns client events off without being a word for it.
func (s *sources) noteClientEvents(flag *kong.Flag, from origin, value string) {
	if flag.Name == "accept-client-events-from" && !slices.Contains([]string{"members", "all", "none", "false"}, value) {
		s.notes = append(s.notes, fmt.Sprintf("%s: %q is none of members, all and none, so client events are off", from, value))
	}
}
