package node

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"

	"github.com/goccy/go-json"

	"resound/internal/apps"
	"resound/persist"
)

// rulesFile has, beside the log, which channels were kept when it was written to last.
const rulesFile = "kept-channels.json"

// kept says of which channels an application keeps events.
type kept struct {
	Rules  []keptRule `json:"rules,omitempty"`
	Others bool       `json:"others"`
}

type keptRule struct {
	Channels []string `json:"channels"`
	Kept     bool     `json:"kept"`
}

// followRules makes the log ready for these applications. Where a channel was not kept for a time, what was published
// meanwhile is in no log, and the log itself does not know. So when other channels are kept than before, an epoch begins before
// which the log counts as incomplete: pages that come back are told of a gap rather than of nothing. It is called before the
// applications take effect: what is published in between counts as missing. A fresh log has no past.
func (n *Node) followRules(list []*apps.App, fresh bool) error {
	if n.events == nil {
		return nil
	}
	path := filepath.Join(n.config.DataDir, rulesFile)
	before := make(map[string]kept)
	text, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err := json.Unmarshal(text, &before); err != nil {
			return fmt.Errorf("reading which channels were kept, in %s: %w", path, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("reading which channels were kept: %w", err)
	}
	// An application that was not served meanwhile was not published to either, and is compared with what it was.
	breach, now := err != nil && !fresh, maps.Clone(before)
	for _, app := range list {
		k := keptOf(app)
		if was, known := before[app.ID]; known && !reflect.DeepEqual(was, k) {
			breach = true
		}
		now[app.ID] = k
	}
	if reflect.DeepEqual(now, before) && !breach {
		return nil
	}
	if breach {
		if err := n.events.Break(); err != nil && !errors.Is(err, persist.ErrOff) {
			return fmt.Errorf("other channels are kept than before: %w", err)
		}
	}
	return writeRules(path, now)
}

func writeRules(path string, rules map[string]kept) error {
	text, err := json.Marshal(rules)
	if err != nil {
		return err
	}
	temp := path + ".tmp"
	if err := os.WriteFile(temp, text, 0o600); err != nil {
		return fmt.Errorf("writing which channels are kept: %w", err)
	}
	return os.Rename(temp, path)
}

// keptOf says which channels an application keeps.
func keptOf(app *apps.App) kept {
	k := kept{Others: app.History.Messages > 0}
	for _, rule := range app.HistoryRules {
		k.Rules = append(k.Rules, keptRule{rule.Channels, rule.Messages > 0})
	}
	return k
}
