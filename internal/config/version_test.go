package config

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestVersionLine(t *testing.T) {
	where := runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "0c8fd215c10f095484f67da2b7f4b3b26398343d"}
	build := func(version string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: settings}
	}
	for _, tc := range []struct {
		linked string
		info   *debug.BuildInfo
		want   string
	}{
		{"v0.1.0", build("(devel)", revision), "resound v0.1.0 (" + where + ", commit 0c8fd215c10f)"},
		{"", build("v0.2.0"), "resound v0.2.0 (" + where + ")"},
		{"", build("(devel)", revision, debug.BuildSetting{Key: "vcs.modified", Value: "true"}), "resound devel (" + where + ", commit 0c8fd215c10f+changes)"},
		{"", build("", debug.BuildSetting{Key: "vcs.modified", Value: "true"}), "resound devel (" + where + ")"},
		{"", nil, "resound devel (" + where + ")"},
	} {
		if got := versionLine(tc.linked, tc.info); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}
