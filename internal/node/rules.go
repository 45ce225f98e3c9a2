package node

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/goccy/go-json"

	"resound/internal/apps"
	"resound/persist"
)

// rulesFile has, beside the log, which channels were kept when it was written to last.
const rulesFile = "kept-channels.json"

// kept says of which channels an application keeps events.
type kept struct {
	App    string     `json:"app"`
	Rules  []keptRule `json:"rules"`
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
	text, err := json.Marshal(keptBy(list))
	if err != nil {
		return err
	}
	path := filepath.Join(n.config.DataDir, rulesFile)
	before, err := os.ReadFile(path)
	switch {
	case err == nil && bytes.Equal(before, text):
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("reading which channels were kept: %w", err)
	}
	if fresh {
		return writeRules(path, text)
	}
	if err := n.events.Break(); err != nil && !errors.Is(err, persist.ErrOff) {
		return fmt.Errorf("other channels are kept than before: %w", err)
	}
	return writeRules(path, text)
}

func writeRules(path string, text []byte) error {
	temp := path + ".tmp"
	if err := os.WriteFile(temp, text, 0o600); err != nil {
		return fmt.Errorf("writing which channels are kept: %w", err)
	}
	return os.Rename(temp, path)
}

// keptBy is what followRules compares, in the order of the applications' ids.
func keptBy(list []*apps.App) []kept {
	var all []kept
	for _, app := range list {
		k := kept{App: app.ID, Others: app.History.Messages > 0}
		for _, rule := range app.HistoryRules {
			k.Rules = append(k.Rules, keptRule{rule.Channels, rule.Messages > 0})
		}
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b kept) int { return cmp.Compare(a.App, b.App) })
	return all
}
