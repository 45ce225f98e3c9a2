package lint

import "strings"

// imp is a file of a package that imports the given paths.
func imp(name string, paths ...string) string {
	text := "package " + name + "\n"
	for _, p := range paths {
		text += "import _ \"" + p + "\"\n"
	}
	return text
}

const pebble = "github.com/cockroachdb/pebble"

var cases = []ruleCase{
	{"packages", "known", files{"api/api.go": imp("api")}, ""},
	{"packages", "unknown", files{"internal/util/u.go": imp("util")}, "internal/util: a package without a layer"},
	{"packages", "at the root", files{"main.go": imp("main")}, ".: a package without a layer"},
	{"packages", "only tests", files{"protocol/x/x_test.go": imp("x")}, "protocol/x: a package without a layer"},
	{"packages", "in testdata", files{"bench/testdata/x/x.go": imp("x")}, ""},

	{"layers", "lower", files{"channels/a.go": imp("channels", "resound/protocol", "resound/persist", "fmt")}, ""},
	{"layers", "higher", files{"protocol/a.go": imp("protocol", "resound/channels")}, "protocol/a.go: protocol (layer 2) imports channels (layer 3)"},
	{"layers", "same", files{"api/a.go": imp("api", "resound/engine")}, "api (layer 4) imports engine (layer 4)"},
	{"layers", "own", files{"api/a.go": imp("api", "resound/api")}, "api (layer 4) imports api (layer 4)"},
	{"layers", "broker below", files{"channels/a.go": imp("channels", "resound/channels/redisbroker")}, "imports channels/redisbroker (layer 4)"},
	{"layers", "demo", files{"internal/demo/a.go": imp("demo", "resound/internal/node")}, "internal/demo (layer 5) imports internal/node (layer 6)"},
	{"layers", "behind a build tag", files{"api/a.go": "//go:build never\n\n" + imp("api", "resound/engine")}, "api (layer 4) imports engine"},
	{"layers", "external test", files{"api/a_test.go": imp("api_test", "resound/api", "resound/channels")}, ""},
	{"layers", "test too high", files{"api/a_test.go": imp("api_test", "resound/internal/node")}, "imports internal/node (layer 6)"},
	{"layers", "end to end", files{"internal/e2e/a_test.go": imp("e2e", "resound/internal/node", "resound/bench", "resound/internal/lint")}, ""},

	{"walls", "harness and frames", files{"bench/a.go": imp("bench", "resound/protocol/ws", "fmt")}, ""},
	{"walls", "harness and protocol", files{"bench/a.go": imp("bench", "resound/protocol")}, "bench may not import protocol: a harness"},
	{"walls", "harness in a test", files{"bench/a_test.go": imp("bench", "resound/protocol")}, "bench may not import protocol"},
	{"walls", "harness, external test", files{"bench/a_test.go": imp("bench_test", "resound/bench")}, ""},
	{"walls", "loop and disk", files{"engine/a.go": imp("engine", "resound/persist")}, "engine may not import persist: a loop"},
	{"walls", "api and disk", files{"api/a.go": imp("api", "resound/persist", "resound/channels")}, "api may not import persist"},
	{"walls", "disk in a test", files{"api/a_test.go": imp("api", "resound/persist")}, ""},

	{"owners", "owner", files{"persist/a.go": imp("persist", pebble, pebble+"/vfs", "os")}, ""},
	{"owners", "other", files{"channels/a.go": imp("channels", pebble+"/vfs")}, pebble + " is not for channels: its owner is persist"},
	{"owners", "a disk that fails, in a test", files{"channels/a_test.go": imp("channels", pebble+"/vfs/errorfs")}, ""},
	{"owners", "other in a test", files{"channels/a_test.go": imp("channels", "github.com/panjf2000/gnet/v2")}, "gnet is not for channels"},
	{"owners", "hand-over", files{"engine/a.go": imp("engine", "github.com/valyala/fasthttp", "github.com/panjf2000/gnet/v2/pkg/netpoll")}, ""},
	{"owners", "reactor in api", files{"api/a.go": imp("api", "github.com/panjf2000/gnet/v2")}, "gnet is not for api"},
	{"owners", "like an owned name", files{"persist/a.go": imp("persist", pebble+"-tools")}, pebble + "-tools has no owner"},
	{"owners", "unknown", files{"api/a.go": imp("api", "example.com/router")}, "example.com/router has no owner"},
	{"owners", "unknown in a test", files{"api/a_test.go": imp("api", "example.com/assert")}, "example.com/assert has no owner"},
	{"owners", "frames in tests", files{"api/a_test.go": imp("api", "github.com/gobwas/ws/wsutil")}, ""},
	{"owners", "frames elsewhere", files{"api/a.go": imp("api", "github.com/gobwas/ws/wsutil")}, "gobwas/ws is not for api"},
	{"owners", "end to end", files{"internal/e2e/a_test.go": imp("e2e", "github.com/panjf2000/gnet/v2")}, ""},
	{"owners", "JSON", files{"api/a.go": imp("api", "github.com/goccy/go-json")}, ""},
	{"owners", "slow JSON", files{"api/a.go": imp("api", "encoding/json")}, "encoding/json is not for api: use github.com/goccy/go-json"},
	{"owners", "slow JSON in a test", files{"api/a_test.go": imp("api", "encoding/json")}, ""},

	{"requirements", "owned, indirect and tool", files{"go.mod": "module resound\nrequire (\n" + pebble + "/v2 v2.1.0\nexample.com/far v1.0.0 // indirect\nexample.com/tool v1.0.0\n)\ntool example.com/tool/cmd/x\n"}, ""},
	{"requirements", "not owned", files{"go.mod": "module resound\nrequire example.com/router v1.0.0\n"}, "go.mod: example.com/router has no owner"},

	{"docs", "package", files{"api/doc.go": "// Package api is it.\npackage api\n", "api/a.go": "package api\n"}, ""},
	{"docs", "command", files{"cmd/resound/main.go": "// Resound is a server.\npackage main\n"}, ""},
	{"docs", "none", files{"api/doc.go": "package api\n"}, "api: no package comment"},
	{"docs", "in another file", files{"api/api.go": "// Package api is it.\npackage api\n"}, "api: no package comment"},
	{"docs", "wrong start", files{"api/doc.go": "// The API.\npackage api\n"}, `start with "Package api"`},
	{"docs", "two", files{"api/doc.go": "// Package api is it.\npackage api\n", "api/a.go": "// Package api too.\npackage api\n"}, "api/a.go: a second package comment"},

	{"doc files", "named", files{"api/doc.go": "// Package api:\n//   - a.go, b.go: all\npackage api\n", "api/a.go": imp("api"), "api/b.go": imp("api"), "api/c_test.go": imp("api")}, ""},
	{"doc files", "command", files{"cmd/resound/main.go": "// Resound is a server.\npackage main\n", "cmd/resound/a.go": imp("main")}, ""},
	{"doc files", "command with doc.go", files{"cmd/resound/doc.go": "// Resound is a server.\npackage main\n", "cmd/resound/a.go": imp("main")}, "cmd/resound/a.go: not in the package comment"},
	{"doc files", "forgotten", files{"api/doc.go": "// Package api:\n//   - a.go: all\npackage api\n", "api/a.go": imp("api"), "api/b.go": imp("api")}, "api/b.go: not in the package comment"},
	{"doc files", "end of another name", files{"api/doc.go": "// Package api: data.go\npackage api\n", "api/data.go": imp("api"), "api/a.go": imp("api")}, "api/a.go: not in the package comment"},

	{"doc tests", "there", files{"api/doc.go": "// Package api (TestIt, FuzzIt).\npackage api\n", "api/a_test.go": "package api\nfunc TestIt() {}\nfunc FuzzIt() {}\n"}, ""},
	{"doc tests", "not there", files{"api/doc.go": "// Package api (TestIt, TestOther).\npackage api\n", "api/a_test.go": "package api\nfunc TestIt() {}\n"}, "api/doc.go: TestOther does not exist"},
	{"doc tests", "not a test file", files{"api/doc.go": "// Package api (TestIt).\npackage api\n", "api/a.go": "package api\nfunc TestIt() {}\n"}, "TestIt does not exist"},

	{"sizes", "file", files{"api/a.go": lines("package api\n", maxFile)}, ""},
	{"sizes", "file too long", files{"api/a.go": lines("package api\n", maxFile+1)}, "api/a.go: 401 lines, at most 400"},
	{"sizes", "long test", files{"api/a_test.go": lines("package api\n", maxFile+1)}, ""},
	{"sizes", "function", files{"api/a.go": "package api\n" + lines("func (a A) F() {\n", maxFunction-1) + "}\n"}, ""},
	{"sizes", "function too long", files{"api/a.go": "package api\n" + lines("func (a A) F() {\n", maxFunction) + "}\n"}, "api/a.go: F has 81 lines, at most 80"},

	{"folders", "known", files{"docs/a.md": "", "Makefile": "", ".ci/run": ""}, ""},
	{"folders", "unknown", files{"pkg/a.md": "", "pkg/b/c.md": ""}, "pkg/: not a top-level folder"},

	{"goroutines", "elsewhere", files{"persist/a.go": "package persist\nfunc F() { go f() }"}, ""},
	{"goroutines", "in a test", files{"engine/a_test.go": "package engine\nfunc F() { go f() }"}, ""},
	{"goroutines", "method", files{"channels/a.go": "package channels\nfunc (h *Hub) Publish() { if true { go func() {}() } }"}, "channels/a.go:2:37: channels.Hub.Publish starts a goroutine"},
	{"goroutines", "generic", files{"engine/a.go": "package engine\nfunc (l *loop[T]) run() { go f() }"}, "engine.loop.run starts a goroutine"},
	{"goroutines", "wait group", files{"protocol/a.go": "package protocol\nfunc F() { wg.Go(f) }"}, "protocol.F starts a goroutine"},
	{"goroutines", "timer", files{"protocol/ws/a.go": "package ws\nfunc F() { time.AfterFunc(d, f) }"}, "protocol/ws.F starts a goroutine"},
	{"goroutines", "variable", files{"engine/a.go": "package engine\nvar f = func() { go g() }"}, "engine.var starts a goroutine"},
	{"goroutines", "none", files{"engine/a.go": "package engine\nfunc F() { defer f() }"}, ""},

	{"text", "clean", files{"a.md": "What to do, at work / root, in /workshop/, in todos and at https://example.com/work/ or ./work/.\n"}, ""},
	{"text", "mark", files{"a.go": "package a // TO" + "DO: later\n"}, `a.go:1: "TO` + `DO": finish it`},
	{"text", "mark in a checksum", files{"go.sum": "a v1 h1:X" + "XX=\n"}, ""},
	{"text", "path", files{"docs/a.md": "one\ncd /wo" + "rk/main\n"}, `docs/a.md:2: " /wo` + `rk/": a path of somebody's machine`},
	{"text", "path at the start", files{"a.sh": "/ro" + "ot/go/bin/x\n"}, "a.sh:1:"},
	{"text", "registry", files{"package-lock.json": "{\"x\": \"https://registry" + ".npmjs.org/a.tgz\"}\n"}, "where packages come from"},
	{"text", "another registry", files{"c/package-lock.json": "{\"resolved\": \"http" + "://mirror.example/a.tgz\"}\n"}, "where packages come from"},
	{"text", "binary", files{"a.bin": "\x00 /wo" + "rk/\n"}, ""},
	{"text", "corpus", files{"api/testdata/fuzz/FuzzA/1": "/wo" + "rk/\n"}, ""},
}

// lines is text of n lines: the first one and comments.
func lines(first string, n int) string {
	return first + strings.Repeat("//\n", n-1)
}
