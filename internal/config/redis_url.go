package config

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// redisURL is what a URL says; what it does not say is "".
type redisURL struct {
	host, port, username, password, database string

	tls, socket bool
	left        []string // names of parameters that say nothing here
}

// parseRedisURL reads one as Laravel does. No error of it has a part of the URL but its scheme: any could be the password.
func parseRedisURL(text string) (r redisURL, err error) {
	const example = "such as redis://user:password@host:6379/0"
	scheme, _, ok := strings.Cut(text, "://")
	if !ok {
		return r, errors.New("this is no URL " + example)
	}
	switch strings.ToLower(scheme) {
	case "redis", "tcp":
	case "rediss", "tls":
		r.tls = true
	case "unix":
		r.socket = true
	default:
		return r, fmt.Errorf("the scheme %q is none of redis, rediss, tls, tcp and unix", scheme)
	}
	u, err := url.Parse(text)
	if err != nil || u.Fragment != "" {
		return r, errors.New("this is no URL " + example + "; in a password # is written %23, / is %2F, ? is %3F, @ is %40, % is %25")
	}
	r.username = u.User.Username()
	r.password, _ = u.User.Password()
	if r.socket {
		if r.host = u.Path; u.Host != "" || r.host == "" {
			return r, errors.New("a URL of a socket has its path behind three slashes, such as unix:///run/redis/redis.sock?db=0")
		}
	} else {
		r.host, r.port, r.database = u.Hostname(), u.Port(), strings.Trim(u.Path, "/")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return r, errors.New("what stands behind the ? is not name=value&name=value")
	}
	for name := range query {
		switch value := query.Get(name); name {
		case "db", "database":
			r.database = value
		case "password":
			r.password = value
		case "username":
			r.username = value
		default:
			r.left = append(r.left, name)
		}
	}
	slices.Sort(r.left)
	return r, nil
}

// maskURL keeps what is no secret of a URL: its scheme, its user, its host and its path. What is behind a ? may have anything.
func maskURL(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return Mask(text)
	}
	at := strings.LastIndexByte(rest, '@') // an @ in a password should be written %40, and is not always
	user, rest := rest[:max(at, 0)], rest[at+1:]
	masked := scheme + "://"
	if at >= 0 {
		name, password, ok := strings.Cut(user, ":")
		if masked += name; ok {
			masked += ":" + Mask(password)
		}
		masked += "@"
	}
	host, _, more := strings.Cut(rest, "?")
	if masked += host; more {
		masked += "?********"
	}
	return masked
}

// addresses reads host:port with commas between them. A port that is not there is that of the tag.
type addresses struct{}

func (addresses) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	port := ctx.Value.Tag.Get("port")
	list, err := popList(ctx, func(entry string) (string, error) { return completeAddress(entry, port) })
	if err != nil {
		return err
	}
	var once []string
	for _, address := range list {
		if !slices.Contains(once, address) {
			once = append(once, address)
		}
	}
	target.Set(reflect.ValueOf(once))
	return nil
}

func completeAddress(entry, port string) (string, error) {
	host := entry
	if i := strings.LastIndexByte(entry, ':'); i >= 0 && (strings.Count(entry, ":") == 1 || strings.HasSuffix(entry[:i], "]")) {
		host, port = entry[:i], entry[i+1:]
	}
	address, err := redisAddress(host, port)
	if err != nil {
		return "", fmt.Errorf("%q is not host:port", entry)
	}
	return address, nil
}
