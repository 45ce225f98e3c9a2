package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTargets(t *testing.T) {
	peers := filepath.Join(t.TempDir(), "peers.yaml")
	if err := os.WriteFile(peers, []byte("- {name: d, address: 'localhost:1', secret: other}\n- {name: e, command: './e {port}'}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	given := servers{Durability: []string{"off"}, ID: "1", Key: "k", Secret: "s", Path: "/p"}
	for name, c := range map[string]struct {
		change func(*servers)
		names  []string
		secret []string
		err    string
	}{
		"nothing":    {func(*servers) {}, []string{"resound"}, []string{"bench-secret"}, ""},
		"durability": {func(s *servers) { s.Durability = []string{"off", "disk"} }, []string{"resound, off", "resound, disk"}, []string{"bench-secret", "bench-secret"}, ""},
		"all kinds": {func(s *servers) {
			s.Peers, s.Server, s.Command, s.Address = peers, []string{"a=./a"}, []string{"b=./b {port}"}, []string{"c=localhost:1"}
		}, []string{"a", "b", "c", "d", "e"}, []string{"bench-secret", "bench-secret", "s", "other", "s"}, ""},
		"no binary":    {func(s *servers) { s.Address = []string{"localhost:1"} }, []string{"localhost:1"}, []string{"s"}, ""},
		"twice":        {func(s *servers) { s.Server, s.Command = []string{"./a"}, []string{"a=./b {port}"} }, nil, nil, "two servers are named a"},
		"baseline":     {func(s *servers) { s.Server = []string{"./raw"} }, nil, nil, "two servers are named raw"},
		"pids":         {func(s *servers) { s.Address, s.PID = []string{"localhost:1"}, []int{1, 2} }, nil, nil, "2 --pid for 1 --address"},
		"bad address":  {func(s *servers) { s.Address = []string{"a=wss://b"} }, nil, nil, "the address of a: wss://b: the load speaks no TLS"},
		"bad command":  {func(s *servers) { s.Command = []string{"a=./b"} }, nil, nil, "--command: the command of a has no {port}"},
		"no peer file": {func(s *servers) { s.Peers = "gone.yaml" }, nil, nil, "gone.yaml"},
	} {
		s := given
		c.change(&s)
		list, err := s.measured(false)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want an error with %q", name, err, c.err)
			}
			continue
		}
		var names, secrets []string
		for _, target := range list {
			names, secrets = append(names, target.Name), append(secrets, target.Secret)
			if strings.Contains(strings.Join(target.Args, " "), target.Secret) {
				t.Errorf("%s: the secret is an argument that a result shows: %q", name, target.Args)
			}
		}
		if err != nil || !slices.Equal(names, c.names) || !slices.Equal(secrets, c.secret) {
			t.Errorf("%s: %q with %q, %v", name, names, secrets, err)
		}
	}
}
