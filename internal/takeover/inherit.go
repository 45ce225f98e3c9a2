package takeover

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/goccy/go-json"
)

// firstFile is the first descriptor that is passed on, as systemd has it.
const firstFile = 3

// maxFiles is how many sockets are taken: more are a mistake.
const maxFiles = 64

// variable is in the environment of a younger process.
const variable = "RESOUND_TAKEOVER"

// Listen is the name of the main socket, and of the only one that systemd need pass.
const Listen = "resound"

// Socket is an inherited descriptor.
type Socket struct {
	Name string // by which it was passed
	File *os.File
}

// Inherited is what a process has from whoever started it.
type Inherited struct {
	Sockets   []Socket
	Activated bool     // systemd has the sockets, too: they outlive every process of ours
	Older     *Older   // nil unless it takes over
	Settings  Settings // of the older process; nothing without one
}

// Settings is what a younger process has to have in common with the older one: sockets are passed on, not opened anew.
type Settings struct {
	Address string `json:"address"` // host:port as it is set
	Admin   string `json:"admin"`
	Unix    string `json:"unix"` // path of the socket in the file system; "" is none
}

// passed is the value of variable.
type passed struct {
	Names     []string `json:"names"` // of the descriptors from firstFile on; behind them are the pipes
	Activated bool     `json:"activated"`
	Settings  Settings `json:"settings"`
}

// Inherit takes what the environment speaks of, and removes it from there, so that processes that this one starts do not
// take it for theirs.
func Inherit() (*Inherited, error) {
	text, young := os.LookupEnv(variable)
	pid, count, names := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES")
	for _, name := range []string{variable, "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID"} {
		_ = os.Unsetenv(name) // it has no invalid character
	}
	if young {
		return takeOver(text)
	}
	if count == "" || pid != strconv.Itoa(os.Getpid()) {
		return new(Inherited), nil // nothing, or for another process
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > maxFiles {
		return nil, fmt.Errorf("LISTEN_FDS=%q is not a number of sockets up to %d", count, maxFiles)
	}
	in := &Inherited{Activated: n > 0}
	list := strings.Split(names, ":")
	for i := range n {
		name := "unknown"
		if i < len(list) && list[i] != "" {
			name = list[i]
		}
		in.Sockets = append(in.Sockets, Socket{name, file(i, name)})
	}
	return in, nil
}

func takeOver(text string) (*Inherited, error) {
	var p passed
	if err := json.Unmarshal([]byte(text), &p); err != nil || len(p.Names) > maxFiles {
		return nil, fmt.Errorf("%s is for the server itself, and has to be unset", variable)
	}
	in := &Inherited{Activated: p.Activated, Settings: p.Settings}
	for i, name := range p.Names {
		in.Sockets = append(in.Sockets, Socket{name, file(i, name)})
	}
	in.Older = newOlder(file(len(p.Names), "orders"), file(len(p.Names)+1, "answers"))
	return in, nil
}

// file is a descriptor that was passed on. What this process starts does not get it.
func file(i int, name string) *os.File {
	fd := firstFile + i
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "the inherited socket "+strconv.Quote(name)+" (descriptor "+strconv.Itoa(fd)+")")
}

// Take removes the socket of that name and returns its file, or nil.
func (in *Inherited) Take(name string) *os.File {
	for i, s := range in.Sockets {
		if s.Name == name {
			in.Sockets = append(in.Sockets[:i:i], in.Sockets[i+1:]...)
			return s.File
		}
	}
	return nil
}

// TakeMain removes the main socket and returns its file, or nil: the one that is called so, else the first.
func (in *Inherited) TakeMain() *os.File {
	if f := in.Take(Listen); f != nil || len(in.Sockets) == 0 || in.Older != nil {
		return f
	}
	return in.Take(in.Sockets[0].Name)
}

// Close closes the sockets that nobody has taken, and returns their names.
func (in *Inherited) Close() (names []string) {
	for _, s := range in.Sockets {
		_ = s.File.Close()
		names = append(names, s.Name)
	}
	in.Sockets = nil
	return names
}
