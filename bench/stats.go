package bench

import (
	"math"
	"slices"
	"time"

	"resound/bench/swarm"
)

// Spread is a sample in three numbers.
type Spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`  // a quarter of the values is below
	High   float64 `json:"high"` // a quarter of the values is above
}

// spreadOf returns the quartiles of list, NaN for an empty one.
func spreadOf(list []float64) Spread {
	return Spread{quantile(list, 0.5), quantile(list, 0.25), quantile(list, 0.75)}
}

// quantile returns the value that a part q of list does not exceed, between two
// values in proportion; NaN of an empty list.
func quantile(list []float64, q float64) float64 {
	if len(list) == 0 {
		return math.NaN()
	}
	return quantileOf(slices.Sorted(slices.Values(list)), q)
}

// quantileOf is quantile of a list that is sorted and has a value.
func quantileOf(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (sorted[high]-sorted[low])*(at-float64(low))
}

// millis converts nanoseconds.
func millis(list []int64) []float64 {
	out := make([]float64, len(list))
	for i, ns := range list {
		out[i] = float64(ns) / float64(time.Millisecond)
	}
	return out
}

// Latencies is a sample of latencies in milliseconds.
type Latencies struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

// latenciesOf is all zeros for an empty list: JSON has no other word for nothing.
func latenciesOf(list []float64) Latencies {
	if len(list) == 0 {
		return Latencies{}
	}
	return Latencies{len(list), quantile(list, 0.5), quantile(list, 0.99), quantile(list, 1)}
}

// deliveries lists the latencies of events that were due within a time, in Unix
// nanoseconds, in milliseconds.
func deliveries(events []swarm.Broadcast, from, to int64) []float64 {
	var list []float64
	for _, e := range events {
		if e.Due < from || e.Due > to {
			continue
		}
		for _, us := range e.Took {
			list = append(list, float64(us)/1000)
		}
	}
	return list
}
