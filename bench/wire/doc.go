// Package wire is the Pusher protocol as a load speaks it: the bytes that it sends, and what it has to know of those
// that come. It has no sockets of its own but Dial's, and knows nothing of who measures what with it.
//
//   - frame.go: frames of a server in what was read; frames of a client.
//   - words.go: the few messages of the protocol that a load tells apart, and numbers in the data of events.
//   - sign.go: signatures, as an application's server makes them, and subscriptions, which need them.
//   - http.go: the upgrade, requests of the HTTP API, and their answers.
//
// A load runs for tens of thousands of sockets in one thread, so nothing is parsed that need not be, and functions
// append to what they are given.
package wire
