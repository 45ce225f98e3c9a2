package doctor

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"resound/internal/apps"
)

// maxTrips is of how many applications the conversation is tried.
const maxTrips = 10

// server looks at what listens where the settings say, and talks to it.
func (d *doctor) server() {
	if d.o.Config.Port == 0 {
		d.skip("running", "the port is 0: which one a server has, only its own output says")
		return
	}
	d.findServer()
	if !d.running {
		d.skip("round-trip", "whether an event arrives, and which pages may connect: there is no server to ask")
		return
	}
	list := d.o.Config.Apps()
	if len(list) == 0 {
		d.skip("round-trip", "there is no application in the settings whose credentials could be used")
		return
	}
	for _, app := range list[:min(len(list), maxTrips)] {
		d.roundTrips(app)
	}
	if rest := len(list) - maxTrips; rest > 0 {
		d.skip("round-trip", "%s more", plural(rest, "application"))
	}
	d.origin(d.app())
}

// findServer asks who is there.
func (d *doctor) findServer() {
	d.pid = listener(d.o.Root, d.o.Config.Port)
	up, err := d.up()
	switch {
	case unreached(err):
		d.portFree()
		return
	case err != nil:
		d.problem("running", adviceNetwork(cause(err)), "something listens at %s%s, and does not answer: %v", d.local, d.process(), cause(err))
		return
	case up.status != http.StatusOK || !strings.Contains(up.body, `"health"`):
		d.problem("running", "stop it, or choose another REVERB_SERVER_PORT", "something else listens at %s%s: /up answers %v", d.local, d.process(), up)
		return
	}
	d.running = true
	d.ok("running", "a server answers at %s in %v", d.local, round(up.took))
	d.who()
	d.clock("clock", "the server's", up)
}

// up asks the server on this machine how it is, over TLS when it does not speak plain HTTP.
func (d *doctor) up() (*answer, error) {
	up, err := d.local.get(d.ctx, "/up")
	// A server with TLS hangs up on plain HTTP, or says 400.
	if err != nil && !unreached(err) || err == nil && up.status == http.StatusBadRequest {
		if secure := d.overTLS(); secure != nil {
			return secure, nil
		}
	}
	return up, err
}

// unreached reports whether no connection was made at all.
func unreached(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// overTLS asks a port that may speak TLS, and keeps to that when it does; nil when it does not. The
// certificate is for the public name, and is looked at there.
func (d *doctor) overTLS() *answer {
	u := d.local.base
	u.Scheme = "https"
	secure := newEndpoint(u)
	secure.trustAnybody(d.o.Config.PublicHost())
	up, err := secure.get(d.ctx, "/up")
	if err != nil {
		secure.close()
		return nil
	}
	d.local.close()
	d.local = secure
	return up
}

// portFree says whether a server could start.
func (d *doctor) portFree() {
	address := net.JoinHostPort(d.o.Config.Host, d.local.base.Port())
	ln, err := net.Listen("tcp", address)
	switch {
	case err == nil:
		_ = ln.Close()
		d.warn("running", "resound start", "no server runs at %s; the port is free", d.local)
	case errors.Is(err, syscall.EADDRINUSE):
		d.problem("running", "stop it, or choose another REVERB_SERVER_PORT", "port %s is taken%s, but nobody answers at %s", d.local.base.Port(), d.process(), d.local)
	case errors.Is(err, syscall.EACCES):
		d.warn("running", "choose a port from 1024 on, or give the server the capability CAP_NET_BIND_SERVICE", "no server runs at %s, and this user may not listen there", d.local)
	default:
		d.problem("running", "correct REVERB_SERVER_HOST and REVERB_SERVER_PORT", "a server could not listen on %s: %v", address, err)
	}
}

// process names who listens on the port, if that can be seen.
func (d *doctor) process() string {
	if d.pid == 0 {
		return ""
	}
	return " (" + describe(d.o.Root, d.pid) + ")"
}

// who tells Resound from Reverb, whose header it has: only Resound has a script for pages.
func (d *doctor) who() {
	script, err := d.local.get(d.ctx, "/app/replay.js")
	switch {
	case err != nil:
		d.skip("who", "/app/replay.js was not answered: %v", cause(err))
	case script.status == http.StatusOK && strings.Contains(script.header.Get("Content-Type"), "javascript"):
		d.resound = true
		d.ok("who", "it is Resound%s", d.process())
	case isReverb(d.o.Root, d.pid):
		d.warn("who", "stop it, and then its entry in Supervisor or systemd, before Resound starts", "it is Reverb%s, which has to leave the port", d.process())
	default:
		d.warn("who", "stop it before Resound starts", "it is not Resound%s, but Reverb or something like it, which has to leave the port", d.process())
	}
}

// roundTrips publishes to a channel for all and to a private one.
func (d *doctor) roundTrips(app *apps.App) {
	for _, private := range []bool{false, true} {
		name, kind := "round-trip", "a public channel"
		if private {
			name, kind = "round-trip-private", "a private channel"
		}
		t := trip{sockets: d.local, api: d.local, app: app, origin: d.admitted(app), private: private}
		if err := t.run(d.ctx); err != nil {
			d.problem(name, advice(err), "application %q, an event on %s: %v", app.ID, kind, err)
			if b, ok := errors.AsType[broken](err); ok && b.step == connecting {
				d.skip("round-trip-private", "application %q, an event on a private channel: no socket connects", app.ID)
				return
			}
			continue
		}
		d.ok(name, "application %q: an event on %s came back %v after it was published (connecting took %v, subscribing %v)",
			app.ID, kind, round(t.deliver), round(t.connect), round(t.subscribe))
	}
}

// page is the origin that pages of the site have, or "".
func (d *doctor) page() string {
	u, err := url.Parse(d.env("APP_URL"))
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// admitted is an origin that the settings let in: that of the site, if possible.
func (d *doctor) admitted(app *apps.App) string {
	page := d.page()
	if app.OriginAllowed(page) {
		return page
	}
	return "https://" + strings.ReplaceAll(app.AllowedOrigins[0], "*", "page")
}

// origin connects as a page of the site would, and as one from elsewhere.
func (d *doctor) origin(app *apps.App) {
	page, place := d.page(), ""
	if _, place = d.o.Env("APP_URL"); page == "" {
		d.skip("origin", "APP_URL does not say where the pages of the site are")
	} else if s, _, err := d.local.dial(d.ctx, app.Key, page); err != nil {
		d.problem("origin", advice(err), "pages of %s (%s) cannot connect: %v", page, place, cause(err))
	} else {
		s.close()
		d.ok("origin", "pages of %s (%s) may connect", page, place)
	}
	if slices.Contains(app.AllowedOrigins, apps.AnyOrigin) {
		d.ok("origin-other", "pages of every other site may connect, too (allowed origins: *)")
		return
	}
	s, _, err := d.local.dial(d.ctx, app.Key, "https://resound-doctor.invalid")
	switch why, isRefused := errors.AsType[refused](err); {
	case err == nil:
		s.close()
		d.problem("origin-other", "restart it: it has not got the allowed origins of these settings", "a page of another site may connect, although only %s may", strings.Join(app.AllowedOrigins, ", "))
	case isRefused && why.Code == 4009:
		d.ok("origin-other", "a page of another site is refused")
	default:
		d.skip("origin-other", "whether other sites are refused: %v", cause(err))
	}
}

// The clocks may differ by what a Date header leaves out and a little; Resound looks at it from ten minutes on.
const drift = 5 * time.Second

// clock compares this machine's clock with another's.
func (d *doctor) clock(name, whose string, a *answer) {
	if a == nil || !a.dated {
		d.skip(name, "%s clock: no answer with a Date has come", whose)
		return
	}
	off, direction := round(a.clock.Abs()), "ahead"
	if a.clock < 0 {
		direction = "behind"
	}
	const set = "set the clock that is wrong (timedatectl), and let NTP keep it"
	switch {
	case a.clock.Abs() > apps.TimestampSlack:
		d.problem(name, set, "%s clock is %v %s: publishes from here count as expired", whose, off, direction)
	case a.clock.Abs() > drift:
		d.warn(name, set, "%s clock is %v %s", whose, off, direction)
	default:
		d.ok(name, "%s clock is the same as ours, to %v or so", whose, max(a.clock.Abs(), time.Second).Round(time.Second))
	}
}

// round leaves three digits or so.
func round(t time.Duration) time.Duration {
	switch {
	case t > time.Minute:
		return t.Round(time.Second)
	case t > 100*time.Millisecond:
		return t.Round(time.Millisecond)
	default:
		return t.Round(10 * time.Microsecond)
	}
}
