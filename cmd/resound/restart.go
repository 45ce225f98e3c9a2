package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"resound/internal/control"
)

// restart makes the server that runs on the data directory let a new process take over, and says what came of it.
func restart(ctx context.Context, w io.Writer, dataDir string) error {
	c, err := control.Dial(ctx, dataDir)
	if errors.Is(err, control.ErrNotRunning) {
		return fmt.Errorf("no server runs on %s: --data-dir names another directory", dataDir)
	}
	if err != nil {
		return err
	}
	defer c.Close()
	done, err := c.Restart(ctx)
	if err != nil {
		return fmt.Errorf("process %d goes on as it was: %w", c.PID(), err)
	}
	_, err = fmt.Fprintf(w, "process %d has taken over from process %d within %.2f s; %d sockets are told to come back to it\n",
		done.PID, c.PID(), done.Took, done.Sockets)
	return err
}
