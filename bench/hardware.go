package bench

import (
	"os"
	"runtime"
	"strconv"
	"strings"

	"resound/bench/model"
)

// ThisHardware is what this machine has, as far as it says so: 0 is not known.
func ThisHardware() model.Machine {
	m := model.Machine{Name: "this machine", Cores: runtime.NumCPU()}
	text, _ := os.ReadFile("/proc/meminfo")
	m.Memory = model.Bytes(kilobytes(append([]byte("\n"), text...), "MemTotal"))
	if text, err := os.ReadFile("/proc/sys/fs/nr_open"); err == nil { // what a service may be given
		m.Descriptors, _ = strconv.Atoi(strings.TrimSpace(string(text)))
	}
	return m
}
