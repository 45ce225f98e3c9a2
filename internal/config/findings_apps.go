package config

import (
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"resound/internal/apps"
)

const (
	// proxyPatience is after how much silence nginx and most load balancers close a connection.
	proxyPatience = 60 * time.Second

	// hurried is a ping interval that is traffic rather than a sign of life.
	hurried = 5 * time.Second

	// reserved is about how many descriptors are not for sockets of browsers.
	reserved = 64
)

// served looks at the applications.
func (i *inspection) served(descriptors uint64) {
	list := i.c.Apps()
	switch {
	case len(list) == 0 && i.lost:
		return // an error says why, and with it nothing is served
	case len(list) == 0:
		i.add(Warning, "set REVERB_APP_ID, REVERB_APP_KEY and REVERB_APP_SECRET, or list applications in resound.yaml", "there is no application: a demo application would be served")
		return
	}
	var ids []string
	total, unlimited := uint64(0), false
	for _, a := range list {
		ids = append(ids, a.ID)
		total += uint64(a.MaxConnections)
		unlimited = unlimited || a.MaxConnections == 0
		i.origins(a)
		i.limits(a)
	}
	if len(ids) > 10 {
		ids = append(ids[:10:10], "...")
	}
	i.ok("%s: %s", plural(len(list), "application"), strings.Join(ids, ", "))
	switch {
	case descriptors == 0:
	case total+reserved > descriptors:
		i.add(Warning, "raise the hard limit (LimitNOFILE= of systemd, ulimit -Hn) or lower max_connections",
			"the applications may have %d sockets, but this process may open %d descriptors at most", total, descriptors)
	case unlimited:
		i.ok("the number of sockets is limited by the %d descriptors of this process only", descriptors)
	default:
		i.ok("%d sockets at most fit into the %d descriptors of this process", total, descriptors)
	}
}

// origins finds entries that no browser can ever match.
func (i *inspection) origins(a *apps.App) {
	for _, entry := range a.AllowedOrigins {
		switch {
		case strings.ContainsFunc(entry, unicode.IsUpper):
			i.add(Warning, "write it in small letters", "application %q: the origin %q can never match, since browsers send small letters", a.ID, entry)
		case strings.ContainsFunc(entry, func(r rune) bool { return r > unicode.MaxASCII }):
			i.add(Warning, "write it as the xn-- name that browsers send", "application %q: the origin %q can never match, since hosts are ASCII", a.ID, entry)
		case strings.ContainsAny(entry, " \t?#@\\\"'<>"):
			i.add(Warning, "name hosts only, such as shop.example.com", "application %q: the origin %q can never match, since it is no host", a.ID, entry)
		}
	}
	if any := slices.Contains(a.AllowedOrigins, apps.AnyOrigin); any && len(a.AllowedOrigins) > 1 {
		i.add(Warning, "remove it to admit the others only", "application %q: the origin * admits everybody, whatever else is listed", a.ID)
	}
	page, from := i.get("APP_URL")
	if u, err := url.Parse(page); err == nil && u.Hostname() != "" && a.ID == i.c.AppID && !a.OriginAllowed(page) {
		i.add(Warning, "add "+u.Hostname()+" to the allowed origins", "application %q: pages of %s (%s) may not connect", a.ID, page, from)
	}
}

// limits finds settings that do not go together.
func (i *inspection) limits(a *apps.App) {
	if a.Secret == a.Key {
		i.add(Error, "give it a secret of its own", "application %q: the secret is the key, which every browser knows", a.ID)
	}
	if a.MaxMessageSize > i.c.MaxRequestSize {
		i.add(Warning, "raise max_request_size", "application %q: a message of a socket may have %d bytes, but a request of a publisher only %d", a.ID, a.MaxMessageSize, i.c.MaxRequestSize)
	}
	switch quiet := min(a.PingInterval, a.ActivityTimeout); {
	case quiet >= proxyPatience:
		i.add(Warning, "set ping_interval or activity_timeout to 30 s or so", "application %q: an idle socket is silent for %v, after which nginx and many load balancers close it", a.ID, quiet)
	case quiet < hurried:
		i.add(Warning, "raise ping_interval and activity_timeout", "application %q: every idle socket is pinged every %v", a.ID, quiet)
	}
}
