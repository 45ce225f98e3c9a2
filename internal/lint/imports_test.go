package lint

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// imports yields every file of the module with each path that it imports.
func (t *tree) imports() iter.Seq2[*goFile, string] {
	return func(yield func(*goFile, string) bool) {
		for _, p := range t.pkgs {
			for _, f := range p.files {
				for _, spec := range f.syntax.Imports {
					// The parser has checked that the path is a string.
					imported, _ := strconv.Unquote(spec.Path.Value)
					if !yield(f, imported) {
						return
					}
				}
			}
		}
	}
}

// ours returns the folder of a package of this module.
func ours(imported string) (dir string, ok bool) {
	if imported == modulePath {
		return ".", true
	}
	return strings.CutPrefix(imported, modulePath+"/")
}

// checkPackages: every package has a layer.
func checkPackages(t *tree) (found []string) {
	for _, p := range t.pkgs {
		if _, ok := layers[p.dir]; !ok {
			found = append(found, fmt.Sprintf(
				"%s: a package without a layer: put it into layers in internal/lint/tables_test.go and into docs/ARCHITECTURE.md, or move its files to a package that is there", p.dir))
		}
	}
	return found
}

// checkLayers: a package imports lower layers only.
func checkLayers(t *tree) (found []string) {
	for f, imported := range t.imports() {
		target, isOurs := ours(imported)
		dir := f.dir()
		if !isOurs || dir == e2e || f.test && target == dir {
			continue
		}
		from, fromKnown := layers[dir]
		to, toKnown := layers[target]
		if fromKnown && toKnown && to >= from {
			found = append(found, fmt.Sprintf(
				"%s: %s (layer %d) imports %s (layer %d): declare an interface where it is used and hand the value in from a higher layer; a test that needs both goes to %s",
				f.path, dir, from, target, to, e2e))
		}
	}
	return found
}

// checkWalls: what the layers allow and a wall forbids.
func checkWalls(t *tree) (found []string) {
	for f, imported := range t.imports() {
		target, isOurs := ours(imported)
		for _, w := range walls {
			if !isOurs || f.dir() != w.of || target == w.of || f.test && !w.tests {
				continue
			}
			if slices.Contains(w.not, target) || w.only != nil && !slices.Contains(w.only, target) {
				found = append(found, fmt.Sprintf("%s: %s may not import %s: %s", f.path, w.of, target, w.reason))
			}
		}
	}
	return found
}

// checkOwners: an outside package is imported by its owner only.
func checkOwners(t *tree) (found []string) {
	for f, imported := range t.imports() {
		if _, isOurs := ours(imported); isOurs {
			continue
		}
		key, o, ok := ownerOf(imported)
		switch {
		case !ok && outside(imported):
			found = append(found, fmt.Sprintf(
				"%s: %s has no owner: use what the module has already, or name the one package that may import it in owners in internal/lint/tables_test.go", f.path, imported))
		case ok && !o.allows(f):
			found = append(found, fmt.Sprintf("%s: %s is not for %s: %s", f.path, key, f.dir(), o.instead(key)))
		}
	}
	return found
}

// checkRequirements: every module that go.mod requires for our code has an
// owner. Tools are run, not imported.
func checkRequirements(t *tree) (found []string) {
	for _, r := range t.mod.Require {
		isTool := false
		for _, tool := range t.mod.Tool {
			isTool = isTool || below(tool.Path, r.Path)
		}
		if _, _, ok := ownerOf(r.Path); !ok && !r.Indirect && !isTool {
			found = append(found, fmt.Sprintf(
				"go.mod: %s has no owner: remove it, or name the one package that may import it in owners in internal/lint/tables_test.go", r.Path))
		}
	}
	return found
}

// ownerOf finds the longest entry of owners that covers a path.
func ownerOf(imported string) (key string, o owner, ok bool) {
	for k, v := range owners {
		if below(imported, k) && len(k) > len(key) {
			key, o, ok = k, v, true
		}
	}
	return key, o, ok
}

func (o owner) allows(f *goFile) bool {
	return o.anyone || f.test && o.tests || f.test && f.dir() == e2e || slices.Contains(o.of, f.dir())
}

// instead says what a package that may not import key should do.
func (o owner) instead(key string) string {
	if key == "encoding/json" {
		return "use github.com/goccy/go-json"
	}
	return "its owner is " + strings.Join(o.of, ", ") + "; use what the owner offers"
}

// outside says whether a path is neither ours nor in the standard library,
// whose paths have no dot in their first element.
func outside(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return strings.Contains(first, ".")
}
