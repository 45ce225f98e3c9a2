package config

import (
	"reflect"
	"strings"
	"testing"
)

func TestLogCommands(t *testing.T) {
	for args, want := range map[string]Log{
		"list":                            {Action: "list"},
		"list --app=1 --prefix=a- --json": {Action: "list", App: "1", Prefix: "a-", JSON: true},
		"show #a":                         {Action: "show", Channel: "#a", Limit: 20},
		"show a --from=9007199254740992 --limit=0 --full --app=1": {Action: "show", Channel: "a", App: "1", From: 1 << 53, Full: true},
		"truncate a --before=7 -y":                                {Action: "truncate", Channel: "a", Before: 7, Yes: true},
		"truncate a --all --json":                                 {Action: "truncate", Channel: "a", JSON: true},
		"compact":                                                 {Action: "compact"},
	} {
		w := newWorld(t)
		inv, err := w.parse(append([]string{"log"}, strings.Fields(args)...)...)
		if err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		want.DataDir, want.LogDir = w.dir+"/resound-data", w.dir+"/resound-data/log"
		if inv.Command != "log" || inv.Config != nil || inv.JSON != want.JSON || !reflect.DeepEqual(*inv.Log, want) {
			t.Errorf("%s: got %+v", args, *inv.Log)
		}
	}
}

// The log is looked for where the server with the same files keeps it.
func TestLogFindsTheDataDirectory(t *testing.T) {
	for _, tc := range []struct{ name, args, env, dotenv, file, want string }{
		{"of the project", "", "", shopApp, "", "storage/resound"},
		{"flag", "--data-dir=x", "RESOUND_DATA_DIR=y", shopApp, "", "x"},
		{"environment", "", "RESOUND_DATA_DIR=y", "RESOUND_DATA_DIR=z", "", "y"},
		{".env", "", "", "RESOUND_DATA_DIR=z", "data_dir: f", "z"},
		{"config file", "", "", shopApp, "port: 1\ndata_dir: f\nhistory: [{channels: a}]\napps: [{app_id: 2, key: k, secret: s, max_batch: 3}]", "f"},
		{"a broken file that is not asked", "--data-dir=x", "", "B=two words", "prot: 1", "x"},
	} {
		w := newWorld(t, tc.env).laravel(t, tc.dotenv)
		if tc.file != "" {
			w.write(t, "resound.yaml", tc.file)
		}
		inv, err := w.parse(append([]string{"log", "list"}, strings.Fields(tc.args)...)...)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if start, err := w.parse(append([]string{"start"}, strings.Fields(tc.args)...)...); err == nil && start.Config.LogDir() != inv.Log.LogDir {
			t.Errorf("%s: the server has %s", tc.name, start.Config.LogDir())
		}
		if want := w.dir + "/" + tc.want; inv.Log.DataDir != want || inv.Log.LogDir != want+"/log" {
			t.Errorf("%s: %s", tc.name, inv.Log.DataDir)
		}
	}
	w := newWorld(t)
	w.write(t, "resound.yaml", "prot: 1")
	if _, err := w.parse("log", "list"); err == nil || !strings.Contains(err.Error(), "did you mean port?") {
		t.Errorf("a broken file: %v", err)
	}
}

// With scaling on a server keeps events in Redis, and the command has to know.
func TestLogKnowsOfScaling(t *testing.T) {
	for _, tc := range []struct {
		dotenv, env, file, args string
		want                    bool
	}{
		{shopApp, "", "", "", false},
		{"REVERB_SCALING_ENABLED=true", "", "", "", true},
		{"REVERB_SCALING_ENABLED=(false)", "", "scaling: {enabled: true}", "", false},
		{"REVERB_SCALING_ENABLED=null", "", "scaling: {enabled: true}", "", true},
		{"REVERB_SCALING_ENABLED=true", "REVERB_SCALING_ENABLED=", "", "", false},
		{"REVERB_SCALING_ENABLED=true", "", "", "--data-dir=x", false}, // no file is read then, but a running server says so
	} {
		w := newWorld(t, tc.env).laravel(t, tc.dotenv)
		if tc.file != "" {
			w.write(t, "resound.yaml", tc.file)
		}
		inv, err := w.parse(append([]string{"log", "list"}, strings.Fields(tc.args)...)...)
		if err != nil || inv.Log.Scaling != tc.want {
			t.Errorf("%+v: %v", tc, err)
		}
	}
}
