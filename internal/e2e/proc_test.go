package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// usage is what a process uses, as its kernel counts it.
type usage struct {
	resident int // bytes
	files    int
	threads  int
	cpu      time.Duration
}

func (u usage) String() string {
	return fmt.Sprintf("%.1f MB resident, %d descriptors, %d threads, %v of CPU",
		float64(u.resident)/(1<<20), u.files, u.threads, u.cpu)
}

// clockTick is the unit of /proc/PID/stat. Linux has had 100 a second on every machine.
const clockTick = 10 * time.Millisecond

func (s *server) usage(t testing.TB) (u usage) {
	t.Helper()
	dir := "/proc/" + strconv.Itoa(s.cmd.Process.Pid)
	files, err := os.ReadDir(dir + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	u.files = len(files)
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	// The second field is the name in brackets, which may hold spaces.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	number := func(i int) int {
		n, err := strconv.Atoi(fields[i-3])
		if err != nil {
			t.Fatalf("field %d of %s/stat: %v", i, dir, err)
		}
		return n
	}
	u.cpu = time.Duration(number(14)+number(15)) * clockTick
	u.threads = number(20)
	u.resident = number(24) * os.Getpagesize()
	return u
}

// needFiles fails when the test may not open n descriptors. Go has raised the soft limit to the hard one.
func needFiles(t testing.TB, n uint64) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur < n {
		t.Fatalf("this needs %d descriptors in each process and the limit is %d: raise it with `ulimit -Hn`", n, limit.Cur)
	}
}
