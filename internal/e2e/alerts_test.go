package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// panelOf is what the tests look at of a panel of the dashboard.
type panelOf struct {
	ID      int
	Type    string
	Title   string
	GridPos struct{ H, W, X, Y int }
	Targets []struct{ Expr, LegendFormat string }
}

// dashboard is the same of the dashboard.
type dashboard struct {
	Panels     []panelOf
	Templating struct {
		List []struct {
			Name  string
			Query any
		}
	}
}

// ruleFile is the same of alerting rules.
type ruleFile struct {
	Groups []struct {
		Rules []struct {
			Alert, Expr, For    string
			Labels, Annotations map[string]string
		}
	}
}

// knownMetrics is every metric that the server has, with the names of its labels beside those that Prometheus gives.
func knownMetrics(t *testing.T) map[string][]string {
	t.Helper()
	known := map[string][]string{"up": nil}
	for _, m := range regexp.MustCompile("(?m)^\\| `(resound_\\w+)` \\| ([\\w,]*) \\|").FindAllStringSubmatch(page(t, "docs/OPERATIONS.md"), -1) {
		known[m[1]] = strings.Split(m[2], ",")
	}
	s := start(t, plan{args: append([]string{"--admin-address=127.0.0.1:0"}, appFlags...)})
	s.request(t, "POST", "/events", event("so that there is something to tell"))
	text := ask(t, s.adminURL(t)+"/metrics")
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\w+) (\w+)$`).FindAllStringSubmatch(text, -1) {
		name := m[1]
		if _, ok := known[name]; !ok && strings.HasPrefix(name, "resound_") {
			t.Errorf("%s is not in the table of docs/OPERATIONS.md", name)
		}
		labels := known[name]
		switch m[2] {
		case "histogram":
			known[name+"_bucket"] = append(slices.Clone(labels), "le")
			known[name+"_sum"], known[name+"_count"] = labels, labels
			delete(known, name)
			continue
		case "summary":
			known[name+"_sum"], known[name+"_count"] = nil, nil
			labels = []string{"quantile"}
		}
		known[name] = labels
	}
	return known
}

var (
	metricName = regexp.MustCompile(`\b((?:resound|go|process)_\w+|up)\b(\{[^}]*\})?`)
	labelName  = regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)\s*"`)
	byLabels   = regexp.MustCompile(`\bby \(([^)]*)\)`)
	shown      = regexp.MustCompile(`\{\{ *\$?(?:labels\.)?(\w+) *\}\}`)
)

// fits fails for a metric or a label that there is not, and returns the metrics of the expression and the labels of its result.
func fits(t *testing.T, where, expr string, known map[string][]string) (used []string, result map[string]bool) {
	t.Helper()
	all := map[string]bool{"job": true, "instance": true}
	// Names inside of strings are values, and inside of by () labels.
	bare := byLabels.ReplaceAllString(expr, "")
	for _, m := range metricName.FindAllStringSubmatch(bare, -1) {
		labels, ok := known[m[1]]
		if !ok {
			t.Errorf("%s: there is no metric %s in %s", where, m[1], expr)
		}
		used = append(used, m[1])
		for _, l := range labels {
			all[l] = true
		}
		for _, l := range labelName.FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(labels, l[1]) && l[1] != "job" && l[1] != "instance" {
				t.Errorf("%s: %s has no label %s in %s", where, m[1], l[1], expr)
			}
		}
	}
	if len(used) == 0 {
		t.Errorf("%s: no metric in %s", where, expr)
	}
	result = all
	if by := byLabels.FindAllStringSubmatch(expr, -1); by != nil {
		result = map[string]bool{}
		for _, m := range by {
			for l := range strings.SplitSeq(m[1], ",") {
				l = strings.TrimSpace(l)
				if !all[l] {
					t.Errorf("%s: no metric has a label %s in %s", where, l, expr)
				}
				result[l] = true
			}
		}
	}
	return used, result
}

// TestDashboard: every panel asks for what there is, shows labels that it gets, and covers no other; and no metric of ours is left out.
func TestDashboard(t *testing.T) {
	t.Parallel()
	known := knownMetrics(t)
	var d dashboard
	if err := json.Unmarshal([]byte(deployed(t, "grafana.json")), &d); err != nil {
		t.Fatal(err)
	}
	used, place, ids := map[string]bool{}, map[string]string{}, map[int]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" || p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %d %q has another's id, no title or asks for nothing", p.ID, p.Title)
		}
		ids[p.ID] = true
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := fmt.Sprint(p.GridPos.X+x, ",", p.GridPos.Y+y)
				if place[at] != "" || p.GridPos.X+x >= 24 {
					t.Fatalf("%q lies over %q at %s", p.Title, place[at], at)
				}
				place[at] = p.Title
			}
		}
		for _, target := range p.Targets {
			expr := strings.ReplaceAll(target.Expr, "$__rate_interval", "5m")
			names, labels := fits(t, p.Title, expr, known)
			for _, n := range names {
				used[n] = true
			}
			for _, m := range shown.FindAllStringSubmatch(target.LegendFormat, -1) {
				if !labels[m[1]] {
					t.Errorf("%s shows %s, which %s has not", p.Title, m[1], expr)
				}
			}
			if !strings.Contains(expr, `job=~"$job",instance=~"$instance"`) {
				t.Errorf("%s does not look at the chosen servers: %s", p.Title, expr)
			}
		}
	}
	var names []string
	for _, v := range d.Templating.List {
		names = append(names, v.Name)
		if q, ok := v.Query.(map[string]any); ok {
			fits(t, "the variable "+v.Name, fmt.Sprint(q["query"]), known)
		}
	}
	if !slices.Equal(names, []string{"datasource", "job", "instance", "app"}) {
		t.Errorf("the variables are %q", names)
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		base := strings.TrimSuffix(strings.TrimSuffix(name, "_sum"), "_count")
		if strings.HasPrefix(name, "resound_") && !used[name] && !used[base+"_bucket"] {
			t.Errorf("no panel has %s", name)
		}
	}
}

// TestAlertRules: they ask for what there is, say why, have a runbook, and fire when they have to and only then.
func TestAlertRules(t *testing.T) {
	t.Parallel()
	known, operations, tests := knownMetrics(t), page(t, "docs/OPERATIONS.md"), deployed(t, "alerts.test.yaml")
	var f ruleFile
	if err := yaml.Unmarshal([]byte(deployed(t, "alerts.yaml")), &f); err != nil {
		t.Fatal(err)
	}
	for _, g := range f.Groups {
		for _, r := range g.Rules {
			_, labels := fits(t, r.Alert, r.Expr, known)
			for _, key := range []string{"summary", "description", "runbook"} {
				if r.Annotations[key] == "" {
					t.Errorf("%s has no %s", r.Alert, key)
				}
				for _, m := range shown.FindAllStringSubmatch(r.Annotations[key], -1) {
					if !labels[m[1]] && m[1] != "value" {
						t.Errorf("%s shows %s, which it has not", r.Alert, m[1])
					}
				}
			}
			if want := "docs/OPERATIONS.md#" + strings.ToLower(r.Alert); r.Annotations["runbook"] != want || !strings.Contains(operations, "\n### "+r.Alert+"\n") {
				t.Errorf("%s has the runbook %s, want %s, with a section", r.Alert, r.Annotations["runbook"], want)
			}
			if s := r.Labels["severity"]; s != "page" && s != "ticket" {
				t.Errorf("%s has the severity %q", r.Alert, s)
			}
			for _, name := range []string{r.Alert + " fires\n", r.Alert + " is quiet\n"} {
				if !strings.Contains(tests, "- name: "+name) {
					t.Errorf("there is no test that %s", name)
				}
			}
		}
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatal("promtool is missing: run make deps")
	}
	for _, args := range [][]string{{"check", "rules", "alerts.yaml"}, {"test", "rules", "alerts.test.yaml"}} {
		c := exec.Command(promtool, args...)
		c.Dir = filepath.Join(root, "deploy")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// TestMetricsAreWellFormed: promtool has nothing to say about what the server tells, neither names nor units nor help.
func TestMetricsAreWellFormed(t *testing.T) {
	t.Parallel()
	s := start(t, plan{args: append([]string{"--admin-address=127.0.0.1:0"}, appFlags...)})
	c := exec.Command("promtool", "check", "metrics")
	c.Stdin = strings.NewReader(ask(t, s.adminURL(t)+"/metrics"))
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// TestThreatModel: each attack of the page has a test that exists, and each test of an attack is on the page.
func TestThreatModel(t *testing.T) {
	_, tests := sources(t)
	_, section, ok := strings.Cut(page(t, "docs/OPERATIONS.md"), "\n## Threat model\n")
	section, _, _ = strings.Cut(section, "\n## ")
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllStringSubmatch(section, -1)
	if !ok || len(named) == 0 {
		t.Fatal("there is no threat model")
	}
	for _, m := range named {
		if !tests[m[1]] {
			t.Errorf("there is no %s", m[1])
		}
	}
	for name := range tests {
		if strings.HasPrefix(name, "TestAttack") && !strings.Contains(section, "`"+name+"`") {
			t.Errorf("the threat model does not have %s", name)
		}
	}
}
