package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// cpuTime is what a process has used so far, as the scheduler counts it, to the
// nanosecond. The count of a thread is brought up to date when it sleeps, so
// cpuTime waits for that, at most 100 ms.
func cpuTime(pid int) (time.Duration, error) {
	last := time.Duration(-1)
	for range 50 {
		sum, err := schedstat(pid)
		if err != nil || sum == last {
			return sum, err
		}
		last = sum
		time.Sleep(2 * time.Millisecond)
	}
	return last, nil
}

// cpu is what the server has used.
func (s *server) cpu() (time.Duration, error) { return cpuTime(s.pid()) }

// schedstat sums the CPU time of all threads. A thread that ends takes its time
// along: servers keep theirs.
func schedstat(pid int) (time.Duration, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(tasks) == 0 {
		return 0, fmt.Errorf("process %d has no /proc/.../schedstat: it has ended, or this is no Linux", pid)
	}
	var sum time.Duration
	for _, path := range tasks {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has just ended
		}
		first, _, _ := bytes.Cut(text, []byte(" "))
		ns, err := strconv.ParseInt(string(first), 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}
