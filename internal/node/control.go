package node

import (
	"context"
	"errors"
	"fmt"

	"resound/internal/control"
	"resound/internal/demo"
	"resound/persist"
)

// startControl opens the endpoint for commands on this machine. A server without it serves its
// pages all the same, so what is wrong is only logged.
func (n *Node) startControl() {
	s := control.New(n.config.DataDir)
	if n.events != nil {
		s.HandleLog(n.events, n.engine.Hub().Truncated)
	}
	if n.engine.Hub().Waits() {
		s.Count("replay", func() any { return n.engine.Hub().ReplayStats() })
	}
	if k := n.cluster; k != nil {
		s.KeptElsewhere("in Redis, " + k.where)
		s.HandleCluster(k.state)
		s.Count("cluster", func() any {
			counts, _ := n.engine.Hub().ClusterStats()
			return counts
		})
	}
	s.HandleTop(n.watch)
	s.HandleRestart(n.HandOver)
	err := demo.MakeDir(n.config.DataDir)
	if err == nil {
		err = s.Listen()
	}
	if err != nil {
		n.log.Warn("commands such as resound log will not reach this server", "error", err)
		return
	}
	n.control = s
	n.spawn("control", func() {
		if err := s.Serve(); err != nil {
			n.log.Error("commands such as resound log do not reach this server any more", "error", err)
		}
	})
}

// stopControl ends the commands under way, before the log is closed.
func (n *Node) stopControl(ctx context.Context) {
	if n.control == nil {
		return
	}
	if err := n.control.Close(ctx); err != nil {
		n.log.Warn("the control endpoint did not end well", "error", err)
	}
}

// whoHasIt names the process that has the log already, if that is what is wrong and it says so.
func (n *Node) whoHasIt(err error) error {
	if !errors.Is(err, persist.ErrLocked) {
		return err
	}
	c, dialErr := control.Dial(context.Background(), n.config.DataDir)
	if dialErr != nil {
		return err
	}
	defer c.Close()
	return fmt.Errorf("a server runs on %s already, as process %d: stop it, or give this one a --data-dir of its own", n.config.DataDir, c.PID())
}
