package config

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"resound/internal/apps"
)

const configPage = "../../docs/CONFIG.md"

// reverbNameRows is what becomes of every name of Reverb's and Laravel's own
// configuration that is no setting here.
var reverbNameRows = [][2]string{
	{"REVERB_SERVER", "Not used: there is one kind of server."},
	{"REDIS_TIMEOUT", "Not used: in Reverb it is how long Redis may be away until the server ends. Resound tries again for ever."},
	{"REVERB_PULSE_INGEST_INTERVAL", "Not used: the recorder of messages runs inside of PHP. That of connections asks the HTTP API and works."},
	{"REVERB_TELESCOPE_INGEST_INTERVAL", "Not used: Telescope runs inside of PHP."},
	{"PUSHER_APP_ID PUSHER_APP_KEY PUSHER_APP_SECRET", "The application, when no other place names one: a project that comes from Pusher or soketi runs unchanged."},
	{"PUSHER_HOST PUSHER_PORT PUSHER_SCHEME", "Laravel publishes there. `resound check` looks at them when `BROADCAST_CONNECTION` is `pusher`."},
	{"BROADCAST_CONNECTION BROADCAST_DRIVER", "Laravel's choice of where to publish. `resound check` looks at it."},
	{"VITE_REVERB_APP_KEY VITE_REVERB_HOST VITE_REVERB_PORT VITE_REVERB_SCHEME", "Built into the page. `resound check` compares them with the settings."},
	{"APP_ENV", "With it in the environment, `.env.{APP_ENV}` is read instead of `.env`, if it is there, as Laravel does."},
	{"APP_URL", "`resound check` looks whether its pages may connect."},
}

// model returns the flags of `resound start` and their groups, in order.
func model(t *testing.T) (flags []*kong.Flag, groups []*kong.Group) {
	t.Helper()
	k, err := kong.New(new(grammar), kongOptions(Options{Stdout: io.Discard, Stderr: io.Discard}, newSources(Options{}))...)
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range k.Model.Children {
		if command.Name != "start" {
			continue
		}
		for _, f := range command.Flags {
			if f.Group == nil {
				continue
			}
			flags = append(flags, f)
			if !slices.ContainsFunc(groups, func(g *kong.Group) bool { return g.Key == f.Group.Key }) {
				groups = append(groups, f.Group)
			}
		}
	}
	return flags, groups
}

var (
	namedFile = regexp.MustCompile(`Default: (.*)\.$`)
)

// byDefault is the column of defaults.
func byDefault(f *kong.Flag) string {
	switch m := namedFile.FindStringSubmatch(f.Help); {
	case m != nil:
		return m[1]
	case f.Default != "":
		return "`" + f.Default + "`"
	case f.IsBool():
		return "`false`"
	default:
		return "none"
	}
}

func sentence(f *kong.Flag) string {
	s := namedFile.ReplaceAllString(f.Help, "")
	s = helpDefault.ReplaceAllString(s, "")
	return strings.ReplaceAll(strings.TrimSpace(s), "|", `\|`)
}

func ticked(names ...string) string {
	for i := range names {
		names[i] = "`" + strings.ReplaceAll(names[i], "|", `\|`) + "`"
	}
	return strings.Join(names, " ")
}

// settingsTables is the part of the page between the markers `settings`.
func settingsTables(t *testing.T) string {
	var b strings.Builder
	flags, groups := model(t)
	for _, g := range groups {
		fmt.Fprintf(&b, "### %s\n\n| Flag | Name | Key in the file | Default | |\n|---|---|---|---|---|\n", strings.TrimSuffix(g.Title, ":"))
		for _, f := range flags {
			if f.Group.Key != g.Key {
				continue
			}
			flag, name, key := "--"+f.Name, "–", "–"
			if !f.IsBool() {
				flag += "=" + f.PlaceHolder
			}
			if len(f.Envs) > 0 {
				name = ticked(f.Envs[0])
			}
			if k := fileKey(f); k != "-" {
				key = ticked(k)
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", ticked(flag), name, key, byDefault(f), sentence(f))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// appTable is the part between the markers `app`.
func appTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| Key | In `config/reverb.php` | |\n|---|---|---|\n")
	b.WriteString("| `app_id` or `id` | yes | The id, in the path of the HTTP API. Needed. |\n| `key` | yes | The key, which browsers know. Needed. |\n| `secret` | yes | The secret. Needed. |\n")
	flags, _ := model(t)
	for _, f := range flags {
		if !perApplication(f.Group.Key) {
			continue
		}
		from := "no"
		if strings.HasPrefix(f.Envs[0], "REVERB_") || f.Name == "allowed-origins" {
			from = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", fileKey(f), from, sentence(f))
	}
	return b.String() + "\n"
}

// namesTable is the part between the markers `names`.
func namesTable() string {
	var b strings.Builder
	b.WriteString("| Name | What becomes of it |\n|---|---|\n")
	for _, row := range reverbNameRows {
		fmt.Fprintf(&b, "| %s | %s |\n", ticked(strings.Fields(row[0])...), row[1])
	}
	return b.String() + "\n"
}

// The page has every setting as the program has it. `go test ./internal/config -run TestConfigPage -update` writes it anew.
func TestConfigPage(t *testing.T) {
	b, err := os.ReadFile(configPage)
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	for marker, want := range map[string]string{"settings": settingsTables(t), "app": appTable(t), "names": namesTable()} {
		begin, end := "<!-- "+marker+": begin, written by go test ./internal/config -run TestConfigPage -update -->\n\n", "<!-- "+marker+": end -->"
		before, rest, ok := strings.Cut(page, begin)
		have, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("the page has no part %q", marker)
		}
		if have != want && !*update {
			t.Errorf("the part %q is stale (go test -update writes it)\nhas\n%s\nwant\n%s", marker, have, want)
		}
		page = before + begin + want + end + after
	}
	if *update {
		if err := os.WriteFile(configPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Every name that is known to be Reverb's has a row, and no row is a setting.
func TestConfigPageHasEveryName(t *testing.T) {
	var rows []string
	for _, row := range reverbNameRows {
		rows = append(rows, strings.Fields(row[0])...)
	}
	for _, name := range reverbNames {
		if !slices.Contains(rows, name) {
			t.Errorf("%s has no row", name)
		}
	}
	for _, name := range ownNames() {
		if slices.Contains(rows, name) {
			t.Errorf("%s is a setting, and has a row of those that are not", name)
		}
	}
}

// The examples of the page are read by the program, and mean what the page says.
func TestConfigPageExamples(t *testing.T) {
	b, err := os.ReadFile(configPage)
	if err != nil {
		t.Fatal(err)
	}
	var examples []string
	for _, part := range strings.Split(string(b), "```yaml\n")[1:] {
		text, _, _ := strings.Cut(part, "```")
		examples = append(examples, text)
	}
	if len(examples) < 2 {
		t.Fatalf("there are %d examples", len(examples))
	}
	for i, text := range examples {
		w := newWorld(t, "SHOP_SECRET=from-outside")
		w.write(t, "resound.yaml", text)
		c := w.start(t)
		if len(c.Warnings) > 0 || len(c.Apps()) != 2 {
			t.Errorf("example %d: %d applications, %q", i, len(c.Apps()), c.Warnings)
		}
	}
	w := newWorld(t, "SHOP_SECRET=from-outside")
	w.write(t, "resound.yaml", examples[0])
	c := w.start(t)
	shop, admin := c.byID(t, "shop"), c.byID(t, "admin")
	if shop.Secret != "from-outside" || shop.MaxConnections != 20000 || admin.MaxConnections != 1000 || admin.ClientEvents != apps.FromNone {
		t.Errorf("got %+v and %+v", shop, admin)
	}
	i := slices.IndexFunc(examples, func(text string) bool { return strings.Contains(text, "history:") })
	w.write(t, "resound.yaml", examples[i])
	c = w.start(t)
	shop, chat := c.byID(t, "shop"), c.byID(t, "chat")
	if h := shop.HistoryOf("private-orders.7"); h.Messages != 10000 || h.Rewind != 10 || h.Conflate != apps.ConflateEvent {
		t.Errorf("of orders %+v is kept", h)
	}
	if h := chat.HistoryOf("private-chat.1"); h.Messages != 5000 || h.Age != 7*24*time.Hour {
		t.Errorf("of a chat %+v is kept", h)
	}
	if shop.HistoryOf("a.typing").Messages != 0 || chat.HistoryOf("a.typing").Messages != 1000 {
		t.Error("the rules of the margin are not those of the shop alone")
	}
}
