package redistest

import (
	"fmt"
	"time"
)

// Published is a message of pub/sub.
type Published struct{ Channel, Text string }

// Listen subscribes to a pattern, such as "*", and returns what is published from then on. It ends with the server, or with the
// test. Nobody need read it all: beyond 10,000 the rest is left out.
func (s *Server) Listen(pattern string) <-chan Published {
	s.tb.Helper()
	s.mu.Lock()
	password := s.password
	s.mu.Unlock()
	w, err := dial(s.Addr(), password)
	if err != nil {
		s.tb.Fatal(err)
	}
	if _, err := w.do("PSUBSCRIBE", pattern); err != nil {
		s.tb.Fatal(err)
	}
	s.tb.Cleanup(w.close)
	_ = w.conn.SetDeadline(time.Time{})
	out := make(chan Published, 10_000)
	go func() {
		defer close(out)
		for {
			v, err := read(w.r)
			if err != nil {
				return
			}
			if list, ok := v.([]any); ok && len(list) == 4 && list[0] == "pmessage" {
				select {
				case out <- Published{fmt.Sprint(list[2]), fmt.Sprint(list[3])}:
				default:
				}
			}
		}
	}()
	return out
}
