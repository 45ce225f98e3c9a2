package doctor

import (
	"bufio"
	"fmt"
	"runtime"
	"strconv"
	"strings"
)

// perSocket is what a socket takes of memory, the kernel's share included, as BENCHMARKS.md has it for an idle one.
const perSocket = 8_000 // bytes

// spare is how many descriptors are not for sockets, and how much memory is not for them.
const (
	spareFiles  = 64
	spareMemory = 100_000_000 // bytes
)

// fewSockets is what runs on any machine: below it no limit of the system is worth a word.
const fewSockets = 1000

// machine compares the limits of the system with the sockets that are to be served.
func (d *doctor) machine() {
	wanted, limited := d.wanted()
	d.descriptors(wanted, limited)
	if runtime.GOOS != "linux" {
		d.skip("sysctl", "the limits of the kernel are looked at on Linux only")
		return
	}
	if !limited {
		wanted = fewSockets
	}
	d.sysctl(wanted)
	d.memory(wanted, limited)
}

// wanted is how many sockets the applications may have, if that is limited.
func (d *doctor) wanted() (n uint64, limited bool) {
	list := d.o.Config.Apps()
	for _, a := range list {
		if a.MaxConnections == 0 {
			return 0, false
		}
		n += uint64(a.MaxConnections)
	}
	return n, len(list) > 0
}

// descriptors looks at the limits of the server, if it runs and may be looked at, else at our own.
func (d *doctor) descriptors(wanted uint64, limited bool) {
	hard, whose := d.o.Descriptors, "what this shell starts"
	if s, h, ok := d.limitsOf(d.pid); ok {
		hard, whose = h, fmt.Sprintf("the server (process %d, soft limit %d)", d.pid, s)
	}
	const raise = "raise it: LimitNOFILE of systemd, minfds of Supervisor, ulimit -Hn of a shell"
	switch {
	case hard == 0:
		d.skip("descriptors", "the limit of open files is unknown")
	case limited && wanted+spareFiles > hard:
		d.problem("descriptors", raise, "%s may open %d files, and %d sockets are allowed", whose, hard, wanted)
	case !limited && hard < fewSockets+spareFiles:
		d.warn("descriptors", raise, "%s may open %d files, and so have fewer sockets", whose, hard)
	default:
		d.ok("descriptors", "%s may open %d files; each socket needs one", whose, hard)
	}
}

// limitsOf reads /proc/PID/limits.
func (d *doctor) limitsOf(pid int) (soft, hard uint64, ok bool) {
	if pid == 0 {
		return 0, 0, false
	}
	text, err := d.system(fmt.Sprintf("proc/%d/limits", pid))
	if err != nil {
		return 0, 0, false
	}
	for line := range strings.Lines(text) {
		if rest, found := strings.CutPrefix(line, "Max open files"); found {
			_, err := fmt.Sscan(rest, &soft, &hard)
			return soft, hard, err == nil
		}
	}
	return 0, 0, false
}

// number reads the first number of a file below /proc/sys.
func (d *doctor) number(name string) (uint64, bool) {
	text, err := d.system("proc/sys/" + name)
	if err != nil {
		return 0, false
	}
	f := strings.Fields(text)
	if len(f) == 0 {
		return 0, false
	}
	n, err := strconv.ParseUint(f[0], 10, 64)
	return n, err == nil
}

// sysctl looks at what the kernel allows.
func (d *doctor) sysctl(wanted uint64) {
	const queue = 1024 // who connects at once after a restart
	for _, s := range []struct {
		file, why string
		least     uint64
	}{
		{"net/core/somaxconn", "so many connections wait at most to be taken; pages that come back at once need more", queue},
		{"net/ipv4/tcp_max_syn_backlog", "so many connections may be half open; pages that come back at once need more", queue / 2},
		{"fs/file-max", "so many files may all processes have open", wanted + fewSockets},
		{"net/netfilter/nf_conntrack_max", "the firewall knows so many connections at most, and drops the others", 2 * wanted},
	} {
		name := strings.ReplaceAll(s.file, "/", ".")
		switch n, ok := d.number(s.file); {
		case !ok && strings.Contains(s.file, "netfilter"): // no such firewall
		case !ok:
			d.skip("sysctl", "%s cannot be read", name)
		case n < s.least:
			d.warn("sysctl", fmt.Sprintf("sysctl -w %s=%d, and a line in /etc/sysctl.d", name, nextPower(s.least)), "%s is %d: %s", name, n, s.why)
		default:
			d.ok("sysctl", "%s is %d", name, n)
		}
	}
	d.ports(wanted)
}

// ports looks at how many connections a proxy on this machine can make to one address.
func (d *doctor) ports(wanted uint64) {
	const name = "net.ipv4.ip_local_port_range"
	text, err := d.system("proc/sys/net/ipv4/ip_local_port_range")
	var low, high uint64
	if _, scanned := fmt.Sscan(text, &low, &high); err != nil || scanned != nil || high < low {
		d.skip("sysctl", "%s cannot be read", name)
		return
	}
	if n := high - low + 1; n < wanted {
		d.warn("sysctl", `sysctl -w net.ipv4.ip_local_port_range="1024 65535", or let the proxy pass on to several addresses (127.0.0.1, 127.0.0.2)`,
			"%s is %d to %d: a proxy on this machine has %d ports for its connections to the server, and %d sockets are allowed", name, low, high, n, wanted)
		return
	}
	d.ok("sysctl", "%s is %d to %d: a proxy on this machine can pass on %d sockets", name, low, high, high-low+1)
}

// nextPower is the next power of two.
func nextPower(n uint64) uint64 {
	p := uint64(1)
	for p < n {
		p *= 2
	}
	return p
}

// memory compares what is free with what the sockets need.
func (d *doctor) memory(wanted uint64, limited bool) {
	free, from := d.available()
	if free == 0 {
		d.skip("memory", "the memory of this machine cannot be read")
		return
	}
	if need := wanted*perSocket + spareMemory; free < need {
		d.warn("memory", "give it more, or lower max_connections", "%d MB are available (%s), and %d sockets need about %d MB", free/1e6, from, wanted, need/1e6)
		return
	}
	text := fmt.Sprintf("%d MB are available (%s), which is enough for about %d idle sockets", free/1e6, from, (free-spareMemory)/perSocket)
	if limited {
		text += fmt.Sprintf("; %d are allowed", wanted)
	}
	d.ok("memory", "%s", text)
}

// available is the memory in bytes that a process can still have, and what bounds it; 0 is unknown.
func (d *doctor) available() (free uint64, from string) {
	text, err := d.system("proc/meminfo")
	if err != nil {
		return 0, ""
	}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		var kilobytes uint64
		if rest, found := strings.CutPrefix(lines.Text(), "MemAvailable:"); found {
			if _, err := fmt.Sscan(rest, &kilobytes); err != nil {
				return 0, ""
			}
			free, from = kilobytes*1024, "MemAvailable"
		}
	}
	limit, err := d.system("sys/fs/cgroup/memory.max")
	if err != nil {
		return free, from
	}
	most, err := strconv.ParseUint(strings.TrimSpace(limit), 10, 64) // "max" is no limit
	if err == nil && most < free {
		return most, "the limit of the cgroup"
	}
	return free, from
}
