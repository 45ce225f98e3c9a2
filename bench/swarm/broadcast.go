package swarm

import (
	"fmt"
	"time"

	"resound/bench/raw"
)

// A Broadcast is one event that was published when it was due.
type Broadcast struct {
	Due  int64   // Unix time in nanoseconds
	Took []int32 // from then to each delivery, in microseconds, in the order of arrival
}

// Broadcast publishes n events at a steady rate, whether or not those before
// have arrived, and returns when all have. Latency counts from when an event was
// due: a load that is late itself cannot hide it. In between it sleeps, as clients do.
// To the baseline it sends orders for frames of size bytes to its first Ready sockets.
func (s *Swarm) Broadcast(n int, rate float64, size int) ([]Broadcast, error) {
	if len(s.counts) != 1 {
		return nil, fmt.Errorf("a broadcast has one channel, not %d", len(s.counts))
	}
	var events []Broadcast
	first := s.counts[0]
	s.arrived = func(number uint32) {
		if i := int(number - first); i < len(events) {
			e := &events[i]
			e.Took = append(e.Took, int32((time.Now().UnixNano()-e.Due)/1000))
		}
	}
	defer func() { s.arrived = nil }()
	goal := s.Delivered
	start := time.Now()
	last := start
	for len(events) < n || s.Delivered < goal || !s.answered() {
		now := time.Now()
		due := start.Add(time.Duration(float64(len(events)) / rate * float64(time.Second)))
		wait := 100 * time.Millisecond
		if len(events) < n {
			wait = due.Sub(now)
		}
		if wait <= 0 {
			events = append(events, Broadcast{Due: due.UnixNano(), Took: make([]int32, 0, s.Ready)})
			want, err := s.publishOne(size)
			if err != nil {
				return nil, err
			}
			goal += want
			continue
		}
		had, err := s.Poll(int(wait.Milliseconds()))
		if err != nil {
			return nil, err
		}
		if had > 0 || len(events) < n {
			last = now
		} else if now.Sub(last) > s.o.Patience {
			return nil, fmt.Errorf("%d deliveries are missing after %v", goal-s.Delivered, s.o.Patience)
		}
	}
	return events, s.check()
}

// publishOne publishes an event, or has the baseline write a frame, and says
// how many deliveries that has to bring.
func (s *Swarm) publishOne(size int) (int64, error) {
	if s.raw() {
		s.counts[0]++
		return int64(s.Ready), s.order(raw.Order{How: raw.Write, Frames: 1, Size: uint32(size), Sockets: uint32(s.Ready)})
	}
	want, err := s.prepare(1)
	if err != nil {
		return 0, err
	}
	return want, s.publish()
}
