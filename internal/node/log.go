package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"resound/channels"
	"resound/internal/demo"
	"resound/persist"
)

// replayWorkers is how many goroutines read what pages have missed: enough that one slow read of the
// disk does not hold up the others.
const replayWorkers = 4

// openLog opens the log of events, unless it is turned off, and gives it to the channels.
func (n *Node) openLog() error {
	dir := n.config.LogDir()
	if n.config.Durability == "off" {
		return n.whoHasIt(persist.Pass(dir))
	}
	durability, err := persist.ParseDurability(n.config.Durability)
	if err != nil {
		return err
	}
	if err := demo.MakeDir(n.config.DataDir); err != nil {
		return err
	}
	hub := n.engine.Hub()
	_, err = os.Stat(dir)
	fresh := errors.Is(err, fs.ErrNotExist)
	n.events, err = persist.Open(persist.Options{Dir: dir, Durability: durability, Retention: n.retention, Log: n.log})
	if err != nil {
		return n.whoHasIt(fmt.Errorf("the log of events: %w", err))
	}
	if err := n.followRules(n.registry.All(), fresh); err != nil {
		return errors.Join(err, n.events.Close())
	}
	hub.UseLog(n.events, replayMemory(n.config.ReplayMemory, n.meter.Bound().Bytes), func(err error, app, channel string) {
		n.log.Error("the history of a channel cannot be read: its events are not kept", "app", app, "channel", channel, "error", err)
	})
	return nil
}

// replayPart is what part of the memory that there is the newest events may take: they come back from the disk, and a small
// container would else be full of them by default.
const replayPart = 4

// replayMemory is how many bytes the newest events may take when the settings say so, in so much memory; 0 is any.
func replayMemory(setting int, bound uint64) int {
	if part := bound / replayPart; bound > 0 && uint64(setting) > part {
		return int(part)
	}
	return setting
}

// retention tells the log what to keep of a channel, as the settings of the moment have it.
func (n *Node) retention(app, channel string) persist.Retention {
	return channels.Retention(n.registry.ByID([]byte(app)), channel)
}

// runLog runs what the log needs beside the loops.
func (n *Node) runLog(ctx context.Context) {
	workers := replayWorkers
	switch {
	case n.cluster != nil:
		workers = clusterWorkers
	case n.events != nil:
		n.spawn("log", func() { n.events.Run(ctx) })
	default:
		return
	}
	for i := range workers {
		n.spawn("replay "+strconv.Itoa(i), func() { n.engine.Hub().Replay(ctx) })
	}
}

// closeLog ends the log cleanly. Nobody publishes any more.
func (n *Node) closeLog() error {
	if n.events == nil {
		return nil
	}
	return n.events.Close()
}
