package node

import (
	"context"
	"time"

	"resound/engine"
	"resound/internal/config"
	"resound/internal/overload"
)

// admission is what the settings say of addresses.
func admission(c *config.Config) engine.Admission {
	return engine.Admission{Rate: c.ConnectionRate, Connections: c.ConnectionsPerAddress, Proxies: engine.Proxies(c.Proxies())}
}

// govern samples what the server goes by until ctx ends.
func (n *Node) govern(ctx context.Context) {
	for tick := time.NewTicker(overload.Interval); ; {
		select {
		case <-tick.C:
			guarded := n.governor.Step(overload.Reading{Lag: n.engine.Lag(), Memory: n.meter.Read(), Short: n.engine.Full()})
			if guarded {
				n.engine.Relieve()
			}
		case <-ctx.Done():
			tick.Stop()
			return
		}
	}
}
