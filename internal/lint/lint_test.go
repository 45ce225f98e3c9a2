package lint

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// rules is every rule under the name of its subtest. A rule returns a line for
// each place where it is broken: where, what, and what to do.
var rules = map[string]func(*tree) []string{
	"packages":     checkPackages,
	"layers":       checkLayers,
	"walls":        checkWalls,
	"owners":       checkOwners,
	"requirements": checkRequirements,
	"docs":         checkDocs,
	"doc files":    checkDocFiles,
	"doc tests":    checkDocTests,
	"sizes":        checkSizes,
	"folders":      checkFolders,
	"goroutines":   checkGoroutines,
	"text":         checkText,
}

func TestArchitecture(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	paths, err := repositoryFiles(root)
	if err != nil {
		t.Fatal(err)
	}
	repo, err := load(os.DirFS(root), paths)
	if err != nil {
		t.Fatal(err)
	}
	repo.goroutines = goroutines
	// An empty tree keeps every rule.
	for _, dir := range []string{"internal/apps", "internal/lint"} {
		if !repo.has(dir) {
			t.Errorf("%s was not read", dir)
		}
	}
	if len(repo.mod.Require) == 0 {
		t.Error("go.mod was not read")
	}
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		t.Run(name, func(t *testing.T) {
			for _, line := range rules[name](repo) {
				t.Error(line)
			}
		})
	}
}

func TestRulesTellRightFromWrong(t *testing.T) {
	accepted, refused := map[string]bool{}, map[string]bool{}
	for _, c := range cases {
		t.Run(c.rule+"/"+c.name, func(t *testing.T) {
			got := rules[c.rule](c.tree(t))
			switch {
			case c.want == "":
				accepted[c.rule] = true
				if len(got) != 0 {
					t.Errorf("refused: %q", got)
				}
			case len(got) != 1 || !strings.Contains(got[0], c.want):
				t.Errorf("found %q, want one line with %q", got, c.want)
			default:
				refused[c.rule] = true
			}
		})
	}
	for name := range rules {
		if !accepted[name] || !refused[name] {
			t.Errorf("%s: needs a case that it accepts and one that it refuses", name)
		}
	}
}

// TestGoroutineListHoldsWhatExists pins that a function leaves the list when
// its goroutine goes.
func TestGoroutineListHoldsWhatExists(t *testing.T) {
	list := map[string]string{"engine.Reactor.Run": "one, stopped by Close"}
	with := ruleCase{files: files{"engine/r.go": "package engine\nfunc (r *Reactor) Run() { go r.tick() }"}}.tree(t)
	with.goroutines = list
	if got := checkGoroutines(with); len(got) != 0 {
		t.Errorf("a listed goroutine was refused: %q", got)
	}
	without := ruleCase{files: files{"engine/r.go": "package engine\nfunc (r *Reactor) Run() {}"}}.tree(t)
	without.goroutines = list
	if got := checkGoroutines(without); len(got) != 1 || !strings.Contains(got[0], "starts no goroutine") {
		t.Errorf("found %q, want one line about the stale entry", got)
	}
}

// TestTablesAgree finds names that the tables do not mean the same by.
func TestTablesAgree(t *testing.T) {
	known := func(table, dir string) {
		if _, ok := layers[dir]; !ok {
			t.Errorf("%s: %s has no layer", table, dir)
		}
	}
	for _, w := range walls {
		known("walls", w.of)
		for _, dir := range slices.Concat(w.only, w.not) {
			known("walls", dir)
		}
	}
	for name, o := range owners {
		for _, dir := range o.of {
			known("owners: "+name, dir)
		}
	}
	for dir := range quiet {
		known("quiet", dir)
	}
	for dir := range layers {
		if top, _, _ := strings.Cut(dir, "/"); !topLevel[top] {
			t.Errorf("layers: %s is in no top-level folder", dir)
		}
	}
}

func TestFilesWithoutGit(t *testing.T) {
	root := t.TempDir()
	for _, p := range []string{"go.mod", "api/doc.go", "bin/resound", "resound-data/LOCK", "internal/e2e/clients/node_modules/x/x.js"} {
		name := filepath.Join(root, filepath.FromSlash(p))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := repositoryFiles(root)
	if want := []string{"api/doc.go", "go.mod"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

// files is a repository in memory: text by path.
type files map[string]string

// A ruleCase is input for one rule, and a part of the one line that it has to
// answer with, or "" if the input is right.
type ruleCase struct {
	rule, name string
	files      files
	want       string
}

func (c ruleCase) tree(t *testing.T) *tree {
	t.Helper()
	fsys := fstest.MapFS{}
	for p, text := range c.files {
		fsys[p] = &fstest.MapFile{Data: []byte(text)}
	}
	tr, err := load(fsys, slices.Sorted(maps.Keys(fsys)))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}
