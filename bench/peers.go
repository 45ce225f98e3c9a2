package bench

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A peer is an entry of a peers file.
type peer struct {
	Name    string `yaml:"name"`
	Command string `yaml:"command"`
	Address string `yaml:"address"`
	API     string `yaml:"api"`
	PID     int    `yaml:"pid"`
	ID      string `yaml:"id"`
	Key     string `yaml:"key"`
	Secret  string `yaml:"secret"`
	Path    string `yaml:"path"`
}

// ReadPeers reads a YAML file with a list of servers. Each has a name and either a command (as ParseCommand
// reads it, without the name) or an address, perhaps with a pid, an api address of its own and a path; the
// credentials that it does not name are those of app.
func ReadPeers(path string, app Target) ([]Target, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("peers: %w", err)
	}
	defer f.Close()
	list, err := readPeers(f, app)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return list, nil
}

func readPeers(r io.Reader, app Target) ([]Target, error) {
	var entries []yaml.Node
	if err := yaml.NewDecoder(r).Decode(&entries); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("a peers file is a list, an entry of which begins with '- name: …': %w", err)
	}
	if len(entries) == 0 {
		return nil, errors.New("no server in it: an entry begins with '- name: …'")
	}
	var list []Target
	for _, node := range entries {
		var p peer
		if err := decodeStrictly(&node, &p); err != nil {
			return nil, fmt.Errorf("line %d: %w", node.Line, err)
		}
		t, err := p.target(app)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", node.Line, err)
		}
		list = append(list, t)
	}
	return list, nil
}

var peerFields = []string{"name", "command", "address", "api", "pid", "id", "key", "secret", "path"}

// decodeStrictly refuses fields that are not there: yaml does so for whole documents only.
func decodeStrictly(node *yaml.Node, p *peer) error {
	if node.Kind != yaml.MappingNode {
		return errors.New("not an entry: write '- name: …', and the other fields below it")
	}
	for i := 0; i < len(node.Content); i += 2 {
		if key := node.Content[i].Value; !slices.Contains(peerFields, key) {
			return fmt.Errorf("%q is no field of a server: there are %s", key, strings.Join(peerFields, ", "))
		}
	}
	return node.Decode(p)
}

// target checks an entry.
func (p peer) target(app Target) (Target, error) {
	t := Target{Name: p.Name, ID: app.ID, Key: app.Key, Secret: app.Secret, Path: p.Path}
	for _, f := range []struct{ from, to *string }{{&p.ID, &t.ID}, {&p.Key, &t.Key}, {&p.Secret, &t.Secret}} {
		if *f.from != "" {
			*f.to = *f.from
		}
	}
	switch {
	case p.Name == "":
		return t, errors.New("a server without a name")
	case (p.Command == "") == (p.Address == ""):
		return t, fmt.Errorf("%s needs a command, for the harness to start it, or the address of one that runs: one of them", p.Name)
	case p.Command != "" && (p.PID != 0 || p.API != ""):
		return t, fmt.Errorf("%s has a command: pid and api go with an address", p.Name)
	case p.Command != "":
		if err := t.setCommand(p.Command); err != nil {
			return t, err
		}
		return t.public(), nil
	case p.PID < 0:
		return t, fmt.Errorf("%s: %d is no process id", p.Name, p.PID)
	}
	t.PID = p.PID
	return t, t.SetAddress(p.Address, p.API)
}
