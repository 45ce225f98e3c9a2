package doctor

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Processes are read from /proc. Where there is none, or this user may not look, none are known.

// arguments is the command line of a process, or nil.
func arguments(root string, pid int) []string {
	b, err := os.ReadFile(filepath.Join(root, "proc", strconv.Itoa(pid), "cmdline"))
	if err != nil || len(b) == 0 {
		return nil
	}
	return strings.Split(strings.TrimRight(string(b), "\x00"), "\x00")
}

// processes are the numbers of all processes.
func processes(root string) (list []int) {
	entries, _ := os.ReadDir(filepath.Join(root, "proc")) // none where there is no /proc
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			list = append(list, pid)
		}
	}
	return list
}

// reverbStart is the command that Resound takes the place of.
const reverbStart = "reverb:start"

func isReverb(root string, pid int) bool {
	args := arguments(root, pid)
	return len(args) > 1 && slices.Contains(args[1:], reverbStart)
}

// describe names a process, without arguments that could hold a secret.
func describe(root string, pid int) string {
	args := arguments(root, pid)
	text := fmt.Sprintf("process %d", pid)
	if len(args) == 0 {
		return text
	}
	words := []string{filepath.Base(args[0])}
	for _, arg := range args[1:] {
		if strings.HasSuffix(arg, "artisan") || arg == reverbStart || arg == "start" {
			words = append(words, filepath.Base(arg))
		}
	}
	return text + ", " + strings.Join(words, " ")
}

// listener is the process that listens on the TCP port, or 0.
func listener(root string, port int) int {
	sockets := make(map[string]bool)
	for _, name := range []string{"tcp", "tcp6"} {
		f, err := os.Open(filepath.Join(root, "proc", "net", name))
		if err != nil {
			continue
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			if inode, ok := listening(lines.Text(), port); ok {
				sockets["socket:["+inode+"]"] = true
			}
		}
		_ = f.Close()
	}
	if len(sockets) == 0 {
		return 0
	}
	for _, pid := range processes(root) {
		dir := filepath.Join(root, "proc", strconv.Itoa(pid), "fd")
		entries, _ := os.ReadDir(dir) // another user's
		for _, e := range entries {
			if target, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil && sockets[target] {
				return pid
			}
		}
	}
	return 0
}

// listening reads a line of /proc/net/tcp: the second field is ADDRESS:PORT in hexadecimal, the fourth the state, the tenth the inode.
func listening(line string, port int) (inode string, ok bool) {
	const state = "0A" // TCP_LISTEN
	f := strings.Fields(line)
	if len(f) < 10 || f[3] != state {
		return "", false
	}
	_, hex, _ := strings.Cut(f[1], ":")
	n, err := strconv.ParseUint(hex, 16, 16)
	return f[9], err == nil && int(n) == port
}
