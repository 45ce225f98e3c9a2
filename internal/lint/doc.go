// Package lint holds the rules of the architecture as tests. It has no code to
// import: `go test ./internal/lint` reads every file of the repository and
// fails with what to do about each rule that is broken.
//
//   - tables_test.go: what is allowed: the layers, the walls, the owner of each
//     outside module, the top-level folders, the goroutines. A new package, module,
//     folder or goroutine starts with a line here.
//   - tree_test.go: the repository as the rules see it.
//   - imports_test.go: who may import what, and go.mod.
//   - source_test.go: package docs, sizes, goroutines, folders.
//   - text_test.go: words and paths that no file may hold.
//   - platforms_test.go: the types of the whole module on every platform of a release.
//   - lint_test.go: runs the rules, on the repository and on the cases.
//   - cases_test.go: for each rule, input that it accepts and input that it
//     must refuse, so that no rule can come to pass everything.
//
// Layers. A package imports packages of lower layers only, never of its own.
// Test files keep to the same layers and walls, with three exceptions: an
// external test imports the package it tests; a wall that is there for the
// running server, and not for the code, does not bind tests; internal/e2e may
// import anything. A test that needs more than that belongs to internal/e2e.
//
// Files are parsed, not built: a file counts whatever its build tags say, and
// the rules also run while some package does not compile. The files are those
// that git tracks or would track; where there is no git, all but what is built
// or installed into the folder.
package lint
