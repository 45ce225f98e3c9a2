package apps

import (
	"net/url"
	"slices"
	"strings"
)

// AnyOrigin in a list of origins admits everybody, also who sends no Origin at all.
const AnyOrigin = "*"

// CleanOrigin returns the host pattern of an entry of allowed_origins. Reverb
// compares the host alone, so an entry with a scheme, a port or a path can never match
// there; here the rest is cut off, and changed says so.
func CleanOrigin(entry string) (pattern string, changed bool) {
	pattern = strings.TrimSpace(entry)
	if _, rest, ok := strings.Cut(pattern, "://"); ok {
		pattern = rest
	}
	pattern, _, _ = strings.Cut(pattern, "/")
	if i := strings.LastIndexByte(pattern, ':'); i >= 0 && !strings.HasSuffix(pattern, "]") {
		pattern = pattern[:i]
	}
	pattern = strings.Trim(pattern, "[]") // around an IPv6 address
	return pattern, pattern != entry
}

// OriginAllowed reports whether a page of that origin may connect. origin is the Origin header, or
// "" without one, which only a list with "*" admits. As in Reverb, the host alone is compared.
func (a *App) OriginAllowed(origin string) bool {
	if slices.Contains(a.AllowedOrigins, AnyOrigin) {
		return true
	}
	host := ""
	if u, err := url.Parse(origin); err == nil {
		host = u.Hostname()
	}
	for _, pattern := range a.AllowedOrigins {
		if host != "" && matches(pattern, host) {
			return true
		}
	}
	return false
}

// matches reports whether '*' in pattern can stand for some text so that the two are the same.
func matches(pattern, s string) bool {
	head, rest, ok := strings.Cut(pattern, "*")
	if !ok {
		return pattern == s
	}
	s, ok = strings.CutPrefix(s, head)
	if !ok {
		return false
	}
	for {
		part, more, again := strings.Cut(rest, "*")
		if !again {
			return strings.HasSuffix(s, rest)
		}
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s, rest = s[i+len(part):], more
	}
}
