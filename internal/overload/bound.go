package overload

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Bound is how much memory the server may use.
type Bound struct {
	Bytes  uint64 // 0 is no bound
	Go     uint64 // of those, for the runtime: GOMEMLIMIT
	Source string // where it comes from
	group  *group // the control group with the least limit; nil for none
}

// group is a control group that has a limit.
type group struct {
	dir   string // in the file system that it was found in
	files groupFiles
	limit uint64
}

// groupFiles are the names that one version of control groups has.
type groupFiles struct {
	kind    string   // of the mount
	limits  []string // the least counts
	used    string
	dropped []string // rows of memory.stat that the kernel can drop
}

// memory.high counts as memory.max: above it the kernel slows a process down until it stands still.
var versions = []groupFiles{
	{"cgroup2", []string{"memory.max", "memory.high"}, "memory.current", []string{"inactive_file", "active_file", "slab_reclaimable"}},
	{"cgroup", []string{"memory.limit_in_bytes"}, "memory.usage_in_bytes", []string{"total_inactive_file", "total_active_file"}},
}

// FindBound looks for the limit of the process's control group and of those above it, and without one takes the memory of
// the machine. root is "/", as os.DirFS has it. It is no error that there is neither: then there is no bound.
func FindBound(root fs.FS) Bound {
	b := Bound{}
	if total := machineMemory(root); total > 0 {
		b = Bound{Bytes: total, Source: "MemTotal of /proc/meminfo"}
	}
	for _, v := range versions {
		g, file := findGroup(root, v)
		if g != nil && (b.Bytes == 0 || g.limit < b.Bytes) {
			b = Bound{Bytes: g.limit, Source: "/" + file, group: g}
		}
	}
	b.Go = uint64(float64(b.Bytes) * goShare)
	return b
}

// Choose returns the bound that counts: what somebody has set for this server, else what GOMEMLIMIT says, which is given
// in bytes and 0 where it is not set, else what was found. given is 0 with auto for none of its own, and without it for no bound. The control group
// is looked at beside all but the last.
func (b Bound) Choose(given uint64, auto bool, memlimit uint64) Bound {
	switch {
	case given > 0:
		return Bound{Bytes: given, Go: uint64(float64(given) * goShare), Source: "the setting memory-limit", group: b.group}
	case !auto:
		return Bound{}
	case memlimit > 0:
		return Bound{Bytes: memlimit, Go: memlimit, Source: "GOMEMLIMIT", group: b.group}
	}
	return b
}

// findGroup returns the group with the least limit between the process's own and the top of what is mounted here, and the
// file that says so.
func findGroup(root fs.FS, v groupFiles) (found *group, file string) {
	mountRoot, mountPoint, ok := findMount(root, v.kind)
	own, is := ownGroup(root, v.kind)
	if !ok || !is {
		return nil, ""
	}
	// Inside a container that has no name space of its own for groups, what is mounted is the container's part of the tree.
	below, inside := strings.CutPrefix(own, strings.TrimSuffix(mountRoot, "/")+"/")
	if !inside || strings.Contains(own, "..") {
		below = ""
	}
	for at := path.Clean("/" + below); ; at = path.Dir(at) {
		dir := strings.TrimPrefix(path.Join(mountPoint, at), "/")
		for _, name := range v.limits {
			limit, err := readNumber(root, path.Join(dir, name))
			if err == nil && limit > 0 && (found == nil || limit < found.limit) {
				found, file = &group{dir, v, limit}, path.Join(dir, name)
			}
		}
		if at == "/" {
			return found, file
		}
	}
}

// findMount reads where the groups are: the part of the tree that is there, and the place.
func findMount(root fs.FS, kind string) (mountRoot, mountPoint string, ok bool) {
	text, err := fs.ReadFile(root, "proc/self/mountinfo")
	if err != nil {
		return "", "", false
	}
	for line := range strings.Lines(string(text)) {
		what, of, _ := strings.Cut(line, " - ")
		fields, source := strings.Fields(what), strings.Fields(of)
		if len(fields) < 5 || len(source) < 3 || source[0] != kind {
			continue
		}
		if kind == "cgroup" && !listed(source[2], "memory") {
			continue
		}
		return unescape(fields[3]), unescape(fields[4]), true
	}
	return "", "", false
}

// unescape undoes what the kernel does to white space in paths.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// ownGroup reads which group the process is in.
func ownGroup(root fs.FS, kind string) (name string, ok bool) {
	text, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return "", false
	}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) < 3 {
			continue
		}
		if kind == "cgroup2" && parts[0] == "0" && parts[1] == "" || kind == "cgroup" && listed(parts[1], "memory") {
			return parts[2], true
		}
	}
	return "", false
}

// listed reports whether a list with commas has a word.
func listed(list, word string) bool {
	for w := range strings.SplitSeq(list, ",") {
		if w == word {
			return true
		}
	}
	return false
}

// machineMemory is what the machine has, in bytes; 0 is unknown.
func machineMemory(root fs.FS) uint64 {
	text, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "MemTotal:" && f[2] == "kB" {
			n, _ := strconv.ParseUint(f[1], 10, 50)
			return n << 10
		}
	}
	return 0
}

// readNumber reads a file with one number. "max" is none.
func readNumber(root fs.FS, name string) (uint64, error) {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read /%s: %w", name, err)
	}
	return n, nil
}
