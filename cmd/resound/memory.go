package main

import (
	"log/slog"
	"math"
	"os"
	"runtime/debug"

	"resound/internal/config"
	"resound/internal/overload"
)

// boundMemory tells Go's runtime how much memory it may use, and says so.
func boundMemory(c *config.Config, log *slog.Logger) overload.Bound {
	memlimit := uint64(debug.SetMemoryLimit(-1)) // as GOMEMLIMIT has it
	if memlimit == math.MaxInt64 {
		memlimit = 0
	}
	given, auto := c.MemoryBytes()
	b := overload.FindBound(os.DirFS("/")).Choose(given, auto, memlimit)
	if b.Bytes == 0 {
		log.Info("memory has no bound")
		return b
	}
	debug.SetMemoryLimit(int64(min(b.Go, math.MaxInt64)))
	log.Info("memory is bounded", "bytes", b.Bytes, "by", b.Source, "runtime_limit", b.Go)
	return b
}
