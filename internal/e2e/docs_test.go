package e2e

import (
	"bytes"
	"flag"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"resound/internal/config"
)

var update = flag.Bool("update", false, "write the generated parts of docs/COMPATIBILITY.md anew")

var root = filepath.Join("..", "..")

func page(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var (
	testName   = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z]\w*`)
	transcript = regexp.MustCompile(`\b[a-z0-9_]+\.txt\b`)
	goFile     = regexp.MustCompile("`((?:[a-z0-9/]+/)?[a-z0-9_]+\\.go)`")
	link       = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)|<img src="([^"]+)"`)
	heading    = regexp.MustCompile(`(?m)^#+ (.+)$`)
	anchor     = regexp.MustCompile(`\]\(#([^)]+)\)`)
)

// pages are what people read.
var pages = []string{"README.md", "CHANGELOG.md", "BENCHMARKS.md", "docs/ARCHITECTURE.md", "docs/COMPATIBILITY.md", "docs/CONFIG.md", "docs/OPERATIONS.md", "docs/REPLAY.md", "clients/js/README.md"}

// sources returns the path of every Go file and the name of every test.
func sources(t *testing.T) (files, tests map[string]bool) {
	t.Helper()
	files, tests = map[string]bool{}, map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == "bin"):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go"):
			return nil
		}
		files[path] = true
		if strings.HasSuffix(path, "_test.go") {
			for _, m := range declared.FindAllStringSubmatch(page(t, path), -1) {
				tests[m[1]] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files, tests
}

// What the pages name exists: tests, transcripts, files, and where links go.
func TestPagesNameWhatExists(t *testing.T) {
	files, tests := sources(t)
	for _, name := range pages {
		text := page(t, name)
		for _, test := range testName.FindAllString(text, -1) {
			if !tests[test] && test != "TestX" && test != "TestAttack" {
				t.Errorf("%s: there is no %s", name, test)
			}
		}
		for _, m := range goFile.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "/") && !files[m[1]] {
				t.Errorf("%s: there is no %s", name, m[1])
			}
		}
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target := filepath.Join(root, filepath.Dir(name), m[1]+m[2])
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: the link to %s goes nowhere", name, m[1]+m[2])
			}
		}
		var anchors []string
		for _, m := range heading.FindAllStringSubmatch(text, -1) {
			anchors = append(anchors, strings.ReplaceAll(strings.ToLower(m[1]), " ", "-"))
		}
		for _, m := range anchor.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(anchors, m[1]) {
				t.Errorf("%s: there is no heading #%s", name, m[1])
			}
		}
	}
	for _, file := range transcript.FindAllString(page(t, "docs/COMPATIBILITY.md"), -1) {
		if _, err := os.Stat(filepath.Join("testdata", "transcripts", file)); err != nil {
			t.Errorf("docs/COMPATIBILITY.md: there is no transcript %s", file)
		}
	}
}

// differences returns the rows of what differs from Reverb.
func differences() (rows []string) {
	for _, s := range compatTable {
		for _, c := range s.cases {
			if c.decision != match {
				rows = append(rows, c.row())
			}
		}
	}
	return rows
}

// stated returns the pins of the deviations that a package states in its
// doc.go: names of tests and patterns of transcripts, each as often as it is named.
func stated(t *testing.T, dir string) []string {
	t.Helper()
	path := filepath.Join(root, dir, "doc.go")
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		t.Fatal(err)
	}
	_, list, ok := strings.Cut(f.Doc.Text(), "Deviations from Reverb")
	if !ok {
		t.Fatalf("%s states no deviations from Reverb", path)
	}
	pins := testName.FindAllString(list, -1)
	for _, m := range regexp.MustCompile(`transcripts?\s+([a-z0-9_*]+)`).FindAllStringSubmatch(list, -1) {
		pins = append(pins, m[1]+".txt")
	}
	if len(pins) == 0 {
		t.Fatalf("%s names no test for its deviations", path)
	}
	return pins
}

// A difference that a package states is on the page: as many rows as the
// package has sentences that the same test holds.
func TestStatedDeviationsAreOnThePage(t *testing.T) {
	rows := differences()
	for _, dir := range []string{"protocol", "protocol/ws", "channels", "engine", "api", "internal/config"} {
		count := map[string]int{}
		for _, pin := range stated(t, dir) {
			count[pin]++
		}
		for pin, want := range count {
			pattern := regexp.MustCompile(`\b` + strings.ReplaceAll(regexp.QuoteMeta(pin), `\*`, `\w+`) + `\b`)
			got := 0
			for _, row := range rows {
				if pattern.MatchString(row) {
					got++
				}
			}
			if got < want {
				t.Errorf("%s/doc.go states %d differences held by %s, docs/COMPATIBILITY.md has %d", dir, want, pin, got)
			}
		}
	}
}

// What the README shows of nginx and Supervisor is what deploy/ has.
func TestReadmeShowsWhatIsDeployed(t *testing.T) {
	readme := page(t, "README.md")
	for name, comment := range map[string]string{"nginx.conf": "#", "supervisor.conf": ";"} {
		var lines []string
		for _, line := range strings.Split(deployed(t, name), "\n") {
			if !strings.HasPrefix(strings.TrimSpace(line), comment) {
				lines = append(lines, line)
			}
		}
		shown := strings.TrimSpace(strings.Join(lines, "\n"))
		shown = regexp.MustCompile(`\n{3,}`).ReplaceAllString(shown, "\n\n")
		if !strings.Contains(readme, "\n"+shown+"\n```") {
			t.Errorf("README.md does not show what deploy/%s has:\n%s", name, shown)
		}
	}
}

var (
	code    = regexp.MustCompile("`([^`]+)`")
	setting = regexp.MustCompile("(?m)^\\| (`(?:REVERB|RESOUND)_[^|]*) \\| (`--[^|]*) \\| ([^|]*) \\|")
)

// The README's table of settings has the names, flags and defaults of the program.
func TestReadmeSettings(t *testing.T) {
	call, err := config.Parse([]string{"config"}, config.Options{Stdout: new(bytes.Buffer), Stderr: new(bytes.Buffer), Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]config.Setting{}
	for _, s := range call.Config.Settings {
		known["--"+s.Name] = s
	}
	rows := setting.FindAllStringSubmatch(page(t, "README.md"), -1)
	if len(rows) < 10 {
		t.Fatalf("only %d rows of settings were found", len(rows))
	}
	for _, row := range rows {
		names, flags := code.FindAllStringSubmatch(row[1], -1), code.FindAllStringSubmatch(row[2], -1)
		if len(names) != len(flags) {
			t.Errorf("as many names as flags: %s", row[0])
			continue
		}
		for i, f := range flags {
			s, ok := known[f[1]]
			if !ok || s.Env != names[i][1] {
				t.Errorf("the flag %s has the name %q, not %s", f[1], s.Env, names[i][1])
			}
			want := code.FindStringSubmatch(row[3])
			if want != nil && s.Value != want[1] && s.Value != want[1]+"s" {
				t.Errorf("the default of %s is %s, not %s", f[1], s.Value, want[1])
			}
		}
	}
}

// The README's configuration file is one, and has what it shows.
func TestReadmeConfigFile(t *testing.T) {
	_, rest, ok := strings.Cut(page(t, "README.md"), "\n```yaml\n")
	file, _, ok2 := strings.Cut(rest, "```\n")
	if !ok || !ok2 {
		t.Fatal("README.md shows no configuration file")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "resound.yaml"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	call, err := config.Parse([]string{"start"}, config.Options{
		Stdout: new(bytes.Buffer), Stderr: new(bytes.Buffer), Dir: dir, Environ: []string{"SHOP_SECRET=one", "ADMIN_SECRET=two"},
	})
	if err != nil {
		t.Fatal(err)
	}
	list := call.Config.Apps()
	if len(list) != 2 || list[0].Secret != "one" || list[0].MaxMessageSize != 20000 || len(list[0].AllowedOrigins) != 2 ||
		list[1].Secret != "two" || list[1].MaxConnections != 500 || !list[1].RateLimit.Enabled || len(call.Config.Warnings) > 0 {
		t.Errorf("it is read as %+v, %q", list, call.Config.Warnings)
	}
}
