package main

import (
	"log/slog"
	"math"
	"os"
	"runtime/debug"

	"resound/internal/config"
	"resound/internal/overload"
)

// boundMemory tells Go's runtime how much memory it may use.
func boundMemory(c *config.Config) overload.Bound {
	memlimit := uint64(debug.SetMemoryLimit(-1)) // as GOMEMLIMIT has it
	if memlimit == math.MaxInt64 {
		memlimit = 0
	}
	given, auto := c.MemoryBytes()
	b := overload.FindBound(os.DirFS("/")).Choose(given, auto, memlimit)
	if b.Bytes > 0 {
		debug.SetMemoryLimit(int64(min(b.Go, math.MaxInt64)))
	}
	return b
}

func logBound(log *slog.Logger, b overload.Bound) {
	if b.Bytes == 0 {
		log.Info("memory has no bound")
		return
	}
	log.Info("memory is bounded", "bytes", b.Bytes, "by", b.Source, "runtime_limit", b.Go)
}
