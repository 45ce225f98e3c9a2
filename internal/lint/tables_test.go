package lint

// modulePath is the module's own import path.
const modulePath = "resound"

// layers gives every package of the module its layer.
var layers = map[string]int{
	"clients/js":           0,
	"internal/apps":        0,
	"internal/certtest":    0,
	"internal/invariants":  0,
	"internal/measure":     0,
	"internal/overload":    0,
	"internal/redistest":   0,
	"internal/takeover":    0,
	"protocol/ws":          1,
	"persist":              1,
	"protocol":             2,
	"channels":             3,
	"engine":               4,
	"api":                  4,
	"bench/hist":           0,
	"bench/sys":            0,
	"bench/model":          1,
	"bench/raw":            2,
	"bench/wire":           2,
	"bench/swarm":          3,
	"bench/crowd":          3,
	"bench":                4,
	"bench/report":         5,
	"channels/redisbroker": 4,
	"internal/config":      5,
	"internal/control":     5,
	"internal/demo":        5,
	"internal/doctor":      6,
	"internal/node":        6,
	"cmd/resound":          7,
	"cmd/resound-bench":    7,
	e2e:                    7,
	"internal/lint":        7,
}

// e2e is the one package whose files may import anything: it puts the whole
// server beside whole clients.
const e2e = "internal/e2e"

// A wall narrows what the layers would let a package import.
type wall struct {
	of     string   // the package behind the wall
	only   []string // if not nil, all of ours that it may import
	not    []string // else what it may not import
	tests  bool     // whether its test files are bound too
	reason string
}

const harness = "a harness must not share code with what it measures"

var walls = []wall{
	{of: "bench", only: []string{"protocol/ws", "bench/raw", "bench/swarm", "bench/crowd", "bench/hist", "bench/model", "bench/sys", "bench/wire"}, tests: true, reason: harness},
	{of: "bench/report", only: []string{"bench", "bench/hist", "bench/model"}, tests: true, reason: harness},
	{of: "bench/model", only: []string{}, tests: true, reason: harness},
	{of: "bench/crowd", only: []string{"protocol/ws", "bench/hist", "bench/wire", "bench/sys"}, tests: true, reason: harness},
	{of: "bench/swarm", only: []string{"protocol/ws", "bench/raw", "bench/sys", "bench/wire"}, tests: true, reason: harness},
	{of: "bench/wire", only: []string{"protocol/ws", "bench/sys"}, tests: true, reason: harness},
	{of: "bench/raw", only: []string{"protocol/ws", "bench/sys"}, tests: true, reason: harness},
	{of: "cmd/resound-bench", only: []string{"bench", "bench/model", "bench/raw", "bench/report"}, tests: true, reason: harness},
	{of: "engine", not: []string{"persist"},
		reason: "a loop must not be able to reach the disk: take an interface"},
	{of: "api", not: []string{"persist"},
		reason: "the log is written by channels, under the channel's lock: take an interface"},
}

// An owner is who may import an outside module, or a package of the standard
// library that only some may use.
type owner struct {
	of     []string // packages of ours
	anyone bool     // or every package
	tests  bool     // whether the test files of every package may
}

// owners is keyed by a module or package path, which covers what is below it.
var owners = map[string]owner{
	"github.com/HdrHistogram":             {of: []string{"bench/hist"}},
	"github.com/alecthomas/kong":          {of: []string{"internal/config", "cmd/resound-bench"}},
	"github.com/cockroachdb/datadriven":   {of: []string{e2e}},
	"github.com/cockroachdb/pebble":       {of: []string{"persist"}, tests: true}, // tests give a log a disk that fails
	"github.com/fsnotify/fsnotify":        {of: []string{"internal/config"}},
	"github.com/gobwas/ws":                {of: []string{"protocol/ws", "engine"}, tests: true},
	"github.com/goccy/go-json":            {anyone: true},
	"github.com/joho/godotenv":            {of: []string{"internal/config"}},
	"github.com/klauspost/compress":       {of: []string{"protocol/ws"}},
	"github.com/mattn/go-isatty":          {of: []string{"cmd/resound"}},
	"github.com/panjf2000/gnet":           {of: []string{"engine"}},
	"github.com/prometheus/client_golang": {of: []string{"internal/node", "engine", "api", "channels", "channels/redisbroker", "persist"}},
	"github.com/pusher/pusher-http-go":    {of: []string{"internal/demo", e2e}},
	"github.com/redis/rueidis":            {of: []string{"channels/redisbroker"}},
	"github.com/valyala/fasthttp":         {of: []string{"api", "engine", "bench"}}, // the bare server that the API is measured against
	"go.yaml.in/yaml":                     {of: []string{"internal/config", "bench"}},
	"gonum.org/v1/gonum":                  {of: []string{"bench/model"}}, // least squares
	"gonum.org/v1/plot":                   {of: []string{"bench/report"}},
	"golang.org/x/sys":                    {of: []string{"engine", "bench/sys"}}, // sockets and descriptors
	// JSON goes through goccy/go-json. A package that cannot is listed here
	// with its reason; tests may check the one library against the other.
	"encoding/json": {tests: true},
}

// topLevel is every folder that the repository may have.
var topLevel = map[string]bool{
	".ci": true, "api": true, "bench": true, "channels": true, "clients": true, "cmd": true, "deploy": true,
	"docs": true, "engine": true, "examples": true, "internal": true, "persist": true, "protocol": true,
}

// quiet is every package that may start a goroutine only as goroutines says:
// protocol is a pure core, channels runs on the goroutines of its callers, and
// in engine a goroutine for each connection is the mistake to keep out.
var quiet = map[string]bool{"channels": true, "protocol": true, "protocol/ws": true, "engine": true}

// goroutines is every function of those packages that starts goroutines, as
// "folder.Function" or "folder.Type.Method", with the reason: who owns the
// goroutine, how many there can be, and what stops it.
var goroutines = map[string]string{
	"channels.Hub.HoldReplays": "none, unless its context ends before it does: then one, to wake it",
	"channels.Hub.Replay":      "one for each goroutine that the owner runs it on, once, when its context ends: to wake those that wait",
	"engine.Engine.Stop":       "one for each stop, ended by it: gnet's own Stop returns up to half a second late",
	"engine.spawn":             "those of an engine, which Start owns: gnet's own, and the one that wakes busy loops; and TLS handshakes, of which there are maxHandshakes; Stop ends all",
}

// The sizes, in lines, above which code outside of tests gets split.
const (
	maxFile     = 400
	maxFunction = 80
)
