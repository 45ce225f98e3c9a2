//go:build race

package protocol

// raceEnabled: under the race detector sync.Pool forgets at random, so
// allocations cannot be counted.
const raceEnabled = true
