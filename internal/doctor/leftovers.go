package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// starters are where a machine and a project say what is to be started.
var starters = struct{ machine, project []string }{
	[]string{
		"etc/supervisor/supervisord.conf", "etc/supervisord.conf", "etc/supervisor/conf.d/*", "etc/supervisor.d/*", "etc/supervisord.d/*",
		"etc/systemd/system/*.service", "etc/systemd/user/*.service", "etc/crontab", "etc/cron.d/*",
	},
	[]string{"Procfile", "composer.json", "package.json", "compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml", "docker/*", "docker/*/*", "Dockerfile"},
}

// maxStarter is the most of a file that says what to start.
const maxStarter = 1 << 20

// leftovers finds what runs Reverb, or would run it again.
func (d *doctor) leftovers() {
	d.reverbProcesses()
	lines, denied := d.starting(d.o.Root, starters.machine)
	for _, line := range lines {
		d.warn("starts-reverb", "let it start resound instead (deploy/), and load it anew", "%s still starts Reverb", line)
	}
	for _, file := range denied {
		d.skip("starts-reverb", "%s may not be read by this user", file)
	}
	if len(lines)+len(denied) == 0 {
		d.ok("starts-reverb", "no file of Supervisor, systemd or cron starts Reverb")
	}
	if d.o.Config.Project == "" {
		return
	}
	if lines, _ = d.starting(d.o.Config.Project, starters.project); len(lines) == 0 {
		d.ok("project-starts-reverb", "no file of the project starts Reverb")
	}
	for _, line := range lines {
		d.warn("project-starts-reverb", "write resound start there", "%s starts Reverb", line)
	}
}

// reverbProcesses names every Reverb on the machine, also on another port.
func (d *doctor) reverbProcesses() {
	pids := processes(d.o.Root)
	if len(pids) == 0 {
		d.skip("reverb-process", "the processes of this machine cannot be listed")
		return
	}
	found := false
	for _, pid := range pids {
		if isReverb(d.o.Root, pid) {
			found = true
			d.warn("reverb-process", fmt.Sprintf("stop what keeps it running, or else: kill %d", pid), "Reverb runs: %s", describe(d.o.Root, pid))
		}
	}
	if !found {
		d.ok("reverb-process", "no Reverb runs on this machine, as far as can be seen")
	}
}

// starting returns "file:line" of every line that runs reverb:start, and the files that may not be read.
func (d *doctor) starting(root string, patterns []string) (lines, denied []string) {
	for _, pattern := range patterns {
		files, _ := filepath.Glob(filepath.Join(root, pattern))
		for _, file := range files {
			info, err := os.Stat(file)
			if err != nil || !info.Mode().IsRegular() || info.Size() > maxStarter {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				denied = append(denied, file)
				continue
			}
			n := 0
			for line := range strings.Lines(string(text)) {
				n++
				line = strings.TrimSpace(line)
				if strings.Contains(line, reverbStart) && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, ";") {
					lines = append(lines, fmt.Sprintf("%s:%d", file, n))
				}
			}
		}
	}
	return lines, denied
}
