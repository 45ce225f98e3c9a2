package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"resound/bench"
)

// The application that servers which we start are given.
const (
	appID     = "bench"
	appKey    = "bench-key"
	appSecret = "bench-secret"
)

// servers is what to measure.
type servers struct {
	Server     []string `placeholder:"[NAME=]PATH" default:"bin/resound" sep:"none" help:"A resound binary to start and measure. May be given more than once, to compare builds (default ${default})."`
	ServerArgs []string `placeholder:"ARG" sep:"none" help:"One more argument for each of them, as --server-args=--backlog=1000. May be given more than once."`
	Durability []string `placeholder:"async|process|disk|off" default:"off" help:"Durability of the binaries' logs; more than one measures each (default ${default})."`

	Nice int `placeholder:"N" default:"0" help:"Priority of servers and load, from -20 (before all others; takes rights) to 19 (default ${default})."`

	Address string `placeholder:"HOST:PORT" help:"A server that runs already, instead of a binary."`
	PID     int    `name:"pid" placeholder:"PID" help:"Its process, so that its CPU can be measured."`
	ID      string `name:"app-id" placeholder:"ID" default:"bench" help:"Id of the application of --address."`
	Key     string `name:"app-key" placeholder:"KEY" default:"bench-key" help:"Its key."`
	Secret  string `name:"app-secret" placeholder:"SECRET" default:"bench-secret" env:"BENCH_APP_SECRET" help:"Its secret."`
	Path    string `placeholder:"PATH" help:"Prefix before its /app and /apps."`
}

// measured lists them, behind the baseline if that is wanted.
func (s servers) measured(raw bool) ([]bench.Target, error) {
	list, err := s.targets()
	if raw {
		list = append([]bench.Target{bench.Baseline}, list...)
	}
	return list, err
}

// targets lists them.
func (s servers) targets() ([]bench.Target, error) {
	if s.Address != "" {
		if s.PID == 0 {
			return nil, fmt.Errorf("--address needs --pid, the process whose CPU is measured")
		}
		return []bench.Target{{Name: s.Address, Address: s.Address, PID: s.PID, ID: s.ID, Key: s.Key, Secret: s.Secret, Path: s.Path}}, nil
	}
	var list []bench.Target
	for _, server := range s.Server {
		name, path, named := strings.Cut(server, "=")
		if !named {
			name, path = filepath.Base(server), server
		}
		program, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		for _, durability := range s.Durability {
			t := bench.Target{Name: name, Program: program, ID: appID, Key: appKey, Secret: appSecret}
			if len(s.Durability) > 1 {
				t.Name += ", " + durability
			}
			t.Args = append([]string{"start", "--host=127.0.0.1", "--port={port}", "--data-dir={dir}", "--loops=1", "--log-level=error",
				"--app-id=" + appID, "--app-key=" + appKey, "--app-secret=" + appSecret, "--durability=" + durability}, s.ServerArgs...)
			list = append(list, t)
		}
	}
	return list, nil
}

// cores is where they run.
func (s servers) cores() bench.Cores {
	c := bench.DefaultCores()
	c.Nice = s.Nice
	return c
}
