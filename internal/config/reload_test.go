package config

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"resound/internal/apps"
)

// reloads collects what a watcher hands over and says.
type reloads struct {
	*Watcher
	lists chan []*apps.App
	mu    sync.Mutex
	text  bytes.Buffer
}

func (r *reloads) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

// said returns the log since the last call, a line for each entry, without the time.
func (r *reloads) said() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(r.text.String()), "\n")
	r.text.Reset()
	return lines
}

func newReloads(c *Config) *reloads {
	r := &reloads{lists: make(chan []*apps.App, 100)}
	log := slog.New(slog.NewTextHandler(r, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	r.Watcher = c.NewWatcher(func(list []*apps.App) { r.lists <- list }, log)
	return r
}

// list returns what the last reload handed over, or nil.
func (r *reloads) list() []*apps.App {
	select {
	case list := <-r.lists:
		return list
	default:
		return nil
	}
}

const twoApps = "port: 6001\napps:\n- {app_id: 1, key: k1, secret: s1}\n- {app_id: 2, key: k2, secret: s2}\n"

func TestReload(t *testing.T) {
	w := newWorld(t)
	path := w.write(t, "resound.yaml", twoApps)
	c := w.start(t)
	r := newReloads(c)
	for _, tc := range []struct {
		name, file string
		ids        string // "" is no call
		said       []string
	}{
		{"nothing", twoApps, "", []string{`level=INFO msg="the configuration was read again, no application has changed" applications=2`}},
		{"one more", twoApps + "- {app_id: 3, key: k3, secret: hush}", "1 2 3", []string{
			`level=INFO msg="application added" id=3 from=F:5`, `level=INFO msg="the configuration was reloaded" applications=3`}},
		{"a change", twoApps + "- {app_id: 3, key: k4, secret: hush2, max_batch: 2, rate_limiting: {enabled: true}}", "1 2 3", []string{
			`level=INFO msg="application changed" id=3 settings="key, secret, max_batch, rate_limiting.enabled"`, `level=INFO msg="the configuration was reloaded" applications=3`}},
		{"broken", twoApps + "- {app_id: 3, key: hush", "", []string{
			`level=ERROR msg="the configuration could not be reloaded, everything stays as it was" error="F:4: did not find expected ',' or '}'"`}},
		{"unknown key", twoApps + "- {app_id: 3, key: k, secret: hush, max_bacth: 1}", "", []string{
			`level=ERROR msg="the configuration could not be reloaded, everything stays as it was" error="F:5: \"max_bacth\" is not a setting; did you mean max_batch?"`}},
		{"for all, and two gone", "max_user_info: 1\nport: 6002\napps:\n- {app_id: 2, key: k2, secret: s2}\n", "2", []string{
			`level=INFO msg="application changed" id=2 settings=max_user_info`, `level=INFO msg="application removed" id=1`, `level=INFO msg="application removed" id=3`,
			`level=WARN msg="this setting needs a restart" setting=port running=6001 set=6002 from=F:2`,
			`level=WARN msg="this setting needs a restart" setting=public-port running=6001 set=6002 from=default`,
			`level=INFO msg="the configuration was reloaded" applications=1`}},
		{"a warning", "port: 6001\napps:\n- {app_id: 2, key: k2, secret: s2, allowed_origins: ['https://a.test']}\n", "2", []string{
			`level=INFO msg="application changed" id=2 settings="allowed_origins, max_user_info"`, `level=WARN msg="allowed_origins in F:3: the origin \"https://a.test\" counts as \"a.test\": only the host is compared, as in Reverb"`,
			`level=INFO msg="the configuration was reloaded" applications=1`}},
		{"rules for all", "port: 6001\nhistory: [{channels: a, age: 1h}]\napps:\n- {app_id: 2, key: k2, secret: s2}\n- {app_id: 3, key: k3, secret: s3, history: []}\n", "2 3", []string{
			`level=INFO msg="application changed" id=2 settings="allowed_origins, history"`, `level=INFO msg="application added" id=3 from=F:5`,
			`level=INFO msg="the configuration was reloaded" applications=2`}},
		{"the same in other words", "port: 6001\nhistory:\n- channels: [a]\n  age: 3600\n  rewind:\napps:\n- {app_id: 2, key: k2, secret: s2}\n- {app_id: 3, key: k3, secret: s3, history: []}\n", "",
			[]string{`level=INFO msg="the configuration was read again, no application has changed" applications=2`}},
		{"what a rule leaves to the application", "port: 6001\nhistory_messages: 5\nhistory: [{channels: a, age: 1h}]\napps:\n- {app_id: 2, key: k2, secret: s2}\n- {app_id: 3, key: k3, secret: s3, history: []}\n", "2 3", []string{
			`level=INFO msg="application changed" id=2 settings=history_messages`, `level=INFO msg="application changed" id=3 settings=history_messages`,
			`level=INFO msg="the configuration was reloaded" applications=2`}},
		{"a rule of its own", "port: 6001\nhistory_messages: 5\nhistory: [{channels: a, age: 1h}]\ndurability: disk\napps:\n- {app_id: 2, key: k2, secret: s2}\n- {app_id: 3, key: k3, secret: s3, history: [{channels: b, messages: 0}]}\n", "2 3", []string{
			`level=INFO msg="application changed" id=3 settings=history`, `level=WARN msg="this setting needs a restart" setting=durability running=process set=disk from=F:4`,
			`level=INFO msg="the configuration was reloaded" applications=2`}},
		{"none", "port: 6001\napps: []\n", "", []string{
			`level=ERROR msg="the configuration could not be reloaded, everything stays as it was" error="no application is left; restart the server to get a demo application"`}},
	} {
		w.write(t, "resound.yaml", tc.file)
		err := r.Reload()
		said := r.said()
		for i := range said {
			said[i] = strings.ReplaceAll(said[i], path, "F")
			if strings.Contains(said[i], "hush") {
				t.Errorf("%s: the log tells a secret: %s", tc.name, said[i])
			}
		}
		slices.Sort(said)
		want := slices.Sorted(slices.Values(tc.said))
		if !slices.Equal(said, want) {
			t.Errorf("%s\nsaid %s\nwant %s", tc.name, strings.Join(said, "\n     "), strings.Join(want, "\n     "))
		}
		if failed := strings.HasPrefix(tc.said[0], "level=ERROR"); failed != (err != nil) {
			t.Errorf("%s: %v", tc.name, err)
		}
		var ids []string
		for _, a := range r.list() {
			ids = append(ids, a.ID)
		}
		if strings.Join(ids, " ") != tc.ids {
			t.Errorf("%s: handed over %q, want %q", tc.name, ids, tc.ids)
		}
	}
}

// Who is not concerned keeps the very same application.
func TestReloadKeepsWhatIsTheSame(t *testing.T) {
	w := newWorld(t)
	var file strings.Builder
	file.WriteString("apps:\n")
	for i := range 1000 {
		fmt.Fprintf(&file, "- {app_id: a%d, key: k%d, secret: s%d, allowed_origins: [a.test]}\n", i, i, i)
	}
	w.write(t, "resound.yaml", file.String())
	c := w.start(t)
	r := newReloads(c)
	w.write(t, "resound.yaml", "# a line more\n"+strings.Replace(file.String(), "key: k500,", "key: other,", 1))
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	before, after := c.Apps(), r.list()
	if len(before) != 1000 || len(after) != 1000 {
		t.Fatalf("%d and %d applications", len(before), len(after))
	}
	for i := range before {
		if (before[i] == after[i]) != (i != 500) {
			t.Errorf("application %d: kept %v", i, before[i] == after[i])
		}
	}
	if before[500].Key != "k500" || after[500].Key != "other" {
		t.Error("the old application was changed, or the new one was not")
	}
}

func TestReloadOfEnv(t *testing.T) {
	w := newWorld(t, "REVERB_APP_MAX_CONNECTIONS=7").laravel(t, shopApp)
	c := w.start(t, "--max-batch=3")
	r := newReloads(c)
	w.write(t, ".env", strings.Replace(shopApp, "shop-secret", "new-secret", 1)+"REVERB_APP_MAX_CONNECTIONS=8\nRESOUND_MAX_BATCH=9\n")
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	list := r.list()
	if len(list) != 1 || list[0].Secret != "new-secret" || list[0].MaxConnections != 7 || list[0].MaxBatch != 3 {
		t.Errorf("got %+v", list)
	}
	if err := os.Remove(filepath.Join(w.dir, ".env")); err != nil {
		t.Fatal(err)
	}
	w.write(t, "composer.json", `{"require":{"laravel/framework":"*"}}`)
	if err := r.Reload(); err == nil || err.Error() != w.dir+"/.env is gone; restart the server to do without it" {
		t.Errorf("got %v", err)
	}
	w.write(t, ".env", "APP_NAME=x\n")
	if err := r.Reload(); err == nil || !strings.HasPrefix(err.Error(), "no application is left") {
		t.Errorf("got %v", err)
	}
}

// What came out of a pipe is not there a second time, and must not be taken for empty.
func TestReloadKeepsWhatCameFromAPipe(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	if _, err := write.WriteString(shopApp); err != nil {
		t.Fatal(err)
	}
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.write(t, "resound.yaml", "max_batch: 3")
	r := newReloads(w.start(t, fmt.Sprintf("--env-file=/dev/fd/%d", read.Fd())))
	for batch := 4; batch < 6; batch++ {
		w.write(t, "resound.yaml", fmt.Sprint("max_batch: ", batch))
		if err := r.Reload(); err != nil {
			t.Fatal(err)
		}
		if list := r.list(); len(list) != 1 || list[0].Secret != "shop-secret" || list[0].MaxBatch != batch {
			t.Errorf("got %+v", list)
		}
	}
}

// A server without an application may get one later.
func TestReloadOutOfDemoMode(t *testing.T) {
	w := newWorld(t)
	r := newReloads(w.start(t))
	w.write(t, "resound.yaml", twoApps)
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	if list := r.list(); len(list) != 2 {
		t.Errorf("got %+v", list)
	}
}

// watch runs the watcher until the test ends.
func (r *reloads) watch(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
}

// next waits for a list that has that number of events in a batch.
func (r *reloads) next(t *testing.T, what string, batch int) {
	t.Helper()
	patience := time.After(time.Minute)
	for {
		select {
		case list := <-r.lists:
			if list[0].MaxBatch == batch {
				return
			}
		case <-patience:
			t.Fatalf("%s: nothing was noticed in a minute; the log says %q", what, r.said())
		}
	}
}

func TestWatch(t *testing.T) {
	file := func(batch int) string {
		return fmt.Sprintf("max_batch: %d\napps: [{app_id: 1, key: k, secret: s}]\n", batch)
	}
	w := newWorld(t).laravel(t, "")
	path := w.write(t, "resound.yaml", file(1))
	r := newReloads(w.start(t))
	w.write(t, "resound.yaml", file(2))
	r.watch(t)
	r.next(t, "written before the watch", 2)
	w.write(t, "resound.yaml", file(3))
	r.next(t, "written in place", 3)
	if err := os.Rename(w.write(t, "resound.yaml.tmp", file(4)), path); err != nil {
		t.Fatal(err)
	}
	r.next(t, "replaced", 4)
	w.write(t, "resound.yaml", "broken: [")
	w.write(t, "resound.yaml", file(5))
	r.next(t, "mended", 5)
	if err := os.Rename(path, path+"~"); err != nil {
		t.Fatal(err)
	}
	w.write(t, "resound.yaml", file(6))
	r.next(t, "moved away and written anew", 6)
	w.write(t, ".env", "RESOUND_MAX_BATCH=7\n")
	r.next(t, ".env", 7)
}

// A ConfigMap of Kubernetes: the file is a link into ..data, which is a link that is swapped.
func TestWatchFollowsLinks(t *testing.T) {
	w := newWorld(t)
	link := func(target, name string) {
		t.Helper()
		if err := os.Symlink(target, filepath.Join(w.dir, name+".new")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(w.dir, name+".new"), filepath.Join(w.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for batch := range 4 {
		w.write(t, fmt.Sprintf("..%d/resound.yaml", batch), fmt.Sprintf("max_batch: %d\napps: [{app_id: 1, key: k, secret: s}]\n", batch+1))
	}
	link("..0", "..data")
	link("..data/resound.yaml", "resound.yaml")
	r := newReloads(w.start(t))
	r.watch(t)
	for batch := 1; batch < 3; batch++ {
		link(fmt.Sprintf("..%d", batch), "..data")
		r.next(t, "swapped", batch+1)
	}
	// An absolute link, and the old tree is deleted at once.
	link(filepath.Join(w.dir, "..3"), "..data")
	if err := os.RemoveAll(filepath.Join(w.dir, "..2")); err != nil {
		t.Fatal(err)
	}
	r.next(t, "swapped to an absolute path", 4)
	w.write(t, "..3/resound.yaml", "max_batch: 9\napps: [{app_id: 1, key: k, secret: s}]\n")
	r.next(t, "written behind the links", 9)
}

func TestTrail(t *testing.T) {
	dir := newWorld(t).dir
	for name, target := range map[string]string{"current": "releases/1", "loop": "loop", "releases/1/x.yaml": "../../shared/x.yaml"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string][]string{
		"current/x.yaml": {"current", "releases/1/x.yaml", "shared/x.yaml"},
		"nope/x.yaml":    {"nope/x.yaml"},
		"x.yaml":         {"x.yaml"},
	} {
		for i := range want {
			want[i] = filepath.Join(dir, want[i])
		}
		if got := trail(filepath.Join(dir, path)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if got := trail(filepath.Join(dir, "loop", "x")); len(got) == 0 || len(got) > maxLinks+1 {
		t.Errorf("a link to itself: %d steps", len(got))
	}
}

// What needs a restart is named, and a password is not. Laravel's Redis is nobody's business without scaling.
func TestReloadOfTheCluster(t *testing.T) {
	const app, other = "REVERB_APP_ID=1001\nREVERB_APP_KEY=k\nREVERB_APP_SECRET=s\n", "REDIS_HOST=other\nREDIS_PASSWORD=hush-hush-2\nREDIS_URL=redis://u:hush-hush-3@h\n"
	for scaling, want := range map[string][]string{
		"": {`level=INFO msg="the configuration was read again, no application has changed" applications=1`},
		"REVERB_SCALING_ENABLED=true\n": {
			`level=WARN msg="this setting needs a restart" setting=redis-url running="" set=redis://u:hu********@h from=F:7`,
			`level=WARN msg="this setting needs a restart" setting=redis-host running=127.0.0.1 set=other from=F:5`,
			`level=WARN msg="this setting needs a restart" setting=redis-password running=hu******** set=hu******** from=F:6`,
			`level=INFO msg="the configuration was read again, no application has changed" applications=1`,
		},
	} {
		w := newWorld(t).laravel(t, app+scaling+"REDIS_PASSWORD=hush-hush-1\n")
		r := newReloads(w.start(t))
		path := w.write(t, ".env", app+scaling+other)
		if err := r.Reload(); err != nil {
			t.Fatal(err)
		}
		said := r.said()
		for i := range said {
			said[i] = strings.ReplaceAll(said[i], path, "F")
		}
		if !slices.Equal(said, want) {
			t.Errorf("scaling %q: it says\n%s", scaling, strings.Join(said, "\n"))
		}
	}
}
