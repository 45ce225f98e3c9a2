package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"resound/engine"
	"resound/internal/config"
	"resound/internal/control"
	"resound/internal/takeover"
	"resound/persist"
)

// What a hand-over may take. Between "yours" and "healthy" nobody hears anything, so that is short.
const (
	checkTimeout  = 15 * time.Second // the new process reads its configuration
	quietTimeout  = 5 * time.Second  // requests and reads under way end
	followTimeout = 15 * time.Second // the new process opens the log and serves
	healthTimeout = 5 * time.Second  // it answers itself
)

// movePace is how many sessions a second are told to come back to the new process: half of what it takes in.
const movePace = 2000

// moveGrace is how long a connection may take whose first bytes are on their way when another process has taken over.
const moveGrace = 2 * time.Second

// adminSocket is the name by which the socket of metrics is passed on.
const adminSocket = "resound-admin"

// tlsSocket is that of the port of TLS beside the main one.
const tlsSocket = "resound-tls"

// move is the hand-over of a node to another process.
type move struct {
	mu       sync.Mutex // held while it is under way, and while the applications are replaced
	done     bool       // guarded by mu: another process serves
	gone     chan struct{}
	stopping chan struct{} // closed when the node is to stop
	once     sync.Once     // closes stopping
}

// Moved tells when another process serves. This one is to stop then.
func (n *Node) Moved() <-chan struct{} { return n.move.gone }

// settings is what a process that takes over has to have in common with this one.
func settingsOf(c *config.Config) takeover.Settings {
	return takeover.Settings{Address: net.JoinHostPort(c.Host, strconv.Itoa(c.Port)), Admin: c.AdminAddress, Unix: c.UnixSocket}
}

// Check says why a process with these settings cannot take over from the one that in tells of. Nothing is changed by it.
func Check(c *config.Config, in *takeover.Inherited) error {
	if was, is := in.Settings.Address, settingsOf(c).Address; was != is && !in.Activated {
		return fmt.Errorf("the settings say to listen on %s, and the server listens on %s: stop it and start it for that", is, was)
	}
	if c.Secure() {
		if _, _, err := c.Certificates(); err != nil {
			return err
		}
	}
	return nil
}

// inherit returns the listeners that were passed on, or none.
func (n *Node) inherit() ([]*engine.Listener, error) {
	f := n.inherited.TakeMain()
	if f == nil {
		return nil, nil
	}
	name := f.Name()
	l, err := engine.Inherit(f)
	if err != nil {
		return nil, err
	}
	n.log.Info("listening on "+name, "address", l.Addr().String())
	list := []*engine.Listener{l}
	if f := n.inherited.Take(tlsSocket); f != nil { // the engine closes it where the settings do not want it
		secure, err := engine.Inherit(f)
		if err != nil {
			_ = l.Close()
			return nil, err
		}
		list = append(list, secure)
	}
	return list, nil
}

// listenAdmin returns the socket of metrics that was passed on, or opens it.
func (n *Node) listenAdmin() (net.Listener, error) {
	f := n.inherited.Take(adminSocket)
	if f == nil {
		return net.Listen("tcp", n.config.AdminAddress)
	}
	defer f.Close() //nolint:errcheck // it is duplicated, or of other settings
	if n.inherited.Older != nil && n.inherited.Settings.Admin != n.config.AdminAddress {
		return net.Listen("tcp", n.config.AdminAddress)
	}
	return net.FileListener(f)
}

// HandOver starts another process that takes this one's place, and returns when it serves; then Moved is closed. With an
// error, which is logged too because who sent a signal gets no answer, this node goes on as before.
func (n *Node) HandOver() (control.Restarted, error) {
	done, err := n.handOver()
	if err != nil {
		n.log.Error("there was no hand-over, and this process goes on", "error", err)
	}
	return done, err
}

func (n *Node) handOver() (done control.Restarted, err error) {
	m := &n.move
	if !m.mu.TryLock() {
		return done, errors.New("a hand-over, or a change of the applications, is under way")
	}
	defer m.mu.Unlock()
	if err := n.canMove(); err != nil {
		return done, err
	}
	begun := time.Now()
	younger, err := n.startYounger()
	if err != nil {
		return done, err
	}
	n.log.Info("another process is to take over", "pid", younger.PID())
	accepting, err := n.pass(younger)
	if err != nil {
		younger.Kill()
		n.takeBack(accepting)
		return done, err
	}
	m.done = true
	younger.Leave()
	if err := takeover.Notify("MAINPID=" + strconv.Itoa(younger.PID()) + "\nREADY=1"); err != nil {
		n.log.Error("systemd does not know of the new process", "error", err)
	}
	done = control.Restarted{PID: younger.PID(), Took: time.Since(begun).Seconds(), Sockets: n.engine.Sockets()}
	n.log.Info("another process has taken over", "pid", done.PID, "took", time.Since(begun).Round(time.Millisecond), "sockets", done.Sockets)
	n.api.Release(n.dialSelf) // whoever listens there now
	if n.cluster != nil {
		n.engine.Hub().ReleaseReplays() // the log is nobody's alone, and who is still here is to miss nothing
	}
	close(m.gone)
	return done, nil
}

// canMove says why there can be no hand-over now.
func (n *Node) canMove() error {
	select {
	case <-n.move.stopping:
		return errors.New("this server is told to stop")
	default:
	}
	switch {
	case n.move.done:
		return errors.New("another process has taken over already")
	case !engine.CanResume:
		return errors.New("there is no hand-over on this operating system: stop the server and start it")
	case n.events != nil && n.events.Stats().Off:
		return errors.New("the log of events is off because its disk failed: what is wrong has to be mended first")
	}
	return n.program.Impossible()
}

// startYounger starts the process with this one's sockets.
func (n *Node) startYounger() (*takeover.Younger, error) {
	var sockets []takeover.Socket
	defer func() {
		for _, s := range sockets {
			_ = s.File.Close() // a duplicate
		}
	}()
	add := func(name string, file func() (*os.File, error)) error {
		f, err := file()
		if err == nil {
			sockets = append(sockets, takeover.Socket{Name: name, File: f})
		}
		return err
	}
	for i, l := range n.engine.Listeners() {
		name := takeover.Listen
		if i > 0 {
			name = tlsSocket
		}
		if err := add(name, l.File); err != nil {
			return nil, err
		}
	}
	if n.admin != nil {
		if err := add(adminSocket, n.admin.listener.(few).Listener.(*net.TCPListener).File); err != nil {
			return nil, err
		}
	}
	return n.program.Start(sockets, n.inherited.Activated, settingsOf(n.config))
}

// pass lets the process take over. accepting is whether it may have taken connections.
func (n *Node) pass(y *takeover.Younger) (accepting bool, err error) {
	stop := n.move.stopping
	if err := y.Checked(checkTimeout, stop); err != nil {
		return false, err
	}
	if err := n.quiet(); err != nil {
		return false, err
	}
	if err := y.Yours(); err != nil {
		return false, fmt.Errorf("the new process is gone: %w", err)
	}
	begun := time.Now()
	if err := y.Accepting(followTimeout, stop); err != nil {
		return false, err
	}
	return true, y.Healthy(followTimeout-time.Since(begun), stop)
}

// quiet stops accepting, finishes what is under way, and gives up the log. Connections stay. Sessions are not read from here
// on: a client event would be heard by those only who are still here, and nobody could tell. If it comes to nothing they are
// read as if nothing had been; else they are told 4200, and their pages begin anew.
func (n *Node) quiet() error {
	ctx, cancel := context.WithTimeout(context.Background(), quietTimeout)
	defer cancel()
	n.engine.Freeze()
	err := errors.Join(n.engine.Pause(), n.api.Hold(ctx), n.engine.Hub().HoldReplays(ctx))
	if err == nil && n.events != nil {
		err = n.events.Lend()
	}
	if err != nil {
		return fmt.Errorf("what is under way does not end: %w", err)
	}
	return nil
}

// takeBack goes on after a hand-over that failed. Where the other process has taken connections, it may have published what
// nobody here has heard: then all sessions are told to come again, and replay has it.
func (n *Node) takeBack(accepted bool) {
	if n.events != nil {
		if err := n.events.Reclaim(); err != nil && !errors.Is(err, persist.ErrNotLent) {
			n.log.Error("the log of events cannot be opened again", "error", err)
		}
	}
	n.engine.Hub().ReleaseReplays()
	n.api.Release(nil)
	n.engine.Thaw()
	if err := n.engine.Resume(); err != nil {
		n.log.Error("nobody can connect any more", "error", err)
	}
	if n.control != nil {
		if err := n.control.Announce(); err != nil {
			n.log.Warn("commands such as resound log will not reach this server", "error", err)
		}
	}
	if accepted {
		n.engine.Dismiss(context.Background(), engine.Farewell{Why: engine.ErrMoved, Pace: movePace, Over: n.slices()})
	}
}

// slices is how long the sessions may take to be told: four fifths of a stop.
func (n *Node) slices() time.Duration { return n.config.Drain * 4 / 5 }

// dialSelf connects to the port, from this machine. Which certificate is there is for others to look at.
func (n *Node) dialSelf() (net.Conn, error) {
	c, err := net.DialTimeout("tcp", n.local(), healthTimeout)
	if err == nil && n.config.OnlySecure() {
		return tls.Client(c, &tls.Config{InsecureSkipVerify: true}), nil
	}
	return c, err
}

// Healthy asks the node over its own port whether it serves.
func (n *Node) Healthy() error {
	client := http.Client{Timeout: healthTimeout, Transport: &http.Transport{
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return n.dialSelf() },
		DisableKeepAlives: true,
	}}
	res, err := client.Get("http://" + n.local() + "/up")
	if err != nil {
		return fmt.Errorf("it does not answer on its own port: %w", err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(io.LimitReader(res.Body, maxLevel)); err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s on its own port: %q", res.Status, body)
	}
	return nil
}
