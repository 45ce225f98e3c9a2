package config

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
)

// files says what was read.
func (i *inspection) files() {
	switch {
	case i.file != nil:
		i.ok("the .env file %s was read", i.file.path)
	case i.c.Project != "":
		i.add(Warning, "copy .env.example and fill it in", "the Laravel project %s has no .env file that can be used", i.c.Project)
	default:
		i.ok("there is no .env file: the working directory is not in a Laravel project")
	}
	if i.yaml == nil {
		return
	}
	i.ok("the config file %s was read", i.yaml.path)
	// It holds secrets, and other than .env it is no file that Laravel's web server has to read.
	if info, err := os.Stat(i.yaml.path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o004 != 0 {
		i.add(Warning, "chmod 640 it", "every user of this machine may read %s and the secrets in it", i.yaml.path)
	}
}

// get returns what Laravel's env() would, "" for null, and the place for a text.
func (i *inspection) get(name string) (string, origin) {
	raw, from, _ := i.lookup(name)
	return word(raw), from
}

// public looks at the address that browsers and Laravel are given.
func (i *inspection) public() {
	c, before := i.c, len(i.list)
	const proxy = "nothing here speaks TLS, so a proxy has to: listen there with nginx, Caddy or the like and pass on to port %d"
	address := c.Scheme + "://" + net.JoinHostPort(c.PublicHost(), strconv.Itoa(c.PublicPort))
	switch {
	case c.Scheme == "https" && c.PublicPort == c.SecurePort():
		i.ok("browsers are sent to %s", address)
	case c.Scheme == "http" && c.OnlySecure() && c.PublicPort == c.Port:
		i.add(Error, "set REVERB_SCHEME=https", "browsers are sent to %s, but port %d speaks TLS alone", address, c.Port)
	case c.Scheme == "https" && c.PublicPort == c.Port:
		i.add(Error, fmt.Sprintf("set REVERB_SCHEME=http, or REVERB_PORT to the port of a proxy that takes TLS off, usually 443, and REVERB_SERVER_PORT=%d", c.Port),
			"browsers are sent to %s, but port %d of this server is without TLS", address, c.Port)
	case c.Scheme == "https" && c.PublicPort == 80, c.Scheme == "http" && c.PublicPort == 443:
		i.add(Warning, "check REVERB_SCHEME and REVERB_PORT", "browsers are sent to %s, which is the port of the other scheme", address)
	case c.Scheme == "https":
		i.ok("browsers are sent to %s; "+proxy, address, c.Port)
	case c.PublicPort != c.Port:
		i.add(Warning, fmt.Sprintf("set both to one number, or have a proxy on port %d that passes on to %d", c.PublicPort, c.Port),
			"browsers are sent to port %d (REVERB_PORT), but the server listens on %d (REVERB_SERVER_PORT)", c.PublicPort, c.Port)
	}
	if addr, err := netip.ParseAddr(c.Hostname); err == nil && addr.IsUnspecified() {
		i.add(Error, "set REVERB_HOST to the name that browsers know, and REVERB_SERVER_HOST to what to listen on", "%s: browsers cannot reach %s", i.at("hostname"), c.Hostname)
	} else if env, _ := i.get("APP_ENV"); env == "production" && local(c.PublicHost()) {
		i.add(Warning, "set REVERB_HOST to the name that browsers know", "APP_ENV is production, but browsers are sent to %s", c.PublicHost())
	}
	if len(i.list) == before {
		i.ok("browsers are sent to %s", address)
	}
}

func local(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// broadcasting looks at where Laravel publishes. Its own defaults, in
// config/broadcasting.php, are not ours: https on 443, and Pusher's servers without a host.
func (i *inspection) broadcasting() {
	name := "BROADCAST_CONNECTION"
	value, from := i.get(name)
	if from.place == "" {
		if value, from = i.get("BROADCAST_DRIVER"); from.place != "" {
			name = "BROADCAST_DRIVER" // before Laravel 11
		}
	}
	prefix := "REVERB_"
	switch value {
	case "reverb":
		i.ok("Laravel broadcasts with reverb (%s)", from)
	case "pusher":
		prefix = "PUSHER_"
		i.ok("Laravel broadcasts with pusher (%s)", from)
	case "":
		i.add(Warning, "set it to reverb", "%s is not set, so Laravel broadcasts nothing", name)
		return
	default:
		i.add(Warning, "set it to reverb", "%s: Laravel broadcasts with %q, not to this server", from, value)
		return
	}
	if host, _ := i.get(prefix + "HOST"); host == "" {
		i.add(Warning, fmt.Sprintf("set it to the host where Laravel reaches this server, such as %sHOST=localhost", prefix),
			"%sHOST is not set, so Laravel publishes to the servers of Pusher", prefix)
	}
	for _, v := range [][3]string{{"PORT", "443", strconv.Itoa(i.c.PublicPort)}, {"SCHEME", "https", i.c.Scheme}} {
		name, fallback, own := prefix+v[0], v[1], v[2]
		if value, _ := i.get(name); value == "" && own != fallback {
			i.add(Warning, "set "+name+"="+own, "%s is not set, and Laravel takes %s for it, not %s", name, fallback, own)
		}
	}
}

// vite compares what is built into the page with what the server has.
func (i *inspection) vite() {
	same := 0
	for _, v := range []struct {
		name, want string
		level      Level
	}{
		{"APP_KEY", "", Error}, {"HOST", i.c.Hostname, Warning}, {"PORT", strconv.Itoa(i.c.PublicPort), Warning}, {"SCHEME", i.c.Scheme, Warning},
	} {
		value, from := i.get("VITE_REVERB_" + v.name)
		if from.place == "" || value == "" {
			continue
		}
		known := value == v.want
		if v.name == "APP_KEY" {
			for _, a := range i.c.Apps() {
				known = known || a.Key == value
			}
		}
		if known || v.name != "APP_KEY" && v.want == "" {
			same++
			continue
		}
		if v.name == "APP_KEY" && i.lost {
			continue // it may be the key of the application that an error is about
		}
		text := fmt.Sprintf("%s is %q, but the server has %q", from, value, v.want)
		if v.name == "APP_KEY" {
			text = fmt.Sprintf("%s is %q, which is the key of no application", from, value)
		}
		i.add(v.level, fmt.Sprintf(`set it to "${REVERB_%s}" and build the page again (npm run build)`, v.name), "%s", text)
	}
	switch {
	case same == 1:
		i.ok("1 name of VITE_REVERB_* agrees with the server")
	case same > 1:
		i.ok("%d names of VITE_REVERB_* agree with the server", same)
	}
}
