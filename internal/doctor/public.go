package doctor

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"resound/internal/apps"
)

// publicURL is where browsers find the server, and whether somebody said so.
func (d *doctor) publicURL() (u url.URL, chosen bool, err error) {
	c := d.o.Config
	if d.o.URL == "" {
		u = url.URL{Scheme: c.Scheme, Host: net.JoinHostPort(c.PublicHost(), strconv.Itoa(c.PublicPort)), Path: c.Path}
		return u, c.Hostname != "", nil
	}
	given, err := url.Parse(d.o.URL)
	if err != nil {
		return u, true, err
	}
	switch given.Scheme {
	case "ws", "wss":
		given.Scheme = strings.Replace(given.Scheme, "ws", "http", 1)
	case "http", "https":
	default:
		return u, true, errors.New("it does not begin with https:// or http://")
	}
	if given.Hostname() == "" {
		return u, true, errors.New("it has no host")
	}
	return url.URL{Scheme: given.Scheme, Host: given.Host, Path: strings.TrimRight(given.Path, "/")}, true, nil
}

// public goes the way of a browser, and of Laravel.
func (d *doctor) public() {
	u, chosen, err := d.publicURL()
	switch {
	case err != nil:
		d.problem("public-url", "write it as https://ws.example.com", "--url=%s cannot be used: %v", d.o.URL, err)
	case !chosen:
		d.skip("public-url", "REVERB_HOST is not set: give the address that browsers use with --url")
	case d.app() == nil:
		d.skip("public-url", "%s: there is no application in the settings whose credentials could be used", u.String())
	case d.o.Config.Port == 0 && d.o.URL == "":
		d.skip("public-url", "the port is 0: give the address that browsers use with --url")
	default:
		d.published(&u)
		if !d.running && d.itself(&u) {
			d.skip("public-upgrade", "whether sockets and events come through: %s is the server itself, which does not run", u.String())
			return
		}
		d.through(&u)
	}
}

// itself reports whether the address is the server's own, with nothing between.
func (d *doctor) itself(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return port(u) == strconv.Itoa(d.o.Config.Port) && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

// port is the one of the address, also where it is left out.
func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	default:
		return "80"
	}
}

// published compares the address with what pages and Laravel are told. The page's own
// names count for it; without them it has those of the server.
func (d *doctor) published(u *url.URL) {
	if d.o.URL == "" {
		d.ok("public-url", "browsers are sent to %s (REVERB_HOST, REVERB_PORT, REVERB_SCHEME)", u)
	} else {
		wrong := false
		for _, v := range [][2]string{{"HOST", u.Hostname()}, {"PORT", port(u)}, {"SCHEME", u.Scheme}} {
			value, place := d.o.Env("VITE_REVERB_" + v[0])
			if value == "" {
				value, place = d.o.Env("REVERB_" + v[0])
			}
			if value != "" && value != v[1] {
				wrong = true
				d.problem("public-url", "set it to "+v[1]+", and build the page again (npm run build)", "%s is %q, so pages do not connect to %s", place, value, u)
			}
		}
		if !wrong {
			d.ok("public-url", "pages are sent to %s, as far as .env says", u)
		}
	}
	if page := d.page(); strings.HasPrefix(page, "https:") && u.Scheme == "http" {
		d.problem("public-scheme", "put TLS in front (deploy/nginx.conf) and set REVERB_SCHEME=https and REVERB_PORT=443", "the pages are on %s, and browsers forbid them ws://", page)
	}
}

// through connects and publishes behind the public address.
func (d *doctor) through(u *url.URL) {
	e := newEndpoint(*u)
	defer e.close()
	app := d.app()
	t := trip{sockets: e, api: e, app: app, origin: d.admitted(app)}
	err := t.run(d.ctx)
	d.upgraded(&t, err)
	if b, ok := errors.AsType[broken](err); ok && b.step == connecting {
		d.skip("public-round-trip", "whether events come through, how large ones, and whether silent sockets stay: no socket connects")
		d.clock("public-clock", "the public address's", t.upgrade)
		return
	}
	d.crossed(&t, err)
	d.clock("public-clock", "the public address's", firstOf(t.publish, t.upgrade))
	d.requestSize(e, app)
	d.idle(e, app)
}

// firstOf prefers the answer of the API: it is whole, and of the same machine.
func firstOf(a, b *answer) *answer {
	if a != nil && a.dated {
		return a
	}
	return b
}

// upgraded says what became of the handshake.
func (d *doctor) upgraded(t *trip, err error) {
	if b, ok := errors.AsType[broken](err); ok && b.step == connecting {
		if t.upgrade != nil && t.upgrade.status == http.StatusSwitchingProtocols && errors.Is(err, errSilent) {
			d.problem("public-upgrade", "turn off buffering in what is between (proxy_buffering off)", "%s takes the upgrade, but what the server says first is held back", t.sockets)
			return
		}
		d.problem("public-upgrade", advice(err), "%s: %v", t.sockets, b.err)
		return
	}
	h := t.upgrade.header
	var between []string
	for _, name := range []string{"Server", "Via", "X-Cache"} {
		if v := h.Get(name); v != "" {
			between = append(between, name+": "+brief(v))
		}
	}
	if h.Get("Cf-Ray") != "" {
		between = append(between, "Cloudflare, which closes a socket after 100 s of silence")
	}
	text := "nothing between can be seen"
	if len(between) > 0 {
		text = "between is " + strings.Join(between, ", ")
	}
	d.ok("public-upgrade", "%s takes the upgrade in %v (Upgrade: %s, Connection: %s); %s", t.sockets, round(t.connect), brief(h.Get("Upgrade")), brief(h.Get("Connection")), text)
	if h.Get("Sec-Websocket-Extensions") != "" {
		d.warn("public-extensions", "let the proxy pass Sec-WebSocket-* on as they are", "an extension that was not asked for was agreed to: %s", brief(h.Get("Sec-Websocket-Extensions")))
	}
}

// crossed says what became of the event.
func (d *doctor) crossed(t *trip, err error) {
	if err == nil {
		d.ok("public-round-trip", "an event that was published through %s came back %v later", t.api, round(t.deliver))
		return
	}
	d.problem("public-round-trip", advice(err), "an event through %s: %v", t.api, err)
	if b, ok := errors.AsType[broken](err); !ok || b.step != publishing || !d.running {
		return
	}
	// Laravel may publish by another way: is it the sockets' way, too, that is blocked?
	other := trip{sockets: t.sockets, api: d.local, app: t.app, origin: t.origin}
	if err := other.run(d.ctx); err != nil {
		d.problem("public-delivery", "is it this server that the proxy passes on to?", "an event that was published at %s does not come out of %s: %v", d.local, t.sockets, err)
		return
	}
	d.ok("public-delivery", "an event that was published at %s came out of %s %v later", d.local, t.sockets, round(other.deliver))
}

// mostSent is how large a request may be that is only to see whether it comes through.
const mostSent = 8 << 20

// requestSize sends as much as the server would take. It is not signed, so that all it can come to is a refusal.
func (d *doctor) requestSize(e *endpoint, app *apps.App) {
	const raise = "raise client_max_body_size of nginx, or what your proxy calls it"
	size := d.o.Config.MaxRequestSize
	if size > mostSent {
		d.skip("public-request-size", "max_request_size is %d bytes, which is too much for a trial: compare client_max_body_size of the proxy yourself", size)
		return
	}
	a, err := e.do(d.ctx, http.MethodPost, "/apps/"+app.ID+"/events", nil, []byte(strings.Repeat(" ", size)))
	switch {
	case err != nil:
		d.warn("public-request-size", raise, "a request of %d bytes (max_request_size) is broken off: %v", size, cause(err))
	case a.status == http.StatusRequestEntityTooLarge && !d.resound && strings.HasPrefix(a.body, "Payload too large"):
		d.skip("public-request-size", "Reverb takes less than %d bytes, and answers for itself: look again when Resound runs", size)
	case a.status == http.StatusRequestEntityTooLarge:
		d.warn("public-request-size", raise+", or lower REVERB_MAX_REQUEST_SIZE", "a request of %d bytes (max_request_size) is refused on the way: %v", size, a)
	case a.status == http.StatusUnauthorized:
		d.ok("public-request-size", "a request of %d bytes (max_request_size) comes through", size)
	default:
		d.skip("public-request-size", "a request of %d bytes came to %v", size, a)
	}
}

// idle keeps a socket silent for a while.
func (d *doctor) idle(e *endpoint, app *apps.App) {
	if d.o.Idle == 0 {
		d.skip("public-idle", "whether a silent socket stays open: --idle=%d waits for it", int((app.ActivityTimeout + 5*time.Second).Seconds()))
		return
	}
	s, _, err := e.dial(d.ctx, app.Key, d.admitted(app))
	if err != nil {
		d.problem("public-idle", advice(err), "a second socket through %s: %v", e, cause(err))
		return
	}
	defer s.close()
	begun := time.Now()
	_, err = s.next(d.ctx, d.o.Idle)
	lasted := time.Since(begun).Round(time.Second)
	switch {
	case errors.Is(err, errSilent), err == nil:
		d.ok("public-idle", "a silent socket was still open after %v", lasted)
	case errors.Is(err, context.Canceled):
		d.skip("public-idle", "it was broken off after %v", lasted)
	default:
		// A page pings when nothing has come for so long.
		do := "raise the proxy's timeout (proxy_read_timeout 120s, timeout tunnel 120s)"
		if lasted > app.ActivityTimeout {
			do += "; pages ping every " + app.ActivityTimeout.String() + ", which may be enough"
		}
		d.warn("public-idle", do, "a silent socket was closed after %v: %v", lasted, err)
	}
}
