package takeover

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// Notify tells systemd a state such as READY=1, if it wants to know.
func Notify(state string) error {
	address := os.Getenv("NOTIFY_SOCKET")
	if address == "" {
		return nil
	}
	if strings.HasPrefix(address, "@") {
		address = "\x00" + address[1:]
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell systemd %s: %w", state, err)
	}
	_, err = c.Write([]byte(state))
	return errors.Join(err, c.Close())
}

// Impossible says why this process cannot end and leave its place to another, or nil. Whoever started it may take its end for
// that of the server.
func (p Program) Impossible() error {
	first, _ := os.ReadFile("/proc/1/comm") // nothing where there is no /proc
	pid := strconv.Itoa(os.Getpid())
	systemd := os.Getenv("SYSTEMD_EXEC_PID") == pid || os.Getenv("INVOCATION_ID") != "" && os.Getppid() == 1
	switch {
	case os.Getenv("SUPERVISOR_ENABLED") != "":
		return errors.New("the end of this process would be that of the server for Supervisor: use supervisorctl restart")
	case os.Getpid() == 1:
		return errors.New("the container would end with this process, which is its first: replace the container")
	case endsWith(p.parent, strings.TrimSpace(string(first))):
		return fmt.Errorf("%s, the first process of the container, would end with this one: replace the container", strings.TrimSpace(string(first)))
	case systemd && os.Getenv("NOTIFY_SOCKET") == "":
		return errors.New("systemd would take the end of this process for that of the server: the unit needs Type=notify")
	}
	return nil
}

// endsWith reports whether what started a process is the first of a container, such as docker-init, which ends with it. That of
// a machine goes on.
func endsWith(parent int, first string) bool {
	switch first {
	case "", "systemd", "init", "openrc-init", "runit":
		return false
	}
	return parent == 1
}
