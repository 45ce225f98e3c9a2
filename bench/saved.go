package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	json "github.com/goccy/go-json"
)

// Format is the version of the files that Save writes. It goes up when an older Load would misread them.
const Format = 1

// results makes an empty result for each kind that a file can hold. A new kind is a line here.
var results = map[string]func() Result{
	"calibrate":      func() Result { return &CalibrateResult{} },
	"connect":        func() Result { return &ConnectResult{} },
	"cluster-crash":  func() Result { return &ClusterCrashResult{} },
	"cluster-fanout": func() Result { return &ClusterFanoutResult{} },
	"cluster-cost":   func() Result { return &ClusterCostResult{} },
	"fanout":         func() Result { return &FanoutResult{} },
	"idle":           func() Result { return &IdleResult{} },
	"memory":         func() Result { return &MemoryResult{} },
	"play":           func() Result { return &PlayResult{} },
	"publish":        func() Result { return &PublishResult{} },
	"verify":         func() Result { return &VerifyResult{} },
	"slow":           func() Result { return &SlowResult{} },
}

// Result is a scenario's outcome: the raw figures, and what is made of them. A pointer to a struct; a field
// that JSON knows by another name, or not at all, must not change what is made.
type Result interface {
	Table() Table
	Figures() []Figure
	Servers() []Target // what was measured; one may be there more than once
}

// Setting is one setting of a run, as a flag.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Run is how a result came about.
type Run struct {
	Time     time.Time `json:"time"` // when it began, UTC
	Machine  Machine   `json:"machine"`
	Harness  string    `json:"harness"`  // version of the harness
	Command  []string  `json:"command"`  // its arguments
	Settings []Setting `json:"settings"` // all of them, with those that were not given
}

// version is set by the linker: -X resound/bench.version=v0.1.0
var version string

// Version is that of the harness: what the linker set, or else the revision that the toolchain recorded.
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value[:min(12, len(s.Value))]
			}
		}
	}
	return "devel"
}

// Begin describes a run that is about to start. No secret gets into it, nor a path of this machine.
func Begin(args []string, settings []Setting) Run {
	r := Run{Time: time.Now().UTC().Truncate(time.Second), Machine: ThisMachine(), Harness: Version(), Command: publishAll(args)}
	for _, s := range settings {
		if s.Value = publish(s.Value); secretName.MatchString(s.Name) && s.Value != "" {
			s.Value = hidden
		}
		r.Settings = append(r.Settings, s)
	}
	return r
}

// CommandLine is the command as a shell takes it, without where the result was to go.
func (r Run) CommandLine() string {
	words := []string{"resound-bench"}
	for i := 0; i < len(r.Command); i++ {
		word := r.Command[i]
		switch {
		case word == "--json" || word == "--out":
			i++
		case strings.HasPrefix(word, "--json=") || strings.HasPrefix(word, "--out="):
		case plainWord.MatchString(word):
			words = append(words, word)
		default:
			words = append(words, "'"+strings.ReplaceAll(word, "'", `'\''`)+"'")
		}
	}
	return strings.Join(words, " ")
}

// plainWord needs no quotes in a shell.
var plainWord = regexp.MustCompile(`^[\w@%+=:,./{}-]+$`)

// Server is a server that was measured.
type Server struct {
	Name    string   `json:"name"`
	Program string   `json:"program,omitempty"` // base name of what was started with Args
	Args    []string `json:"args,omitempty"`    // {port} and so on as in Target
	Env     []string `json:"env,omitempty"`     // as in Target
	Address string   `json:"address,omitempty"` // of one that ran already
	Version string   `json:"version,omitempty"` // what it says itself
}

// Saved is a run with its result, as a file has it.
type Saved struct {
	Name     string `json:"-"` // of the file, without .json
	Format   int    `json:"format"`
	Scenario string `json:"scenario"` // the kind of the result
	Run
	Servers []Server `json:"servers"`
	Failure string   `json:"failure,omitempty"` // the run's error: then the result is what it had until then
	Result  Result   `json:"result"`
}

// Started is how the server came to run, as a command line or an address.
func (s Server) Started() string {
	if s.Address != "" {
		return "ran at " + s.Address
	}
	return strings.Join(slices.Concat(s.Env, []string{s.Program}, s.Args), " ")
}

// Save writes the run with its result to a file, whole or not at all. failure is the run's error, or nil.
func (r Run) Save(path string, result Result, failure error) error {
	s := Saved{Format: Format, Scenario: kind(result), Run: r, Servers: servers(result.Servers()), Result: result}
	if s.Scenario == "" {
		return fmt.Errorf("%s: results of type %T are not registered in package bench", path, result)
	}
	if failure != nil {
		s.Failure = publish(failure.Error())
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return writeWhole(path, append(onOneLine(b), '\n'))
}

// writeWhole writes a file, or leaves what was there as it was: no half of it, as on a disk that is full.
func writeWhole(path string, b []byte) error {
	part := path + ".part"
	err := os.WriteFile(part, b, 0o644)
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		_ = os.Remove(part)
	}
	return err
}

// numbers is a list of them, each on its line.
var numbers = regexp.MustCompile(`\[\s+(?:-?\d[\d.eE+-]*,?\s+)+\]`)

// onOneLine puts each list of numbers on one line: there are thousands of bursts in a result.
func onOneLine(b []byte) []byte {
	return numbers.ReplaceAllFunc(b, func(list []byte) []byte {
		return bytes.Join(bytes.Fields(list), nil)
	})
}

// kind is the name of a result's type in results.
func kind(r Result) string {
	for name, empty := range results {
		if reflect.TypeOf(empty()) == reflect.TypeOf(r) {
			return name
		}
	}
	return ""
}

// servers describes each target once.
func servers(targets []Target) []Server {
	list := []Server{}
	for _, t := range targets {
		p := t.published()
		s := Server{Name: p.Name, Program: p.Program, Args: p.Args, Env: p.Env, Address: p.Address}
		if t.Self != "" {
			s.Program, s.Args, s.Version = "resound-bench", []string{t.Self}, Version()
		}
		if slices.ContainsFunc(list, func(o Server) bool { return o.Name == s.Name && slices.Equal(o.Args, s.Args) }) {
			continue
		}
		if t.Program != "" {
			s.Version = versionOf(t)
		}
		list = append(list, s)
	}
	return list
}

// versionOf asks a binary of ours, which is one that has a command start, for its version. Others are not
// started for that: who knows what they would do.
func versionOf(t Target) string {
	if len(t.Args) == 0 || t.Args[0] != "start" {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, t.Program, "version").Output()
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(out), "\n")
	if !strings.HasPrefix(line, "resound ") {
		return "" // others have a command start as well
	}
	return line
}

// Load reads a file that Save wrote. Its error says what to do about a file that cannot be read.
func Load(path string) (*Saved, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: there is no such file; resound-bench SCENARIO --json %[1]s writes it", path)
	}
	if err != nil {
		return nil, err
	}
	s, err := read(b)
	if err == nil {
		err = whole(s.Result)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s.Name = strings.TrimSuffix(filepath.Base(path), ".json")
	return s, nil
}

func read(b []byte) (*Saved, error) {
	var head struct {
		Format   int
		Scenario string
		Result   json.RawMessage
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, fmt.Errorf("not a saved result: %w", err)
	}
	empty := results[head.Scenario]
	switch {
	case head.Format == 0:
		return nil, errors.New("not a saved result, or one of an older resound-bench, which wrote no format: run the scenario again")
	case head.Format != Format:
		return nil, fmt.Errorf("saved in format %d, and this resound-bench reads format %d: take the resound-bench that wrote it, or run the scenario again", head.Format, Format)
	case empty == nil:
		return nil, fmt.Errorf("a result of the kind %q, which this resound-bench does not know: take the one that wrote it", head.Scenario)
	case len(head.Result) == 0 || string(head.Result) == "null":
		return nil, errors.New("there is no result in it: run the scenario again")
	}
	s := &Saved{Result: empty()}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("broken: %w", err)
	}
	return s, nil
}

// whole says whether everything can be made of a result that is made of one: whoever edits a file may leave out what it needs.
func whole(r Result) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("broken: something is missing in its result (%v): run the scenario again", p)
		}
	}()
	r.Table()
	r.Figures()
	return nil
}
