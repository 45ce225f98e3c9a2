package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usage is what a process has used of the CPU so far, as the scheduler counts
// it, to the nanosecond, and how long its threads were ready to run and did not.
type usage struct{ ran, waited time.Duration }

// cpuUsage reads the usage of a process and its descendants. The count of a thread is brought up to
// date when it sleeps, so cpuUsage waits for that, at most 100 ms.
func cpuUsage(pid int) (usage, error) {
	last := usage{ran: -1}
	for range 50 {
		sum, err := usageNow(pid)
		if err != nil || sum == last {
			return sum, err
		}
		last = sum
		time.Sleep(2 * time.Millisecond)
	}
	return last, nil
}

// usageNow is cpuUsage at once: to some milliseconds while the process is busy.
func usageNow(pid int) (sum usage, err error) {
	for i, p := range family(pid) {
		one, err := schedstat(p)
		if err != nil && i == 0 {
			return usage{}, err
		}
		sum.ran, sum.waited = sum.ran+one.ran, sum.waited+one.waited
	}
	return sum, nil
}

// since is what was used after before.
func (u usage) since(before usage) usage { return usage{u.ran - before.ran, u.waited - before.waited} }

// family lists a process, its children, theirs, and so on: servers fork workers, and scripts start servers.
func family(pid int) []int {
	list := []int{pid}
	for i := 0; i < len(list); i++ {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", list[i]))
		for _, path := range tasks {
			text, _ := os.ReadFile(path) // a thread that has just ended has none
			for _, word := range strings.Fields(string(text)) {
				if child, err := strconv.Atoi(word); err == nil {
					list = append(list, child)
				}
			}
		}
	}
	return list
}

// cpu is what the server has used; 0 if its process is not known.
func (s *server) cpu() (time.Duration, error) {
	u, err := s.usage()
	return u.ran, err
}

func (s *server) usage() (usage, error) {
	if !s.measurable() {
		return usage{}, nil
	}
	return cpuUsage(s.pid())
}

// spent is what the server uses while f runs.
func (s *server) spent(f func() error) (usage, error) {
	before, err := s.usage()
	if err != nil {
		return usage{}, err
	}
	if err := f(); err != nil {
		return usage{}, err
	}
	after, err := s.usage()
	if err == nil && after.ran < before.ran {
		err = fmt.Errorf("its CPU seconds went back: a process or a thread of it has ended, and took its count along")
	}
	return usage{after.ran - before.ran, after.waited - before.waited}, err
}

// schedstat sums the times of a process's threads. A thread that ends takes its times
// along: servers keep theirs.
func schedstat(pid int) (usage, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(tasks) == 0 {
		return usage{}, fmt.Errorf("process %d has no /proc/.../schedstat: it has ended, or this is no Linux", pid)
	}
	var sum usage
	for _, path := range tasks {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has just ended
		}
		var ran, waited int64
		if _, err := fmt.Sscan(string(text), &ran, &waited); err != nil {
			return usage{}, fmt.Errorf("%s: %w", path, err)
		}
		sum.ran += time.Duration(ran)
		sum.waited += time.Duration(waited)
	}
	return sum, nil
}

// Memory is the resident memory of a process and its descendants, in bytes.
type Memory struct {
	Resident  int64 `json:"resident"`         // all of it
	Anonymous int64 `json:"anonymous"`        // of that, what is in no file: heap and stacks
	Peak      int64 `json:"peak"`             // the most there ever was
	Kernel    int64 `json:"kernel,omitempty"` // slabs of the whole system, in which connections are; 0 is not known
}

// settled waits so long, then until the memory of a process has stopped to
// change from one look to the next, at most 30 times a second or as long as it
// waited before, and returns it. A runtime gives memory back late.
func settled(ctx context.Context, pid int, wait time.Duration) (Memory, error) {
	again := min(wait, time.Second)
	if !sleep(ctx, wait) {
		return Memory{}, ctx.Err()
	}
	last, err := memoryOf(pid)
	for range 30 {
		if err != nil || !sleep(ctx, again) {
			return last, errors.Join(err, ctx.Err())
		}
		var m Memory
		m, err = memoryOf(pid)
		if change := m.Resident - last.Resident; change < 64<<10 && change > -64<<10 {
			return m, err
		}
		last = m
	}
	return last, err
}

// sleep says whether it slept to the end.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// memoryOf sums the memory of a process and its descendants. A page that several share counts in each.
func memoryOf(pid int) (Memory, error) {
	var sum Memory
	for i, p := range family(pid) {
		one, err := memoryOfOne(p)
		if err != nil && i == 0 {
			return Memory{}, err
		}
		sum.Resident, sum.Anonymous, sum.Peak = sum.Resident+one.Resident, sum.Anonymous+one.Anonymous, sum.Peak+one.Peak
		sum.Kernel = one.Kernel // of the system, not of a process
	}
	return sum, nil
}

// memoryOfOne reads /proc.
func memoryOfOne(pid int) (Memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Memory{}, err
	}
	system, _ := os.ReadFile("/proc/meminfo")
	return Memory{kilobytes(text, "VmRSS"), kilobytes(text, "RssAnon"), kilobytes(text, "VmHWM"), kilobytes(system, "Slab")}, nil
}

// kilobytes reads a line such as "Name:  12 kB" behind the first, in bytes.
func kilobytes(text []byte, name string) int64 {
	_, after, _ := strings.Cut(string(text), "\n"+name+":")
	line, _, _ := strings.Cut(after, "\n")
	kb, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(line), " kB"), 10, 64)
	return kb << 10
}

// written is how many bytes a process has written so far with write(2), which is to files, and 0 if nobody says.
func written(pid int) int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	_, after, _ := strings.Cut(string(text), "wchar: ")
	line, _, _ := strings.Cut(after, "\n")
	n, _ := strconv.ParseInt(line, 10, 64)
	return n
}

// overflows is how many connections the system has dropped since it started,
// because a program did not accept them in time.
func overflows() int64 {
	text, err := os.ReadFile("/proc/net/netstat")
	if err != nil {
		return 0
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "TcpExt:" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		for i, name := range names {
			if name == "ListenOverflows" && i < len(fields) {
				n, _ := strconv.ParseInt(fields[i], 10, 64)
				return n
			}
		}
	}
	return 0
}
