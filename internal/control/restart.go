package control

import (
	"context"
	"net/http"
)

// Restarted is what has come of a restart.
type Restarted struct {
	PID     int     `json:"pid"`     // of the process that serves now
	Took    float64 `json:"took_s"`  // from the request to its first answer
	Sockets int     `json:"sockets"` // that are told to come back to it
}

// HandleRestart answers POST /restart. restart returns when another process serves, or why none does.
func (s *Server) HandleRestart(restart func() (Restarted, error)) {
	s.Handle("POST /restart", func(w http.ResponseWriter, _ *http.Request) error {
		done, err := restart()
		if err != nil {
			return err
		}
		return answer(w, done)
	})
}

// Restart makes the server start a process that takes over, and waits for it.
func (c *Client) Restart(ctx context.Context) (done Restarted, err error) {
	err = c.call(ctx, http.MethodPost, "/restart", nil, &done)
	return done, err
}
