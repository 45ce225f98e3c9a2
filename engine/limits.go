package engine

import "time"

const (
	// maxHead is the longest request head in bytes that is looked at for an upgrade. Longer
	// ones go to the HTTP server, which answers 431. nginx's default is as large.
	maxHead = 8 << 10

	// headTimeout is how long a connection may take to say what it wants.
	headTimeout = 10 * time.Second

	// keepAlive is how long a connection on which a request was answered waits for its next one: as long as
	// the HTTP server, which has the reason.
	keepAlive = 75 * time.Second

	// pongTimeout is how long after a ping something has to come. pusher-js waits as long for ours.
	pongTimeout = 30 * time.Second

	// lingerTimeout is how long a closed connection may take to read what is left for it
	// and to hang up. Closing at once would make the kernel throw away the close frame when
	// the client has sent something that nobody read.
	lingerTimeout = 3 * time.Second

	// stopGrace is how long a request that is half there when the server stops may take to be whole.
	stopGrace = 500 * time.Millisecond

	// deadlineSlack is how much earlier than it was told the wait of an HTTP connection may end. The shortest that is
	// asked for is a second.
	deadlineSlack = 250 * time.Millisecond

	// DefaultBacklog is how many bytes a connection may leave unread, on top of the kernel's
	// buffer. It holds a hundred messages of Reverb's largest size; soketi's and Centrifugo's are the same.
	DefaultBacklog = 1 << 20

	// guardedPart is what part of the backlog slow readers may leave while memory is at risk: there are no publishes then that
	// could fill it, and what they hold is what there is to get back.
	guardedPart = 8

	// maxVisitors is how many addresses are remembered that have no socket, 100 bytes each.
	maxVisitors = 32_768

	// addressBurst is how many seconds' worth of sockets an address may open at once: behind one there may be an office,
	// and all of its pages come back at the same moment.
	addressBurst = 10

	// refusedRetry is what Retry-After says to who is refused a socket, in seconds: what pusher-js does anyway.
	refusedRetry = "15"

	// maxUnsent is how many bytes the kernel takes for a connection beyond those that are on their way. Without a
	// bound it takes megabytes for each that does not read, copied from frames that all share.
	maxUnsent = 128 << 10

	// unsentRoom is how many bytes may wait beside the backlog because of that bound: about as many as the kernel took without it. Two
	// messages at the limit of a megabyte must not close who is a moment late.
	unsentRoom = 1 << 20

	// frameCost is what a frame that a connection has not taken counts for, beside its bytes: a pong of two
	// bytes takes that much in memory.
	frameCost = 64

	// maxCatchUp is how many seconds the clock of a loop makes up for at once. A busy machine is
	// late by one or two; a process that was stopped, by any number.
	maxCatchUp = 3

	// turnBudget is how many connections are written to before a loop looks at its sockets
	// again: about 2 ms at 4 µs a write.
	turnBudget = 512

	// eventShare is how many events of sockets are handled before a broadcast that waits has its turn: at
	// 30 µs for an upgrade it waits for half a millisecond.
	eventShare = 16

	// maxSlices is how many slices one writev may have. More is EINVAL.
	maxSlices = 1024

	// maxWrite is how many bytes one writev may have, unless a single frame is larger: about what Linux
	// takes at once from a connection that keeps up. More slices would be gathered for nothing.
	maxWrite = 256 << 10

	// maxPooled is how many tasks the inbox of a loop keeps room for when it is empty, and how many
	// timers its wheel does.
	maxPooled = 4096

	// restartPause is how long the reactor waits before it begins anew, twice as long each time that
	// it cannot, up to maxRestartPause: what it lacks are descriptors, and those come back by themselves.
	restartPause    = 50 * time.Millisecond
	maxRestartPause = 2 * time.Second

	// maxHandshakes is how many TLS handshakes there are at once, each on a goroutine of some 20 KB. On a network with a round trip of 100 ms,
	// 10,000 a second are that many.
	maxHandshakes = 1024

	// maxWaiting is how many connections wait for one of them to end, when a crowd comes back.
	maxWaiting = 8192

	// crowdedTimeout is how long a handshake may take when more than half of maxHandshakes run: those who do not
	// go on must not keep out those who do.
	crowdedTimeout = 2 * time.Second

	// maxSealed is how many bytes are encrypted for one call of the kernel: four records. They are all that a slow reader has
	// in memory for itself alone.
	maxSealed = 64 << 10

	// maxScratch is how many bytes of room for TLS a loop keeps: a read of gnet's, and some more.
	maxScratch = 256 << 10

	// handoverQueue is how many connections may wait for the HTTP server's accept.
	handoverQueue = 1024

	// ownFiles is how many descriptors the server itself may need: the loops, the log, the data.
	ownFiles = 64

	// maxFrozen is how many bytes a session may send while it is not read, which is for a second or so.
	maxFrozen = 256 << 10

	// maxQueue is how many connections may wait to be accepted: as many as Linux lets wait by default.
	// minQueue is how many still may when descriptors run out.
	maxQueue = 4096
	minQueue = 8
)

// reserve is how many descriptors are kept for publishers when sockets use up the rest. gnet ends
// when an accept fails for want of one, so half of the reserve is never given away.
func reserve(limit int) int { return min(max(limit/40, 32), 512) }
