package main

import (
	"os"
	"syscall"
	"time"
)

// sameSignal is how soon after the first signal another one is taken for the same.
const sameSignal = 500 * time.Millisecond

// impatient cancels a stop at the second signal: who sends it waits for nobody. timeout(1) and
// some supervisors send the first one twice, to the process and to its group, so what comes
// within the same moment is the same signal. It returns when signals is closed, or after it has cancelled.
func impatient(signals <-chan os.Signal, cancel func()) {
	first := time.Now()
	for s := range signals {
		if s != syscall.SIGHUP && s != syscall.SIGUSR2 && time.Since(first) > sameSignal {
			cancel()
			return
		}
	}
}
