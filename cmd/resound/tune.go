package main

import (
	"os"
	"runtime"

	"resound/internal/config"
)

// tune sets up Go's runtime for this process, where its environment does not.
//
// With one processor only, in Go's sense, each time the loop waits for its sockets Go takes the
// processor away from it and puts all to sleep, and the thread that watches over this begins with 50 wake-ups, 20 µs
// apart, each time that the loop goes on: 5 % of the CPU with a message every 4 ms. With a second one, which
// is idle, it leaves the loop its own.
func tune(c *config.Config) {
	if c.Loops == 0 {
		c.Loops = runtime.GOMAXPROCS(0)
	}
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) == 1 {
		runtime.GOMAXPROCS(2)
	}
}
