package doctor

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"github.com/goccy/go-json"
)

// release is a version as far as it counts here: major, minor, patch.
type release [3]int

// parseRelease reads "v12.3.1", "8.4.0-rc2" and the lower end of "^2.1"; ok is false for anything else, such as "dev-main".
func parseRelease(s string) (r release, ok bool) {
	s = strings.TrimLeft(strings.TrimSpace(s), "^~>=v ")
	s, _, _ = strings.Cut(s, " ")
	s, _, _ = strings.Cut(s, "-")
	for i, part := range strings.SplitN(s, ".", 3) {
		n, err := strconv.Atoi(part)
		if err != nil {
			return r, i > 0 && strings.Trim(part, "x*") == ""
		}
		r[i] = n
	}
	return r, true
}

func (r release) below(other release) bool {
	for i := range r {
		if r[i] != other[i] {
			return r[i] < other[i]
		}
	}
	return false
}

func (r release) major() int { return r[0] }

// The first versions that have what is needed, and the last of those with a hole.
var (
	frameworkWithReverb = release{10, 45, 0} // the broadcaster "reverb"
	echoWithReverb      = release{1, 16, 0}  // broadcaster: 'reverb'
	pusherForReplay     = release{4, 4, 0}   // the oldest that resound-replay is tried with
	reverbSafe          = release{1, 6, 4}   // CVE-2026-23524 is in all before
)

// packages looks at the versions of what takes part in the project.
func (d *doctor) packages() {
	if d.o.Config.Project == "" {
		d.skip("composer", "this is no Laravel project")
		return
	}
	d.composer()
	d.npm()
}

// locked are the versions in composer.lock; nil without one that can be read.
func (d *doctor) locked() (map[string]string, error) {
	text, err := d.read("composer.lock")
	if err != nil {
		return nil, err
	}
	type entry struct{ Name, Version string }
	var lock struct {
		Packages []entry `json:"packages"`
		Dev      []entry `json:"packages-dev"`
	}
	if err := json.Unmarshal([]byte(text), &lock); err != nil {
		return nil, err
	}
	versions := make(map[string]string)
	for _, e := range append(lock.Packages, lock.Dev...) {
		versions[e.Name] = e.Version
	}
	return versions, nil
}

// framework is the version of Laravel, zero if it cannot be told.
func (d *doctor) framework() release {
	versions, _ := d.locked()
	r, _ := parseRelease(versions["laravel/framework"])
	return r
}

func (d *doctor) composer() {
	versions, err := d.locked()
	if err != nil {
		d.skip("composer", "composer.lock: %v", fileError(err))
		return
	}
	if v, there := versions["laravel/framework"]; !there {
		d.skip("laravel", "composer.lock has no laravel/framework")
	} else if r, ok := parseRelease(v); ok && r.below(frameworkWithReverb) && d.env("BROADCAST_CONNECTION")+d.env("BROADCAST_DRIVER") == "reverb" {
		d.problem("laravel", "update it, or use the connection pusher with PUSHER_HOST and PUSHER_PORT of this server", "laravel/framework %s does not know the connection reverb, which is there since %s", v, frameworkWithReverb)
	} else {
		d.ok("laravel", "laravel/framework %s", v)
	}
	// Laravel publishes with it, to Reverb and to Resound. It came with laravel/reverb, and would go with it.
	if v, there := versions["pusher/pusher-php-server"]; there {
		d.ok("pusher-php", "pusher/pusher-php-server %s, with which Laravel publishes", v)
	} else {
		d.problem("pusher-php", "composer require pusher/pusher-php-server", "pusher/pusher-php-server is not installed, and Laravel publishes with it")
	}
	switch v, there := versions["laravel/reverb"]; {
	case !there:
		d.ok("reverb", "laravel/reverb is not installed: Resound does not need it")
	case old(v, reverbSafe):
		d.warn("reverb", "composer update laravel/reverb, in case that you go back", "laravel/reverb %s has CVE-2026-23524: with scaling on, whoever reaches its Redis runs code. Resound has nothing of it", v)
	default:
		d.ok("reverb", "laravel/reverb %s: leave it there, it is the way back", v)
	}
}

func old(version string, since release) bool {
	r, ok := parseRelease(version)
	return ok && r.below(since)
}

func (r release) String() string {
	return strconv.Itoa(r[0]) + "." + strconv.Itoa(r[1]) + "." + strconv.Itoa(r[2])
}

// npmPackages are the versions of the page's packages: those of package-lock.json, else what package.json asks for.
func (d *doctor) npmPackages() (versions map[string]string, exact bool, err error) {
	text, err := d.read("package.json")
	if err != nil {
		return nil, false, err
	}
	var wanted struct {
		Dependencies map[string]string `json:"dependencies"`
		Dev          map[string]string `json:"devDependencies"`
	}
	if err := json.Unmarshal([]byte(text), &wanted); err != nil {
		return nil, false, err
	}
	versions = make(map[string]string)
	for _, list := range []map[string]string{wanted.Dependencies, wanted.Dev} {
		for name, v := range list {
			versions[name] = v
		}
	}
	var lock struct {
		Packages map[string]struct{ Version string } `json:"packages"`
	}
	text, err = d.read("package-lock.json")
	if err != nil || json.Unmarshal([]byte(text), &lock) != nil {
		return versions, false, nil
	}
	for name := range versions {
		if p, ok := lock.Packages["node_modules/"+name]; ok {
			versions[name] = p.Version
		}
	}
	return versions, true, nil
}

func (d *doctor) npm() {
	versions, exact, err := d.npmPackages()
	if err != nil {
		d.skip("npm", "package.json: %v", fileError(err))
		return
	}
	note := ""
	if !exact {
		note = " (of package.json: there is no package-lock.json)"
	}
	echo, hasEcho := versions["laravel-echo"]
	pusher, hasPusher := versions["pusher-js"]
	replay, hasReplay := versions["resound-replay"]
	switch {
	case !hasEcho && !hasPusher:
		d.skip("echo", "package.json has neither laravel-echo nor pusher-js: pages may load them by a script tag")
	case !hasEcho:
		d.ok("echo", "pages use pusher-js without laravel-echo")
	case old(echo, echoWithReverb):
		d.problem("echo", "npm install --save-dev laravel-echo@latest, or broadcaster: 'pusher' with a cluster", "laravel-echo %s%s does not know broadcaster: 'reverb', which is there since %s", echo, note, echoWithReverb)
	default:
		d.ok("echo", "laravel-echo %s%s", echo, note)
	}
	switch {
	case hasPusher && hasReplay && old(pusher, pusherForReplay):
		d.warn("pusher-js", "npm install --save-dev pusher-js@latest", "pusher-js %s%s: resound-replay is tried with %s and newer", pusher, note, pusherForReplay)
	case hasPusher:
		d.ok("pusher-js", "pusher-js %s%s", pusher, note)
	case hasEcho:
		d.problem("pusher-js", "npm install --save-dev pusher-js", "laravel-echo is there without pusher-js, with which it connects")
	}
	switch {
	case hasReplay:
		d.ok("replay", "resound-replay %s%s: pages get what they missed", replay, note)
	case hasEcho || hasPusher:
		d.ok("replay", "resound-replay is not in package.json: pages get what they missed only with it, or with the script /app/replay.js")
	}
}

// fileError says it in a word where the file is just not there.
func fileError(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "it is not there"
	}
	return err.Error()
}
