package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"resound/bench"
)

// app is the application that servers which we start are given.
var app = bench.Target{ID: "bench", Key: "bench-key", Secret: "bench-secret"}

// servers is what to measure.
type servers struct {
	Server     []string `placeholder:"[NAME=]PATH" sep:"none" help:"A resound binary to start and measure. May be given more than once, to compare builds. Default: bin/resound, if no other server is given."`
	ServerArgs []string `placeholder:"ARG" sep:"none" help:"One more argument for each of them, as --server-args=--backlog=1000. May be given more than once."`
	Durability []string `placeholder:"async|process|disk|off" default:"off" help:"Durability of the binaries' logs; more than one measures each (default ${default})."`

	Command []string `placeholder:"NAME=PROGRAM ARG..." sep:"none" help:"A server of any kind to start and measure, as --command 'mine=DEBUG=0 ./server --port {port}'. {port}, {dir}, {id}, {key} and {secret} stand for a free port, a folder and the application's credentials; KEY=VALUE in front is its environment. May be given more than once."`
	Peers   string   `placeholder:"FILE" type:"existingfile" help:"A YAML file that lists servers, each as '- name: mine' with a command, or an address and perhaps pid, api (where publishes go, if elsewhere), path; and id, key, secret."`

	Address []string `placeholder:"[NAME=]HOST:PORT" sep:"none" help:"A server that runs already. May be given more than once. There is no TLS: no wss://."`
	PID     []int    `name:"pid" placeholder:"PID" sep:"none" help:"Its process: once for each --address, in their order; 0 where it is not known, as on another machine. Without one, CPU and memory are not measured."`
	ID      string   `name:"app-id" placeholder:"ID" default:"bench" help:"Id of the application of --address, and of --peers where the file has none."`
	Key     string   `name:"app-key" placeholder:"KEY" default:"bench-key" help:"Its key."`
	Secret  string   `name:"app-secret" placeholder:"SECRET" default:"bench-secret" env:"BENCH_APP_SECRET" help:"Its secret."`
	Path    string   `placeholder:"PATH" help:"Prefix before its /app and /apps."`

	Nice int `placeholder:"N" default:"0" help:"Priority of servers and load, from -20 (before all others; takes rights) to 19 (default ${default})."`
}

// measured lists them, behind the baseline if that is wanted.
func (s servers) measured(raw bool) ([]bench.Target, error) {
	list, err := s.targets()
	if raw {
		list = append([]bench.Target{bench.Baseline}, list...)
	}
	return list, err
}

// targets lists them: binaries, commands, addresses, peers. All have names of their own.
func (s servers) targets() ([]bench.Target, error) {
	if len(s.Server)+len(s.Command)+len(s.Address) == 0 && s.Peers == "" {
		s.Server = []string{"bin/resound"}
	}
	var list []bench.Target
	for _, add := range []func() ([]bench.Target, error){s.binaries, s.commands, s.addresses, s.peers} {
		more, err := add()
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	seen := map[string]bool{bench.Baseline.Name: true, bench.BareHTTP.Name: true}
	for _, t := range list {
		if seen[t.Name] {
			return nil, fmt.Errorf("two servers are named %s: name them, as NAME=… of --server and --address", t.Name)
		}
		seen[t.Name] = true
	}
	return list, nil
}

// binaries are ours, to be started.
func (s servers) binaries() (list []bench.Target, err error) {
	for _, server := range s.Server {
		t := app
		name, path, named := strings.Cut(server, "=")
		if !named {
			name, path = filepath.Base(server), server
		}
		if t.Program = path; filepath.Base(path) == path {
			t.Program = "./" + path // a program of that name elsewhere is not meant
		}
		for _, durability := range s.Durability {
			t.Name = name
			if len(s.Durability) > 1 {
				t.Name += ", " + durability
			}
			t.Args = append([]string{"start", "--host=127.0.0.1", "--port={port}", "--data-dir={dir}", "--loops=1", "--log-level=error",
				"--app-id={id}", "--app-key={key}", "--app-secret={secret}", "--durability=" + durability}, s.ServerArgs...)
			list = append(list, t)
		}
	}
	return list, nil
}

// commands are others, to be started.
func (s servers) commands() (list []bench.Target, err error) {
	for _, text := range s.Command {
		t, err := bench.ParseCommand(text)
		if err != nil {
			return nil, fmt.Errorf("--command: %w", err)
		}
		t.ID, t.Key, t.Secret = app.ID, app.Key, app.Secret
		list = append(list, t)
	}
	return list, nil
}

// addresses are those that run.
func (s servers) addresses() (list []bench.Target, err error) {
	if n := len(s.PID); n > 0 && n != len(s.Address) {
		return nil, fmt.Errorf("%d --pid for %d --address: give one for each, 0 where it is not known", n, len(s.Address))
	}
	for i, text := range s.Address {
		name, address, named := strings.Cut(text, "=")
		if !named {
			name, address = text, text
		}
		t := bench.Target{Name: name, ID: s.ID, Key: s.Key, Secret: s.Secret, Path: s.Path}
		if len(s.PID) > 0 {
			t.PID = s.PID[i]
		}
		if err := t.SetAddress(address, ""); err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

// peers are those of the file.
func (s servers) peers() ([]bench.Target, error) {
	if s.Peers == "" {
		return nil, nil
	}
	return bench.ReadPeers(s.Peers, bench.Target{ID: s.ID, Key: s.Key, Secret: s.Secret})
}

// cores is where they run.
func (s servers) cores() bench.Cores {
	c := bench.DefaultCores()
	c.Nice = s.Nice
	return c
}
