package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"resound/internal/config"
)

const secret = "s3cret-of-the-shop"

const shopEnv = `APP_URL=https://shop.test
BROADCAST_CONNECTION=reverb
REVERB_APP_ID=1001
REVERB_APP_KEY=shop-key
REVERB_APP_SECRET=` + secret + `
REVERB_SERVER_HOST=127.0.0.1
VITE_REVERB_APP_KEY="${REVERB_APP_KEY}"
`

// files are the contents of a directory, by path.
type files map[string]string

func (f files) write(t *testing.T, dir string) string {
	t.Helper()
	for name, text := range f {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// patient is a doctor for a Laravel project of these files, on a machine of those.
func patient(t *testing.T, project, machine files, args ...string) *doctor {
	t.Helper()
	// Nested so deep that nothing above can be taken for a project.
	dir := filepath.Join(t.TempDir(), "a", "b", "c", "d", "e")
	if project != nil {
		if _, ok := project[".env"]; !ok {
			project[".env"] = shopEnv
		}
		project["artisan"] = ""
		project.write(t, dir)
	}
	call, err := config.Parse(append([]string{"doctor"}, args...), config.Options{Stdout: io.Discard, Stderr: io.Discard, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	d := &doctor{ctx: context.Background(), o: Options{
		Config: call.Config, Findings: call.Findings, Env: call.Doctor.Env, URL: call.Doctor.URL, Idle: call.Doctor.Idle,
		Root: machine.write(t, t.TempDir()), Descriptors: 20_000,
	}}
	d.local = newEndpoint(d.localURL())
	t.Cleanup(d.local.close)
	return d
}

// want requires a check of that name and verdict, whose text or advice has the words.
func (d *doctor) want(t *testing.T, name string, v Verdict, words string) {
	t.Helper()
	var seen []string
	for _, c := range d.report.Checks {
		line := fmt.Sprintf("%s: %s: %s -> %s", c.Name, c.Verdict, c.Text, c.Do)
		if seen = append(seen, line); c.Name == name && c.Verdict == v && strings.Contains(line, words) {
			return
		}
	}
	t.Errorf("there is no %s: %s with %q in\n%s", name, v, words, strings.Join(seen, "\n"))
}

func TestReportIsPrinted(t *testing.T) {
	r := Report{Checks: []Check{{"One", "a", OK, "fine", ""}, {"One", "b", Warning, "doubtful", "look"}, {"Two", "c", Problem, "wrong", "mend"}, {"Two", "d", Unchecked, "dark", ""}}}
	var out bytes.Buffer
	if err := r.Print(&out); err != nil {
		t.Fatal(err)
	}
	const want = "One\n  ok           fine\n  warning      doubtful\n               -> look\n\nTwo\n  problem      wrong\n               -> mend\n  not checked  dark\n\n1 problem, 1 warning, 1 not checked\n"
	if out.String() != want {
		t.Errorf("it prints\n%s", out.String())
	}
	out.Reset()
	if err := r.PrintJSON(&out); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Problems, Warnings int
		Unchecked          int `json:"not_checked"`
		Checks             []Check
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got.Problems != 1 || got.Warnings != 1 || got.Unchecked != 1 || len(got.Checks) != 4 || got.Checks[2] != r.Checks[2] {
		t.Errorf("%v: %s", err, out.String())
	}
}

// What a person is told is never a secret, also when a server repeats it, and nothing speaks to the terminal.
func TestNoSecretIsShown(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "\x1b[2J you are "+secret+" "+r.URL.RawQuery)
	}))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	d := patient(t, files{}, nil, "--port="+port, "--url="+server.URL)
	report := Run(context.Background(), d.o)
	var out bytes.Buffer
	if err := errors.Join(report.Print(&out), report.PrintJSON(&out)); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), secret) || strings.Contains(out.String(), "\x1b") || !strings.Contains(out.String(), "you are ********") {
		t.Errorf("the report is\n%s", out.String())
	}
}

// An interrupt leaves a report that says what is not in it.
func TestAnInterruptedReport(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := Run(ctx, patient(t, files{}, nil).o)
	if n := r.Count(Unchecked); n != 8 || len(r.Checks) != 8 {
		t.Errorf("the report is %+v", r.Checks)
	}
}

// The findings of check are there as they are, and an error of them is a problem.
func TestFindingsAreRepeated(t *testing.T) {
	d := patient(t, files{".env": shopEnv + "REVERB_SEVER_PORT=1\nREVERB_APP_PING_INTERVAL=x\n"}, nil)
	d.settings()
	d.want(t, "settings", OK, "was read")
	d.want(t, "settings", Warning, "did you mean REVERB_SERVER_PORT?")
	d.want(t, "settings", Problem, "REVERB_APP_PING_INTERVAL")
}

func TestShortSecrets(t *testing.T) {
	for value, want := range map[string]bool{"a": true, "fifteen-letters": true, "sixteen--letters": false} {
		d := patient(t, files{".env": strings.Replace(shopEnv, secret, value, 1)}, nil)
		report := Run(context.Background(), d.o)
		warned := false
		for _, c := range report.Checks {
			warned = warned || c.Name == "secret" && c.Verdict == Warning
			if strings.Contains(c.Text, "****") {
				t.Errorf("a secret of %d letters garbles %q", len(value), c.Text)
			}
		}
		if warned != want {
			t.Errorf("of %d letters it warns: %v", len(value), warned)
		}
	}
}

const broadcastingPHP = `<?php
return [
    'default' => env('BROADCAST_CONNECTION', 'null'),
    'connections' => [
        'reverb' => [
            'driver' => 'reverb',
        ],
    ],
];
`

const reverbPHP = `<?php
return [
    'default' => env('REVERB_SERVER', 'reverb'),
    'servers' => ['reverb' => [
        'host' => env('REVERB_SERVER_HOST', '0.0.0.0'),
        'port' => env('REVERB_SERVER_PORT', 8080),
    ]],
    'apps' => ['provider' => 'config', 'apps' => [
        [
            'key' => env('REVERB_APP_KEY'),
            'app_id' => env('REVERB_APP_ID'),
            'options' => [
                'host' => env('REVERB_HOST'),
            ],
            'allowed_origins' => ['*'],
        ],
    ]],
];
`

func TestProject(t *testing.T) {
	const lock10 = `{"packages":[{"name":"laravel/framework","version":"v10.48.0"}]}`
	for _, tc := range []struct {
		project files
		name    string
		verdict Verdict
		words   string
	}{
		{files{}, "project", OK, "it is /"},
		{nil, "project", Unchecked, "--project"},
		{files{}, "broadcasting", OK, "since version 11"},
		{files{"composer.lock": lock10}, "broadcasting", Warning, "Laravel 10 needs"},
		{files{"config/broadcasting.php": broadcastingPHP}, "broadcasting", OK, "has the connection reverb"},
		{files{"config/broadcasting.php": broadcastingPHP}, "broadcasting-default", OK, "BROADCAST_CONNECTION, which is reverb"},
		{files{"config/broadcasting.php": strings.Replace(broadcastingPHP, "'reverb' =>", "// 'reverb' => [\n'ably' =>", 1)}, "broadcasting", Problem, "has no connection reverb"},
		{files{"config/broadcasting.php": strings.Replace(broadcastingPHP, "BROADCAST_CONNECTION", "BROADCAST_DRIVER", 1)}, "broadcasting-default", Problem, "set BROADCAST_DRIVER=reverb"},
		{files{"config/broadcasting.php": strings.Replace(broadcastingPHP, "env('BROADCAST_CONNECTION', 'null')", "'reverb'", 1)}, "broadcasting-default", OK, "whatever .env says"},
		{files{"config/broadcasting.php": strings.Replace(broadcastingPHP, "env('BROADCAST_CONNECTION', 'null')", "chosen()", 1)}, "broadcasting-default", Unchecked, "cannot be seen"},
		{files{"config/broadcasting.php/x": ""}, "broadcasting", Unchecked, "is a directory"},
		{files{}, "reverb-config", OK, "there is no"},
		{files{"config/reverb.php": reverbPHP}, "reverb-config", OK, "comes from .env"},
		{files{"config/reverb.php": reverbPHP, "resound.yaml": "apps: []"}, "reverb-config", OK, "resound.yaml"},
		{files{"config/reverb.php": strings.Replace(reverbPHP, "['*']", "['shop.test']", 1)}, "reverb-config", Warning, "does not read: allowed_origins"},
		{files{"config/reverb.php": strings.Replace(reverbPHP, "env('REVERB_SERVER_PORT', 8080)", "6001", 1)}, "reverb-config", Warning, "does not read: port"},
		{files{"config/reverb.php": strings.Replace(reverbPHP, "'options'", "'app_id' => env('OTHER_ID'),\n'options'", 1)}, "reverb-config", Problem, "has 2 applications"},
		{files{}, "config-cache", OK, "not cached"},
		{files{"routes/channels.php": "<?php"}, "channels", OK, "is there"},
		{files{}, "channels", Warning, "nobody can join"},
		{files{}, "build", Unchecked, "no JavaScript"},
		{files{"public/hot": ""}, "build", OK, "development server"},
		{files{"public/build/assets/a.js": `x={wsHost:"a",key:"shop-key"}`}, "build", OK, "has the key"},
		{files{"public/build/assets/a.js": `x={wsHost:"a",key:"old-key"}`}, "build", Problem, "npm run build"},
		{files{"public/build/assets/a.js": `alert(1)`}, "build", Unchecked, "nothing in public/build connects"},
		{files{".env": shopEnv + "VITE_REVERB_HOST=ws.shop.test\n", "public/build/assets/a.js": `x={wsHost:"old.shop.test",key:"shop-key"}`}, "build", Warning, "not the host ws.shop.test"},
		{files{".env": "A=1"}, "build", Unchecked, "no application"},
	} {
		d := patient(t, tc.project, nil)
		d.project()
		d.want(t, tc.name, tc.verdict, tc.words)
	}
}

func TestCachedConfig(t *testing.T) {
	for age, want := range map[time.Duration]Verdict{-time.Hour: Warning, time.Hour: OK} {
		d := patient(t, files{"bootstrap/cache/config.php": "<?php"}, nil)
		when := time.Now().Add(age)
		if err := os.Chtimes(filepath.Join(d.o.Config.Project, "bootstrap/cache/config.php"), when, when); err != nil {
			t.Fatal(err)
		}
		d.project()
		d.want(t, "config-cache", want, "bootstrap/cache/config.php is")
	}
}

func TestPackages(t *testing.T) {
	lock := func(list ...string) string {
		var entries []string
		for _, e := range list {
			name, version, _ := strings.Cut(e, " ")
			entries = append(entries, fmt.Sprintf(`{"name":%q,"version":%q}`, name, version))
		}
		return `{"packages":[` + strings.Join(entries, ",") + `]}`
	}
	wanted := func(list string) string { return `{"devDependencies":{` + list + `}}` }
	const good = "laravel/framework v12.3.0"
	for _, tc := range []struct {
		project files
		name    string
		verdict Verdict
		words   string
	}{
		{nil, "composer", Unchecked, "no Laravel project"},
		{files{}, "composer", Unchecked, "composer.lock: it is not there"},
		{files{"composer.lock": "{"}, "composer", Unchecked, "composer.lock"},
		{files{"composer.lock": lock(good)}, "laravel", OK, "v12.3.0"},
		{files{"composer.lock": lock("laravel/framework dev-master")}, "laravel", OK, "dev-master"},
		{files{"composer.lock": lock("laravel/framework v10.44.0")}, "laravel", Problem, "does not know the connection reverb"},
		{files{"composer.lock": lock("a/b 1")}, "laravel", Unchecked, "has no laravel/framework"},
		{files{"composer.lock": lock(good)}, "pusher-php", Problem, "composer require pusher/pusher-php-server"},
		{files{"composer.lock": lock(good, "pusher/pusher-php-server 7.2.6")}, "pusher-php", OK, "7.2.6"},
		{files{"composer.lock": lock(good)}, "reverb", OK, "is not installed"},
		{files{"composer.lock": lock(good, "laravel/reverb v1.6.3")}, "reverb", Warning, "CVE-2026-23524"},
		{files{"composer.lock": lock(good, "laravel/reverb v1.6.4")}, "reverb", OK, "the way back"},
		{files{}, "npm", Unchecked, "package.json: it is not there"},
		{files{"package.json": "{"}, "npm", Unchecked, "package.json"},
		{files{"package.json": "{}"}, "echo", Unchecked, "neither"},
		{files{"package.json": wanted(`"pusher-js":"^8.4.0"`)}, "echo", OK, "without laravel-echo"},
		{files{"package.json": wanted(`"pusher-js":"^8.4.0"`)}, "pusher-js", OK, "^8.4.0 (of package.json"},
		{files{"package.json": wanted(`"laravel-echo":"^2.1.0"`)}, "echo", OK, "^2.1.0"},
		{files{"package.json": wanted(`"laravel-echo":"^2.1.0"`)}, "pusher-js", Problem, "npm install --save-dev pusher-js"},
		{files{"package.json": wanted(`"laravel-echo":"^1.15"`)}, "echo", Problem, "does not know broadcaster: 'reverb'"},
		{files{"package.json": wanted(`"laravel-echo":"^1.15"`), "package-lock.json": `{"packages":{"node_modules/laravel-echo":{"version":"1.16.1"}}}`}, "echo", OK, "laravel-echo 1.16.1 ->"},
		{files{"package.json": wanted(`"pusher-js":"4.3.1","resound-replay":"0.1.0"`)}, "pusher-js", Warning, "4.4.0 and newer"},
		{files{"package.json": wanted(`"pusher-js":"4.4.0","resound-replay":"0.1.0"`)}, "pusher-js", OK, "4.4.0"},
		{files{"package.json": wanted(`"pusher-js":"8.4.0","resound-replay":"0.1.0"`)}, "replay", OK, "resound-replay 0.1.0"},
		{files{"package.json": wanted(`"pusher-js":"8.4.0"`)}, "replay", OK, "only with it"},
	} {
		d := patient(t, tc.project, nil)
		d.packages()
		d.want(t, tc.name, tc.verdict, tc.words)
	}
}

func TestRelease(t *testing.T) {
	for text, want := range map[string]release{"v12.3.1": {12, 3, 1}, "^2.1": {2, 1, 0}, "~8.4.0": {8, 4, 0}, "8.4.0-rc2": {8, 4, 0}, ">=1.16 <3": {1, 16, 0}, "2.x": {2, 0, 0}} {
		if r, ok := parseRelease(text); !ok || r != want {
			t.Errorf("%q is %v, %v", text, r, ok)
		}
	}
	for _, text := range []string{"", "dev-main", "latest", "github:laravel/echo", "*"} {
		if r, ok := parseRelease(text); ok {
			t.Errorf("%q is %v", text, r)
		}
	}
	if (release{1, 2, 3}).below(release{1, 2, 3}) || !(release{1, 2, 9}).below(release{1, 3, 0}) || (release{2, 0, 0}).below(release{1, 9, 9}) {
		t.Error("releases are compared in the wrong order")
	}
}

func TestLeftovers(t *testing.T) {
	const (
		php  = "php\x00/srv/shop/artisan\x00reverb:start\x00--port=8080\x00"
		unit = "[Service]\n# ExecStart=php artisan reverb:start\nExecStart=php artisan reverb:start\n"
	)
	for _, tc := range []struct {
		project, machine files
		name             string
		verdict          Verdict
		words            string
	}{
		{files{}, files{}, "reverb-process", Unchecked, "cannot be listed"},
		{files{}, files{"proc/7/cmdline": "resound\x00start\x00"}, "reverb-process", OK, "no Reverb runs"},
		{files{}, files{"proc/7/cmdline": php}, "reverb-process", Warning, "process 7, php artisan reverb:start"},
		{files{}, files{"proc/7/cmdline": "vim\x00reverb:start.md\x00"}, "reverb-process", OK, "no Reverb runs"},
		{files{}, files{}, "starts-reverb", OK, "no file"},
		{files{}, files{"etc/systemd/system/ws.service": unit}, "starts-reverb", Warning, "etc/systemd/system/ws.service:3 still"},
		{files{}, files{"etc/systemd/system/ws.service": strings.TrimSuffix(unit, "ExecStart=php artisan reverb:start\n")}, "starts-reverb", OK, "no file"},
		{files{}, files{"etc/supervisor/conf.d/reverb.conf": "; reverb:start\ncommand=php artisan reverb:start"}, "starts-reverb", Warning, "conf.d/reverb.conf:2 still"},
		{files{}, files{}, "project-starts-reverb", OK, "no file of the project"},
		{files{"Procfile": "ws: php artisan reverb:start\n"}, files{}, "project-starts-reverb", Warning, "Procfile:1 starts"},
	} {
		d := patient(t, tc.project, tc.machine)
		d.leftovers()
		d.want(t, tc.name, tc.verdict, tc.words)
	}
	if os.Geteuid() == 0 {
		return // who may read everything
	}
	d := patient(t, files{}, files{"etc/crontab": ""})
	if err := os.Chmod(filepath.Join(d.o.Root, "etc/crontab"), 0); err != nil {
		t.Fatal(err)
	}
	d.leftovers()
	d.want(t, "starts-reverb", Unchecked, "may not be read")
}

func TestMachine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the kernel's limits are looked at on Linux only")
	}
	const (
		info  = "MemTotal: 2000000 kB\nMemAvailable: 1000000 kB\n"
		ports = "32768\t60999\n"
	)
	many, few := shopEnv+"REVERB_APP_MAX_CONNECTIONS=50000\n", shopEnv+"REVERB_APP_MAX_CONNECTIONS=500\n"
	for _, tc := range []struct {
		env     string
		machine files
		name    string
		verdict Verdict
		words   string
	}{
		{many, files{}, "descriptors", Problem, "may open 20000 files, and 50000 sockets are allowed"},
		{few, files{}, "descriptors", OK, "may open 20000 files"},
		{shopEnv, files{}, "descriptors", OK, "may open 20000 files"},
		{shopEnv, files{"proc/9/limits": "Limit Soft Hard Units\nMax open files            512                  1024                 files\n"}, "descriptors", Warning, "process 9, soft limit 512) may open 1024"},
		{few, files{"proc/9/limits": "Max open files   1024   4096   files\n"}, "descriptors", OK, "process 9, soft limit 1024) may open 4096"},
		{few, files{}, "sysctl", Unchecked, "net.core.somaxconn cannot be read"},
		{few, files{"proc/sys/net/core/somaxconn": "128\n"}, "sysctl", Warning, "sysctl -w net.core.somaxconn=1024"},
		{few, files{"proc/sys/net/core/somaxconn": "4096\n"}, "sysctl", OK, "net.core.somaxconn is 4096"},
		{few, files{"proc/sys/net/ipv4/tcp_max_syn_backlog": "256\n"}, "sysctl", Warning, "tcp_max_syn_backlog=512"},
		{few, files{"proc/sys/net/ipv4/tcp_max_syn_backlog": "1024\n"}, "sysctl", OK, "tcp_max_syn_backlog is 1024"},
		{many, files{"proc/sys/fs/file-max": "50500\n"}, "sysctl", Warning, "fs.file-max=65536"},
		{few, files{"proc/sys/fs/file-max": "50500\n"}, "sysctl", OK, "fs.file-max is 50500"},
		{many, files{"proc/sys/net/netfilter/nf_conntrack_max": "65536\n"}, "sysctl", Warning, "nf_conntrack_max is 65536"},
		{few, files{"proc/sys/net/netfilter/nf_conntrack_max": "65536\n"}, "sysctl", OK, "nf_conntrack_max is 65536"},
		{few, files{}, "sysctl", Unchecked, "ip_local_port_range cannot be read"},
		{many, files{"proc/sys/net/ipv4/ip_local_port_range": ports}, "sysctl", Warning, "has 28232 ports"},
		{few, files{"proc/sys/net/ipv4/ip_local_port_range": ports}, "sysctl", OK, "pass on 28232 sockets"},
		{few, files{}, "memory", Unchecked, "cannot be read"},
		{few, files{"proc/meminfo": info}, "memory", OK, "1024 MB are available (MemAvailable)"},
		{few, files{"proc/meminfo": info, "sys/fs/cgroup/memory.max": "max\n"}, "memory", OK, "1024 MB are available (MemAvailable)"},
		{many, files{"proc/meminfo": info, "sys/fs/cgroup/memory.max": "256000000\n"}, "memory", Warning, "256 MB are available (the limit of the cgroup), and 50000 sockets need about 500 MB"},
	} {
		d := patient(t, files{".env": tc.env}, tc.machine)
		d.pid = 9
		d.machine()
		d.want(t, tc.name, tc.verdict, tc.words)
	}
	d := patient(t, files{}, nil)
	d.o.Descriptors = 0
	d.machine()
	d.want(t, "descriptors", Unchecked, "unknown")
}

// Who has a port is found in the real /proc.
func TestListener(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := ln.Addr().(*net.TCPAddr).Port
	if pid := listener("/", port); pid != os.Getpid() {
		t.Errorf("process %d has the port, not %d", pid, os.Getpid())
	}
	if text := describe("/", os.Getpid()); !strings.Contains(text, filepath.Base(os.Args[0])) || strings.Contains(text, "test.") {
		t.Errorf("the process is %s", text)
	}
	_ = ln.Close()
	if pid := listener("/", port); pid != 0 {
		t.Errorf("process %d has a port that nobody has", pid)
	}
}
