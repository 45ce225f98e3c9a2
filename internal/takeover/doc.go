// Package takeover is how one process of a server follows another without closing its sockets: descriptors
// that are passed on, and the few words that the two say to each other.
//
//   - inherit.go: sockets that systemd or an older process has opened.
//   - older.go: the older process's side: it starts the younger one.
//   - younger.go: the younger one's side.
//   - notify.go: what systemd is told.
//
// The younger process is the program as it is on the disk, with the same arguments. It says "checked" when it has read
// its whole configuration, and waits; the older one stops accepting, gives up the log and says "yours"; the younger
// one says "accepting" before it takes the first connection, and "healthy" when it has answered. In the place of
// any of them it may say what is wrong. Each message is a line. The end of the pipe is the end of
// the other process: before "yours" the younger one ends then, behind it it goes on alone.
package takeover
