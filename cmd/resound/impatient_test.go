package main

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// timeout(1) sends its signal to the process and then to the group: that is one wish, not two.
func TestASignalSentTwiceIsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop, cancelled := make(chan os.Signal, 2), false
		go impatient(stop, func() { cancelled = true })
		synctest.Wait()
		stop <- syscall.SIGTERM
		time.Sleep(sameSignal / 2)
		stop <- syscall.SIGTERM
		synctest.Wait()
		if cancelled {
			t.Fatal("the same signal again cuts the stop short")
		}
		time.Sleep(sameSignal)
		stop <- syscall.SIGHUP
		synctest.Wait()
		if cancelled {
			t.Fatal("SIGHUP, which says to read the files again, cuts the stop short")
		}
		stop <- syscall.SIGINT
		synctest.Wait()
		if !cancelled {
			t.Fatal("a second signal is not heard")
		}
	})
}
