package overload

import (
	"testing"
	"testing/fstest"
)

const (
	mib     = 1 << 20
	meminfo = "MemTotal:        4194304 kB\nMemFree:          100 kB\n"
	mount2  = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
	mount1  = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n" +
		"32 31 0:29 / /sys/fs/cgroup/cpu rw shared:9 - cgroup cgroup rw,cpu\n" +
		"35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
)

func tree(files map[string]string) fstest.MapFS {
	fs := fstest.MapFS{}
	for name, text := range files {
		fs[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fs
}

// The least limit of the process's group and of those above it counts, in both versions of control groups.
func TestFindBound(t *testing.T) {
	for name, test := range map[string]struct {
		files  map[string]string
		bytes  uint64
		source string
		group  string
	}{
		"nothing is known": {nil, 0, "", ""},
		"no group":         {map[string]string{"proc/meminfo": meminfo}, 4096 * mib, "MemTotal of /proc/meminfo", ""},
		"own group": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/mountinfo": mount2, "proc/self/cgroup": "0::/system.slice/resound.service\n",
			"sys/fs/cgroup/system.slice/resound.service/memory.max": "536870912\n", "sys/fs/cgroup/system.slice/memory.max": "max\n",
		}, 512 * mib, "/sys/fs/cgroup/system.slice/resound.service/memory.max", "sys/fs/cgroup/system.slice/resound.service"},
		"the one above": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/mountinfo": mount2, "proc/self/cgroup": "0::/system.slice/resound.service\n",
			"sys/fs/cgroup/system.slice/resound.service/memory.max": "max\n", "sys/fs/cgroup/system.slice/memory.max": "1073741824\n",
		}, 1024 * mib, "/sys/fs/cgroup/system.slice/memory.max", "sys/fs/cgroup/system.slice"},
		"slowed down before": {map[string]string{
			"proc/self/mountinfo": mount2, "proc/self/cgroup": "0::/a\n",
			"sys/fs/cgroup/a/memory.max": "536870912\n", "sys/fs/cgroup/a/memory.high": "268435456\n",
		}, 256 * mib, "/sys/fs/cgroup/a/memory.high", "sys/fs/cgroup/a"},
		"container with a name space": {map[string]string{
			"proc/self/mountinfo": mount2, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "268435456\n",
		}, 256 * mib, "/sys/fs/cgroup/memory.max", "sys/fs/cgroup"},
		"a group beside the mount": {map[string]string{
			"proc/self/mountinfo": mount2, "proc/self/cgroup": "0::/../other\n", "sys/fs/cgroup/memory.max": "268435456\n",
		}, 256 * mib, "/sys/fs/cgroup/memory.max", "sys/fs/cgroup"},
		"more than the machine has": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/mountinfo": mount2, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "99999999999999\n",
		}, 4096 * mib, "MemTotal of /proc/meminfo", ""},
		"version 1": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/mountinfo": mount1, "proc/self/cgroup": "5:cpu:/x\n4:memory:/docker/abc\n0::/\n",
			"sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "536870912\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, 512 * mib, "/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "sys/fs/cgroup/memory/docker/abc"},
		"version 1 without a name space": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "4:cpu,memory:/docker/abc\n",
			"proc/self/mountinfo":                        "35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,cpu,memory\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "536870912\n",
		}, 512 * mib, "/sys/fs/cgroup/memory/memory.limit_in_bytes", "sys/fs/cgroup/memory"},
		"a space in a path": {map[string]string{
			"proc/self/mountinfo": `30 23 0:26 / /a\040b rw - cgroup2 cgroup2 rw` + "\n", "proc/self/cgroup": "0::/\n", "a b/memory.max": "268435456\n",
		}, 256 * mib, "/a b/memory.max", "a b"},
		"nonsense": {map[string]string{
			"proc/meminfo": "MemTotal:\nMemTotal: x kB\n", "proc/self/mountinfo": "1\n\n - cgroup2\n" + mount2, "proc/self/cgroup": "x\n0:\n0::/\n",
			"sys/fs/cgroup/memory.max": "lots\n",
		}, 0, "", ""},
	} {
		b := FindBound(tree(test.files))
		dir := ""
		if b.group != nil {
			dir = b.group.dir
		}
		if b.Bytes != test.bytes || b.Source != test.source || dir != test.group || b.Go != uint64(float64(test.bytes)*goShare) {
			t.Errorf("%s: %+v in %q", name, b, dir)
		}
	}
}

// What somebody says counts before what was found.
func TestChoose(t *testing.T) {
	found := FindBound(tree(map[string]string{"proc/self/mountinfo": mount2, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "268435456\n"}))
	for _, test := range []struct {
		given    uint64
		auto     bool
		memlimit uint64
		bytes    uint64
		runtime  uint64
		source   string
		grouped  bool
	}{
		{0, true, 0, 256 * mib, 256 * mib * 9 / 10, "/sys/fs/cgroup/memory.max", true},
		{0, true, 100 * mib, 100 * mib, 100 * mib, "GOMEMLIMIT", true},
		{200 * mib, false, 100 * mib, 200 * mib, 180 * mib, "the setting memory-limit", true},
		{0, false, 100 * mib, 0, 0, "", false},
	} {
		b := found.Choose(test.given, test.auto, test.memlimit)
		if b.Bytes != test.bytes || b.Go != test.runtime || b.Source != test.source || (b.group != nil) != test.grouped {
			t.Errorf("%+v: %+v", test, b)
		}
	}
}
