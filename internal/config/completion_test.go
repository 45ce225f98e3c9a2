package config

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// deployed is where packages take what the program writes of itself.
const deployed = "../../deploy"

// What is in deploy/ is what the program prints. `go test ./internal/config -run TestWritten -update` writes it anew.
func TestWrittenFiles(t *testing.T) {
	for args, name := range map[string]string{
		"completion bash": "completions/resound.bash", "completion zsh": "completions/_resound", "completion fish": "completions/resound.fish", "man": "resound.1",
	} {
		inv, err := newWorld(t).laravel(t, "broken line\n").parse(strings.Fields(args)...) // no file is read
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(deployed, name)
		if *update {
			if err := os.WriteFile(path, []byte(inv.Text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		have, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(have) != inv.Text || inv.Command != strings.Fields(args)[0] {
			t.Errorf("%s is stale (go test -update writes it)", path)
		}
	}
	for _, args := range [][]string{{"completion"}, {"completion", "powershell"}} {
		if _, err := newWorld(t).parse(args...); err == nil {
			t.Errorf("%q is no error", args)
		}
	}
}

// bashCompletes returns what bash offers for a line of words, the last of which is begun.
func bashCompletes(t *testing.T, words ...string) []string {
	t.Helper()
	const script = `source "$0/resound.bash"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _resound; printf '%s\n' "${COMPREPLY[@]}"`
	c := exec.Command("bash", append([]string{"-c", script, filepath.Join(deployed, "completions")}, words...)...)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%q: %v", words, err)
	}
	return strings.Fields(string(out))
}

func TestBashCompletes(t *testing.T) {
	for _, tc := range []struct{ line, want string }{
		{"resound |", "start config check doctor apps restart top log health completion man version --help --version"},
		{"resound c|", "config check completion"},
		{"resound log |", "list show truncate compact --help"},
		{"resound log show --fu|", "--full"},
		{"resound start --durab|", "--durability="},
		{"resound start --durability = d|", "disk"},
		{"resound start --durability = |", "async process disk off"},
		{"resound start --durability d|", "disk"},
		{"resound start --accept-client-events-from = |", "members all none"},
		{"resound start --host = |", ""},
		{"resound start --debug --log-l|", "--log-level="},
		{"resound doctor --st|", "--strict"},
		{"resound completion |", "bash zsh fish --help"},
		{"resound apps import --out|", "--output="},
	} {
		words := strings.Split(strings.TrimSuffix(tc.line, "|"), " ")
		if got := bashCompletes(t, words...); strings.Join(got, " ") != tc.want {
			t.Errorf("%s offers %q, not %q", tc.line, got, tc.want)
		}
	}
	// Files are offered where one is wanted.
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "shop.env"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := bashCompletes(t, "resound", "check", "--env-file", "=", dir+"/sh"); !slices.Equal(got, []string{dir + "/shop.env"}) {
		t.Errorf("of files it offers %q", got)
	}
}

// The other shells take their script without a complaint, and fish says what it would offer.
func TestOtherShellsTakeTheirScripts(t *testing.T) {
	shell := func(name string) {
		if _, err := exec.LookPath(name); err != nil {
			t.Fatalf("%s is missing: run make deps", name)
		}
	}
	run := func(name string, args ...string) string {
		out, err := exec.Command(name, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s %q: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	shell("fish")
	for line, want := range map[string]string{"resound log s": "show", "resound start --durability=d": "--durability=disk", "resound ma": "man", "resound completion z": "zsh"} {
		if out := run("fish", "--no-config", "-c", "source "+deployed+"/completions/resound.fish; complete -C '"+line+"'"); !strings.HasPrefix(out, want+"\t") && strings.TrimSpace(out) != want {
			t.Errorf("%s: fish offers %q", line, out)
		}
	}
	shell("zsh")
	out := run("zsh", "-f", "-c", "autoload -Uz compinit && compinit -u -d "+filepath.Join(t.TempDir(), "dump")+"; source "+deployed+"/completions/_resound && print $_comps[resound] $+functions[_resound_log_show]")
	if strings.TrimSpace(out) != "_resound 1" {
		t.Errorf("zsh has %q", out)
	}
}

// The page is one that roff formats without a complaint, and has every flag and name.
func TestManPage(t *testing.T) {
	page := filepath.Join(deployed, "resound.1")
	if _, err := exec.LookPath("groff"); err != nil {
		t.Fatal("groff is missing: run make deps")
	}
	c := exec.Command("groff", "-man", "-Tascii", "-ww", "-P-cbou", page)
	var complaints strings.Builder
	c.Stderr = &complaints
	out, err := c.Output()
	if err != nil || complaints.Len() > 0 {
		t.Fatalf("%v: %s", err, complaints.String())
	}
	text := strings.Join(strings.Fields(strings.ReplaceAll(string(out), "-\n", "-")), " ")
	flags, _ := model(t)
	for _, f := range flags {
		if !strings.Contains(text, "--"+f.Name) {
			t.Errorf("the page has no --%s", f.Name)
		}
	}
	for _, name := range append(ownNames(), "resound log truncate <channel>", "resound apps import [<file>]", "EXIT STATUS") {
		if !strings.Contains(text, name) {
			t.Errorf("the page has no %s", name)
		}
	}
}
