package main

import (
	"context"
	"fmt"
	"io"

	"resound/internal/config"
	"resound/internal/control"
	"resound/internal/doctor"
)

// health fails when the server is not well. Whether it is alone does not count, since then it has to go on; but it is said.
func health(ctx context.Context, w io.Writer, c *config.Config) error {
	if err := doctor.Health(ctx, c); err != nil || !c.Scaling {
		return err
	}
	client, err := control.Dial(ctx, c.DataDir)
	if err != nil {
		return nil // another user's, or another machine's
	}
	defer client.Close()
	if state, err := client.Cluster(ctx); err == nil {
		_, err = fmt.Fprintln(w, "cluster:", state)
		return err
	}
	return nil
}
