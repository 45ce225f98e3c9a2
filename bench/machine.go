package bench

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Machine is where a result comes from. What a system does not tell stays empty.
type Machine struct {
	CPU     string     `json:"cpu"`
	Cores   int        `json:"cores"`
	Memory  int64      `json:"memory"` // bytes
	System  string     `json:"system"` // such as linux/amd64
	Kernel  string     `json:"kernel"`
	Go      string     `json:"go"`      // that the harness was built with
	Virtual bool       `json:"virtual"` // the processor says that a hypervisor runs it
	Load    [3]float64 `json:"load"`    // processes ready to run, over 1, 5 and 15 minutes, when it was looked at
}

// ThisMachine describes the machine, with what it is busy with now.
func ThisMachine() Machine {
	m := Machine{Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version()}
	cpu, _ := os.ReadFile("/proc/cpuinfo")
	m.CPU = fieldOf(string(cpu), "model name")
	m.Virtual = strings.Contains(" "+fieldOf(string(cpu), "flags")+" ", " hypervisor ")
	memory, _ := os.ReadFile("/proc/meminfo")
	kb, _ := strconv.ParseInt(strings.TrimSuffix(fieldOf(string(memory), "MemTotal"), " kB"), 10, 64)
	m.Memory = kb << 10
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	m.Kernel = strings.TrimSpace(string(kernel))
	load, _ := os.ReadFile("/proc/loadavg")
	_, _ = fmt.Sscan(string(load), &m.Load[0], &m.Load[1], &m.Load[2])
	return m
}

// fieldOf finds "name : value" in a file of /proc.
func fieldOf(text, name string) string {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// String is the machine in one sentence, without what it was busy with.
func (m Machine) String() string {
	cores := plural(m.Cores, "core")
	if m.Virtual {
		cores = plural(m.Cores, "virtual core")
	}
	parts := []string{cores + of(m.CPU)}
	if m.Memory > 0 {
		parts = append(parts, number(float64(m.Memory)/(1<<30))+" GB of memory")
	}
	parts = append(parts, strings.TrimSpace(m.System+" "+m.Kernel), strings.Replace(m.Go, "go", "Go ", 1))
	return strings.Join(parts, ", ")
}

func of(what string) string {
	if what == "" {
		return ""
	}
	return " of " + what
}
