package doctor

import (
	"context"
	"fmt"
	"net/http"

	"resound/internal/config"
)

// Health asks the server that the settings name whether it is well; the error says what it is not. A
// server that answers nothing within five seconds is not.
func Health(ctx context.Context, c *config.Config) error {
	d := &doctor{o: Options{Config: c}, ctx: ctx}
	d.local = newEndpoint(d.localURL())
	defer func() { d.local.close() }()
	up, err := d.up()
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", d.local, cause(err))
	case up.status != http.StatusOK:
		return fmt.Errorf("%s/up answers %s", d.local, d.safe(up.String()))
	}
	return nil
}
