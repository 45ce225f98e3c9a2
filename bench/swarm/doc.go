// Package swarm is many sockets in one goroutine: it connects them, subscribes
// them, publishes to them and counts what arrives. It speaks the Pusher
// protocol to any server that does, and no more than two words to the raw baseline.
//
//   - swarm.go: Options, Swarm, and the poll that everything happens in.
//   - dial.go: how sockets connect, upgrade and subscribe, so many at a time.
//   - frames.go: counting frames in what was read; answers to pings.
//   - publish.go: publishing over kept-alive HTTP connections, and orders to raw.
//   - requests.go: publishing for its own sake, kept-alive or not.
//   - burst.go: one burst, from its publish to the last delivery.
//   - broadcast.go: events at a steady rate, and the latency of each delivery.
//
// A burst polls without sleeping, so that a server pays for no wake-up of the
// load and latency has no sleep in it: the load has a core for itself.
//
// Every event that a swarm publishes carries its number within the channel,
// and each socket must see the numbers of its channel one by one: loss,
// duplicates and disorder are errors (TestLossIsCaught). Several publishers have no
// order among each other; then each socket must have the same events in the end.
//
// A Swarm is for one goroutine, which its owner locks to a thread.
package swarm
