package lint

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// platforms are those of a release, as PLATFORMS in the Makefile has them.
var platforms = []string{"linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64"}

// A listed package is what `go list` says of one for a platform.
type listed struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	ImportMap  map[string]string
	Module     *struct{ Main bool }
}

// dependencies lists all packages of the module and what they import, in an order in which each comes behind its imports.
func dependencies(dir, platform string) ([]listed, error) {
	goos, arch, _ := strings.Cut(platform, "-")
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,GoFiles,ImportMap,Module", "./...")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+arch, "CGO_ENABLED=0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var list []listed
	for dec := json.NewDecoder(out); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return list, cmd.Wait()
		} else if err != nil {
			return nil, errors.Join(err, cmd.Wait())
		}
		list = append(list, p)
	}
}

// found is what was checked so far, by the path that imports resolve to.
type found map[string]*types.Package

func (f found) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	if p := f[path]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("%s was not listed before it was imported", path)
}

// renamed resolves imports through a package's map: the standard library has copies of its own.
type renamed struct {
	found
	names map[string]string
}

func (r renamed) Import(path string) (*types.Package, error) {
	if name, ok := r.names[path]; ok {
		path = name
	}
	return r.found.Import(path)
}

// typed checks the types of the whole module as it is on a platform: of our packages every line, of others what they declare.
func typed(dir, platform string) (ours int, err error) {
	list, err := dependencies(dir, platform)
	if err != nil {
		return 0, err
	}
	goos, arch, _ := strings.Cut(platform, "-")
	fset, all := token.NewFileSet(), make(found)
	for _, p := range list {
		if p.ImportPath == "unsafe" {
			continue
		}
		own := p.Module != nil && p.Module.Main
		if own {
			ours++
		}
		var files []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				return ours, err
			}
			files = append(files, f)
		}
		conf := types.Config{Importer: renamed{all, p.ImportMap}, IgnoreFuncBodies: !own, Sizes: types.SizesFor("gc", arch), FakeImportC: true}
		if all[p.ImportPath], err = conf.Check(p.ImportPath, fset, files, nil); err != nil {
			return ours, fmt.Errorf("on %s: %w", goos, err)
		}
	}
	return ours, nil
}

// The module is free of errors on every platform of a release. To compile it for one takes a minute, this a few
// seconds; `make cross` and `make release` compile.
func TestOtherPlatforms(t *testing.T) {
	if testing.Short() {
		t.Skip("nothing here depends on the build")
	}
	b, err := os.ReadFile(filepath.Join("..", "..", "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), "PLATFORMS := "+strings.Join(platforms, " ")+"\n") {
		t.Errorf("the Makefile has other platforms than %q", platforms)
	}
	for _, platform := range platforms[1:] { // the tests run on the first
		t.Run(platform, func(t *testing.T) {
			if n, err := typed(filepath.Join("..", ".."), platform); err != nil || n < 10 {
				t.Errorf("of %d packages: %v", n, err)
			}
		})
	}
}

// What is wrong on one platform only is found there.
func TestOtherPlatformsAreChecked(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module m\n\ngo 1.26\n", "a.go": "package m\n\nimport \"os\"\n\nfunc f() { g(os.Args) }\n",
		"g_linux.go": "package m\n\nfunc g([]string) {}\n", "g_darwin.go": "package m\n\nfunc g(int) {}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var wrong []string
	for _, platform := range platforms {
		if _, err := typed(dir, platform); err != nil {
			wrong = append(wrong, platform)
		}
	}
	if !slices.Equal(wrong, []string{"darwin-amd64", "darwin-arm64"}) {
		t.Errorf("it is wrong on %q", wrong)
	}
}
