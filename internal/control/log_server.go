package control

import (
	"fmt"
	"net/http"
	"strconv"

	"resound/persist"
)

// HandleLog serves the log that this process has open, until Close. truncated is called with
// what was removed from a channel: its events up to a serial.
func (s *Server) HandleLog(log *persist.Log, truncated func(app, channel string, upto uint64)) {
	l := local{log}
	s.log = true
	s.Count("log", func() any { return l.Stats() })
	s.Handle("GET /log/streams", func(w http.ResponseWriter, r *http.Request) error {
		list, err := l.Streams(r.Context(), r.FormValue("app"), r.FormValue("prefix"))
		if err != nil {
			return err
		}
		return answerLines(w, list)
	})
	s.Handle("GET /log/stream", func(w http.ResponseWriter, r *http.Request) error {
		info, err := l.Info(r.Context(), r.FormValue("app"), r.FormValue("channel"))
		if err != nil {
			return err
		}
		return answer(w, info)
	})
	s.Handle("GET /log/newest", func(w http.ResponseWriter, r *http.Request) error {
		n, err := number(r, "n")
		if err != nil {
			return err
		}
		after, err := l.Newest(r.Context(), r.FormValue("app"), r.FormValue("channel"), int(n))
		if err != nil {
			return err
		}
		return answer(w, after)
	})
	s.Handle("GET /log/records", func(w http.ResponseWriter, r *http.Request) error {
		after, err := number(r, "after")
		if err != nil {
			return err
		}
		upto, err := number(r, "upto")
		if err != nil {
			return err
		}
		list, err := l.chunk(r.Context(), r.FormValue("app"), r.FormValue("channel"), after, upto)
		if err != nil {
			return err
		}
		return answerLines(w, list)
	})
	s.Handle("POST /log/truncate", func(w http.ResponseWriter, r *http.Request) error {
		upto, err := number(r, "upto")
		if err != nil {
			return err
		}
		app, channel := r.FormValue("app"), r.FormValue("channel")
		if err := l.Truncate(r.Context(), app, channel, upto); err != nil {
			return err
		}
		truncated(app, channel, upto)
		return answer(w, struct{}{})
	})
	s.Handle("POST /log/compact", func(w http.ResponseWriter, r *http.Request) error {
		if err := l.Compact(r.Context()); err != nil {
			return err
		}
		return answer(w, struct{}{})
	})
}

func number(r *http.Request, name string) (uint64, error) {
	n, err := strconv.ParseUint(r.FormValue(name), 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%w: %s is %q", errRequest, name, r.FormValue(name))
	}
	return n, nil
}
