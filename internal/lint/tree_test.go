package lint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A tree is the repository as the rules see it. Paths have slashes and start
// at its root.
type tree struct {
	fsys  fs.FS
	paths []string
	fset  *token.FileSet
	pkgs  []*pkg // by folder
	mod   mod

	goroutines map[string]string // the functions that may start goroutines, with the reason
}

// A pkg is the Go files of one folder, whatever their build tags.
type pkg struct {
	dir   string
	files []*goFile
}

type goFile struct {
	path   string
	test   bool
	lines  int
	syntax *ast.File
}

// mod is what `go mod edit -json` tells that the rules ask for.
type mod struct {
	Require []struct {
		Path     string
		Indirect bool
	}
	Tool []struct{ Path string }
}

// load parses the Go files among paths and the go.mod, if there is one.
func load(fsys fs.FS, paths []string) (*tree, error) {
	t := &tree{fsys: fsys, paths: paths, fset: token.NewFileSet()}
	byDir := map[string]*pkg{}
	for _, p := range paths {
		if path.Ext(p) != ".go" || inTestdata(p) {
			continue
		}
		src, err := fs.ReadFile(fsys, p)
		if err != nil {
			return nil, err
		}
		syntax, err := parser.ParseFile(t.fset, p, src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		dir := path.Dir(p)
		if byDir[dir] == nil {
			byDir[dir] = &pkg{dir: dir}
			t.pkgs = append(t.pkgs, byDir[dir])
		}
		byDir[dir].files = append(byDir[dir].files, &goFile{
			path: p, test: strings.HasSuffix(p, "_test.go"), lines: bytes.Count(src, []byte("\n")), syntax: syntax,
		})
	}
	slices.SortFunc(t.pkgs, func(a, b *pkg) int { return strings.Compare(a.dir, b.dir) })
	if slices.Contains(paths, "go.mod") {
		if err := t.readMod(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// readMod lets the go command read the go.mod, from a copy: the tree need not
// be on disk.
func (t *tree) readMod() error {
	text, err := fs.ReadFile(t.fsys, "go.mod")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "lint")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "go.mod")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		return err
	}
	out, err := run(dir, "go", "mod", "edit", "-json", name)
	if err != nil {
		return err
	}
	return json.Unmarshal(out, &t.mod)
}

// repositoryFiles lists the files of the repository at root: what git tracks
// or would track, and without git all but what is built or installed there.
func repositoryFiles(root string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		return walk(os.DirFS(root))
	}
	// The checkout of a CI job often has another owner, which git distrusts.
	out, err := run(root, "git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if errors.Is(err, exec.ErrNotFound) {
		return walk(os.DirFS(root))
	}
	if err != nil {
		return nil, err
	}
	var paths []string
	for p := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		// A file that is removed but still in the index is not there to be read.
		if info, err := os.Lstat(filepath.Join(root, p)); err == nil && info.Mode().IsRegular() {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// walk lists the regular files of fsys, without what .gitignore names.
func walk(fsys fs.FS) (paths []string, err error) {
	err = fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (p == ".git" || p == "bin" || p == "resound-data" || d.Name() == "node_modules"):
			return fs.SkipDir
		case d.Type().IsRegular():
			paths = append(paths, p)
		}
		return nil
	})
	return paths, err
}

// run returns the output of a command; the error holds what it wrote to stderr.
func run(dir, name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", name, err, stderr.Bytes())
	}
	return out, nil
}

func inTestdata(p string) bool {
	return slices.Contains(strings.Split(path.Dir(p), "/"), "testdata")
}

// below says whether p is base or a path below it.
func below(p, base string) bool {
	return p == base || strings.HasPrefix(p, base+"/")
}
