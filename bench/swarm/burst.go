package swarm

import (
	"fmt"
	"time"

	"resound/bench/raw"
)

// Burst publishes n events at once and returns when all sockets have all of
// them: how many deliveries there were, and the time from the publish to the last of them.
func (s *Swarm) Burst(n int) (deliveries int64, took time.Duration, err error) {
	want, err := s.prepare(n)
	if err != nil {
		return 0, 0, err
	}
	took, err = s.until(want, s.publish)
	if err == nil {
		err = s.check()
	}
	return want, took, err
}

// BurstRaw is Burst for the baseline, with n frames of so many bytes to each
// socket, written as how says (raw.Write or raw.Writev).
func (s *Swarm) BurstRaw(how uint32, n, size int) (deliveries int64, took time.Duration, err error) {
	want := int64(n) * int64(s.Ready)
	for channel := range s.counts {
		s.counts[channel] += uint32(n)
	}
	took, err = s.until(want, func() error {
		return s.order(raw.Order{How: how, Frames: uint32(n), Size: uint32(size)})
	})
	if err == nil {
		err = s.check()
	}
	return want, took, err
}

// until begins something and polls without sleeping until it has brought so
// many deliveries and every publish is answered.
func (s *Swarm) until(want int64, begin func() error) (took time.Duration, err error) {
	goal := s.Delivered + want
	start := time.Now()
	if err := begin(); err != nil {
		return 0, err
	}
	last, idle := start, 0
	for s.Delivered < goal || !s.answered() {
		n, err := s.Poll(0)
		if err != nil {
			return 0, err
		}
		if n > 0 {
			idle = 0
			if s.Delivered >= goal && took == 0 {
				took = time.Since(start)
			}
			continue
		}
		if idle++; idle == 1 {
			last = time.Now()
		} else if idle%1000 == 0 && time.Since(last) > s.o.Patience {
			return 0, fmt.Errorf("%d of %d deliveries, and then nothing for %v: a server that loses events", want-(goal-s.Delivered), want, s.o.Patience)
		}
	}
	if s.Delivered > goal {
		return took, fmt.Errorf("%d deliveries more than there should be", s.Delivered-goal)
	}
	return took, nil
}
