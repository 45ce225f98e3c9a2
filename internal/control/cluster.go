package control

import (
	"context"
	"net/http"
)

// HandleCluster answers GET /cluster with what state says of the other servers.
func (s *Server) HandleCluster(state func() string) {
	s.Handle("GET /cluster", func(w http.ResponseWriter, _ *http.Request) error { return answer(w, state()) })
}

// Cluster returns how it goes with the other servers, in a few words.
func (c *Client) Cluster(ctx context.Context) (state string, err error) {
	err = c.get(ctx, "/cluster", nil, &state)
	return state, err
}
