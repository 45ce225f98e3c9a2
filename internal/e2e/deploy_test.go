package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gobwas/ws"
	"go.yaml.in/yaml/v3"
)

// replaced changes texts that have to be there, each once.
func replaced(t testing.TB, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if strings.Count(text, pairs[i]) != 1 {
			t.Fatalf("%q is not there once in\n%s", pairs[i], text)
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

// behindHAProxy runs HAProxy with the sections of deploy/ in front of a server.
func behindHAProxy(t testing.TB, upstream string) *server {
	t.Helper()
	return runHAProxy(t, replaced(t, deployed(t, "haproxy.cfg"), "127.0.0.1:8080", upstream))
}

// runHAProxy runs HAProxy with sections that listen on port 80.
func runHAProxy(t testing.TB, sections string) *server {
	t.Helper()
	binary := ""
	for _, name := range []string{"haproxy", "/usr/sbin/haproxy"} {
		if path, err := exec.LookPath(name); err == nil {
			binary = path
		}
	}
	if binary == "" {
		t.Fatal("haproxy is missing: run make deps")
	}
	s := onAFreePort(t, func(addr string) (*server, error) {
		conf := "global\n    maxconn 100\n\n" + replaced(t, sections, "bind :80\n", "bind "+addr+"\n")
		path := filepath.Join(t.TempDir(), "haproxy.cfg")
		if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
			return nil, err
		}
		return runProxy(t, addr, exec.Command(binary, "-db", "-f", path), conf)
	})
	t.Cleanup(s.kill) // 2.6 now and then ends with a segmentation fault when it is told to stop, and how it ends is not what is tested
	return s
}

func TestHAProxy(t *testing.T) {
	t.Parallel()
	direct := start(t, plan{})
	s := behindHAProxy(t, direct.addr)
	crosses(t, s)
	e := examine(t, envOf(direct.addr), "--url=http://"+s.addr)
	e.want(t, "public-upgrade", "ok", "takes the upgrade")
	e.want(t, "public-round-trip", "ok", "came back")
	e.want(t, "public-request-size", "ok", "comes through")
	if e.Problems > 0 {
		t.Errorf("it has problems: %+v", e.Checks)
	}
	if out, _, code := run(t, plan{}, "health", "--port", s.addr[strings.LastIndexByte(s.addr, ':')+1:]); code != 1 {
		t.Errorf("what is not for browsers and Laravel is passed on: %d %s", code, out)
	}
	c := s.connect(t)
	direct.stop(syscall.SIGTERM)
	var closed closedError
	if err := c.ended(); !errors.As(err, &closed) || closed.code != ws.StatusGoingAway {
		t.Errorf("a client behind the proxy saw %v, want a close frame with 1001", err)
	}
}

// Caddy is larger than all that is deployed, so it is looked at where somebody has installed it.
func TestCaddy(t *testing.T) {
	t.Parallel()
	binary, err := exec.LookPath("caddy")
	if err != nil {
		t.Skip("caddy is not installed")
	}
	upstream := start(t, plan{}).addr
	crosses(t, onAFreePort(t, func(addr string) (*server, error) {
		conf := "{\n\tadmin off\n}\n" + replaced(t, deployed(t, "Caddyfile"), "\nws.example.com {", "\nhttp://"+addr+" {", "127.0.0.1:8080", upstream)
		path := filepath.Join(t.TempDir(), "Caddyfile")
		if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
			return nil, err
		}
		cmd := exec.Command(binary, "run", "--adapter", "caddyfile", "--config", path)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(path)}
		return runProxy(t, addr, cmd, conf)
	}))
}

// systemd reads the unit without a complaint, and finds little that it could still be denied.
func TestSystemdUnit(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd is not installed")
	}
	dir := t.TempDir()
	path, socket := filepath.Join(dir, "resound.service"), filepath.Join(dir, "resound.socket")
	unit := replaced(t, deployed(t, "resound.service"), "/usr/local/bin/resound", built(t))
	if err := os.WriteFile(path, []byte(unit), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(socket, []byte(deployed(t, "resound.socket")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("systemd-analyze", "verify", path, socket).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	// In tenths, of 100; a plain unit has 96.
	if out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", path).CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}

// What starts the server gives it its time to stop: all of it takes --drain at most, which is 10 seconds.
func TestStarters(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]string{"resound.service": "TimeoutStopSec=15\n", "supervisor.conf": "stopwaitsecs=15\n", "compose.yaml": "stop_grace_period: 15s", "compose.cluster.yaml": "stop_grace_period: 15s"} {
		if text := deployed(t, name); !strings.Contains(text, wait) {
			t.Errorf("%s has no %q", name, wait)
		}
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	s := start(t, plan{args: append([]string{"--path=/ws"}, appFlags...)})
	env := plan{env: []string{fmt.Sprintf("REVERB_SERVER_PORT=%d", s.port), "REVERB_SERVER_HOST=0.0.0.0", "REVERB_SERVER_PATH=/ws"}}
	if out, complaints, code := run(t, env, "health"); code != 0 || out+complaints != "" {
		t.Errorf("a server that is well: %d %s%s", code, out, complaints)
	}
	s.stop(syscall.SIGTERM)
	if _, complaints, code := run(t, env, "health"); code != 1 || !strings.Contains(complaints, "connection refused") {
		t.Errorf("a server that is gone: %d %s", code, complaints)
	}
}

// compose is what the tests look at of a compose file.
type compose struct {
	Services map[string]struct {
		Build       struct{ Context, Dockerfile string }
		Environment map[string]string
		Volumes     []string
		Networks    []string
		Depends     map[string]struct{ Condition string } `yaml:"depends_on"`
	}
	Volumes  map[string]any
	Networks map[string]any
}

// The servers of a compose file start with the settings that they are given, and what is named is there.
func TestComposeFiles(t *testing.T) {
	t.Parallel()
	for file, f := range map[string]struct {
		servers []string
		address string // where Laravel publishes
	}{
		"compose.yaml":         {[]string{"resound"}, "resound:8080"},
		"compose.cluster.yaml": {[]string{"resound-1", "resound-2"}, "proxy:80"},
	} {
		var c compose
		if err := yaml.Unmarshal([]byte(deployed(t, file)), &c); err != nil {
			t.Fatal(err)
		}
		for _, name := range f.servers {
			c.starts(t, name, f.address)
		}
		for name, s := range c.Services {
			host, _, _ := strings.Cut(f.address, ":")
			if publishes := s.Environment["BROADCAST_CONNECTION"] == "reverb"; publishes != (s.Environment["REVERB_HOST"] == host) || !publishes && (slices.Contains(f.servers, name) || name == "app" || name == "queue") {
				t.Errorf("%s: %s publishes to %q", file, name, s.Environment["REVERB_HOST"])
			}
			for other, d := range s.Depends {
				if _, ok := c.Services[other]; !ok || d.Condition != "service_healthy" {
					t.Errorf("%s: %s waits for %s, %s", file, name, other, d.Condition)
				}
			}
			for _, n := range s.Networks {
				if _, ok := c.Networks[n]; !ok && n != "default" {
					t.Errorf("%s: %s is in the network %s, which is none", file, name, n)
				}
			}
			for _, v := range s.Volumes {
				source, _, _ := strings.Cut(v, ":")
				if _, ok := c.Volumes[source]; ok || strings.HasPrefix(source, "$") {
					continue
				}
				if _, err := os.Stat(filepath.Join(root, "deploy", source)); err != nil || !strings.HasPrefix(source, "./") {
					t.Errorf("%s: %s has the volume %s, which is none", file, name, source)
				}
			}
		}
	}
}

// starts asks the server what it makes of the settings of a service.
func (c compose) starts(t *testing.T, name, address string) {
	t.Helper()
	s := c.Services[name]
	if _, err := os.Stat(filepath.Join(root, "deploy", s.Build.Context, s.Build.Dockerfile)); err != nil {
		t.Error(err)
	}
	var env []string
	for name, value := range s.Environment {
		env = append(env, name+"="+value)
	}
	out, _, code := run(t, plan{dir: laravel(t, credentials...), env: env}, "check")
	if code != 0 || strings.Contains(out, "is not a setting") || strings.Contains(out, "has no effect") || !strings.Contains(out, "http://"+address) && !strings.Contains(out, "sent to port 80 ") {
		t.Errorf("the settings of %s are not good:\n%s", name, out)
	}
	if redis := c.Services["redis"]; redis.Networks != nil && !strings.Contains(out, "the servers of a cluster meet at redis:6379, with the prefix reverb:"+appID+":") {
		t.Errorf("%s meets others elsewhere:\n%s", name, out)
	}
}

// The image runs the binary as nobody, with settings and commands that there are.
func TestDockerfile(t *testing.T) {
	t.Parallel()
	file := deployed(t, "Dockerfile")
	_, image, ok := strings.Cut(file, "\nFROM scratch\n")
	if !ok || !regexp.MustCompile(`(?m)^USER [1-9]\d*:[1-9]\d*$`).MatchString(image) {
		t.Errorf("the image is not from scratch, or root's:\n%s", image)
	}
	var env []string
	for _, m := range regexp.MustCompile(`(?m)^ENV (.*)$`).FindAllStringSubmatch(image, -1) {
		env = append(env, strings.Fields(m[1])...)
	}
	if out, _, code := run(t, plan{env: env}, "check"); code != 0 || strings.Contains(out, "is not a setting") || len(env) != 3 {
		t.Errorf("%q:\n%s", env, out)
	}
	for _, words := range []string{`ENTRYPOINT ["/resound"]`, `CMD ["start"]`, `CMD ["/resound", "health"]`} {
		if !strings.Contains(image, words) {
			t.Errorf("the image has no %s", words)
		}
	}
	if version := regexp.MustCompile(`FROM golang:(\d+\.\d+) `).FindStringSubmatch(file); version == nil || !strings.Contains(page(t, "go.mod"), "\ngo "+version[1]) {
		t.Errorf("the image is built with %q, which is not go.mod's", version)
	}
}

// Nothing lies in deploy/ that the README does not name.
func TestReadmeNamesWhatIsDeployed(t *testing.T) {
	readme := page(t, "README.md")
	entries, err := os.ReadDir(filepath.Join(root, "deploy"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == "nginx.conf" }) {
		t.Fatalf("deploy/ has %v", entries)
	}
	for _, e := range entries {
		if !strings.Contains(readme, "(deploy/"+e.Name()+")") {
			t.Errorf("README.md has no link to deploy/%s", e.Name())
		}
	}
}
