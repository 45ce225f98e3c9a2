package config

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker: -X resound/internal/config.version=v0.1.0
var version string

// Version is the line of `resound version`, for example
// "resound v0.1.0 (go1.26.8, linux/amd64, commit 0c8fd215c10f)".
func Version() string {
	info, _ := debug.ReadBuildInfo()
	return versionLine(version, info)
}

// versionLine prefers what the linker set, then what the toolchain recorded. info may be nil.
func versionLine(v string, info *debug.BuildInfo) string {
	commit := ""
	if info != nil {
		if v == "" {
			v = info.Main.Version
		}
		commit = commitOf(info)
	}
	if v == "" || v == "(devel)" {
		v = "devel"
	}
	return fmt.Sprintf("resound %s (%s, %s/%s%s)", v, runtime.Version(), runtime.GOOS, runtime.GOARCH, commit)
}

// commitOf is ", commit abc" with a "+changes" for a tree that was not clean, or "".
func commitOf(info *debug.BuildInfo) string {
	commit, changed := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = ", commit " + s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+changes"
		}
	}
	if commit == "" {
		return ""
	}
	return commit + changed
}
