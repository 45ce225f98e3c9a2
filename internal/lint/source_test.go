package lint

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
)

func (f *goFile) dir() string  { return path.Dir(f.path) }
func (f *goFile) base() string { return path.Base(f.path) }

// doc returns the package comment and the file it is in: doc.go, or main.go of
// a command.
func (p *pkg) doc() (text, file string) {
	for _, f := range p.files {
		isMain := f.syntax.Name.Name == "main" && f.base() == "main.go"
		if f.syntax.Doc != nil && (f.base() == "doc.go" || isMain) {
			return f.syntax.Doc.Text(), f.base()
		}
	}
	return "", ""
}

// checkDocs: every package has its contract in doc.go, and only there.
func checkDocs(t *tree) (found []string) {
	for _, p := range t.pkgs {
		text, in := p.doc()
		if text == "" {
			found = append(found, fmt.Sprintf("%s: no package comment: write doc.go, the contract of the package", p.dir))
			continue
		}
		if name := p.files[0].syntax.Name.Name; name != "main" && !strings.HasPrefix(text, "Package "+strings.TrimSuffix(name, "_test")+" ") {
			found = append(found, fmt.Sprintf("%s/%s: the package comment has to start with \"Package %s\"", p.dir, in, name))
		}
		for _, f := range p.files {
			if f.syntax.Doc != nil && f.base() != in {
				found = append(found, fmt.Sprintf("%s: a second package comment: move it to %s, or put an empty line under it", f.path, in))
			}
		}
	}
	return found
}

// checkDocFiles: doc.go says what each file is for. The comment of a main.go is
// for who runs the command, and need not.
func checkDocFiles(t *tree) (found []string) {
	for _, p := range t.pkgs {
		text, in := p.doc()
		if in != "doc.go" {
			continue // if there is no package comment at all, checkDocs says so
		}
		for _, f := range p.files {
			if !f.test && f.base() != in && !named(text, f.base()) {
				found = append(found, fmt.Sprintf("%s: not in the package comment: add a line to %s that says what the file is for", f.path, in))
			}
		}
	}
	return found
}

// named says whether a file's name stands in text as a word of its own.
func named(text, name string) bool {
	return regexp.MustCompile(`(^|[^\w./-])` + regexp.QuoteMeta(name) + `($|\W)`).MatchString(text)
}

var testName = regexp.MustCompile(`\b(Test|Fuzz|Benchmark|Example)[A-Z]\w*`)

// checkDocTests: the tests that a package comment names, as proof of what it
// says, exist.
func checkDocTests(t *tree) (found []string) {
	known := map[string]bool{}
	for _, p := range t.pkgs {
		for _, f := range p.files {
			for _, d := range f.syntax.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && f.test {
					known[fn.Name.Name] = true
				}
			}
		}
	}
	for _, p := range t.pkgs {
		text, in := p.doc()
		names := testName.FindAllString(text, -1)
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			if !known[name] {
				found = append(found, fmt.Sprintf("%s/%s: %s does not exist: write the test, or correct the name", p.dir, in, name))
			}
		}
	}
	return found
}

// checkSizes: files and functions outside of tests stay small.
func checkSizes(t *tree) (found []string) {
	for _, p := range t.pkgs {
		for _, f := range p.files {
			if f.test {
				continue
			}
			if f.lines > maxFile {
				found = append(found, fmt.Sprintf("%s: %d lines, at most %d: split it", f.path, f.lines, maxFile))
			}
			for _, d := range f.syntax.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				if n := t.fset.Position(fn.End()).Line - t.fset.Position(fn.Pos()).Line + 1; n > maxFunction {
					found = append(found, fmt.Sprintf("%s: %s has %d lines, at most %d: split it", f.path, fn.Name.Name, n, maxFunction))
				}
			}
		}
	}
	return found
}

// checkFolders: the top level is the one of the architecture.
func checkFolders(t *tree) (found []string) {
	seen := map[string]bool{}
	for _, p := range t.paths {
		top, _, isFolder := strings.Cut(p, "/")
		if isFolder && !topLevel[top] && !seen[top] {
			seen[top] = true
			found = append(found, fmt.Sprintf(
				"%s/: not a top-level folder of the architecture: move it into one that is, or add it to topLevel in internal/lint/tables_test.go with a good reason", top))
		}
	}
	return found
}

// checkGoroutines: in the quiet packages only the functions listed in
// goroutines start any.
func checkGoroutines(t *tree) (found []string) {
	starts := map[string]bool{}
	for _, p := range t.pkgs {
		if !quiet[p.dir] {
			continue
		}
		for _, f := range p.files {
			if f.test {
				continue
			}
			for _, d := range f.syntax.Decls {
				name := p.dir + "." + declName(d)
				for _, n := range goroutineStarts(d) {
					if starts[name] = true; t.goroutines[name] == "" {
						found = append(found, fmt.Sprintf(
							"%s: %s starts a goroutine: leave it to the caller, or add the function to goroutines in internal/lint/tables_test.go with who owns it, how many there can be, and what stops it",
							t.fset.Position(n.Pos()), name))
					}
				}
			}
		}
	}
	for name := range t.goroutines {
		if dir, _, _ := strings.Cut(name, "."); !starts[name] && t.has(dir) {
			found = append(found, fmt.Sprintf("internal/lint/tables_test.go: %s starts no goroutine: remove it from goroutines", name))
		}
	}
	return found
}

// has says whether the tree has a package in that folder.
func (t *tree) has(dir string) bool {
	return slices.ContainsFunc(t.pkgs, func(p *pkg) bool { return p.dir == dir })
}

// goroutineStarts finds go statements and the calls that start a goroutine of
// their own: the Go method of sync.WaitGroup and of its kind, and AfterFunc of
// time and context.
func goroutineStarts(d ast.Decl) (starts []ast.Node) {
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			starts = append(starts, n)
		case *ast.CallExpr:
			if sel, ok := n.Fun.(*ast.SelectorExpr); ok && (sel.Sel.Name == "Go" || sel.Sel.Name == "AfterFunc") {
				starts = append(starts, n)
			}
		}
		return true
	})
	return starts
}

// declName is "Function", "Type.Method", or "var" for what a package variable
// is initialised with.
func declName(d ast.Decl) string {
	fn, ok := d.(*ast.FuncDecl)
	if !ok {
		return "var"
	}
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return fn.Name.Name
	}
	recv := fn.Recv.List[0].Type
	for {
		switch r := recv.(type) {
		case *ast.StarExpr:
			recv = r.X
		case *ast.IndexExpr:
			recv = r.X
		case *ast.IndexListExpr:
			recv = r.X
		case *ast.Ident:
			return r.Name + "." + fn.Name.Name
		default:
			return fn.Name.Name
		}
	}
}
