package redisbroker

import "time"

// What a broker takes, keeps and waits for, each with its reason.
const (
	// partitions is how many parts the topics of a Redis Cluster are in. Each is in one slot, so on one master: enough for
	// a cluster of a few masters to share the work, few enough for a connection each. Nodes have to agree on it.
	partitions = 16

	// defaultGrace is how long Redis may be out of reach before a node goes on alone: a fast failover, a restart or a
	// cable takes less, and a publisher's request that waits that long does not time out.
	defaultGrace = 2 * time.Second

	// defaultLease is how long a node that says nothing counts as alive. beats is how many beats fit into it: two may be lost.
	defaultLease = 10 * time.Second
	beats        = 3.4

	// dialTimeout bounds one attempt, handshakes included. Beyond the grace nobody waits for it, and other addresses want their turn.
	dialTimeout = 2 * time.Second

	// pingGap is how long a connection may be silent before it is asked whether it is alive.
	pingGap = time.Second

	// guardGap is the same for connections to Sentinels.
	guardGap = 2 * time.Second

	// The back-off of attempts to connect: it begins where a restarted Redis is met soon, and ends where many nodes cost an
	// empty Redis nothing. Each wait is between a half and all of it, at random, so that nodes do not come in step.
	backoffMin, backoffMax = 100 * time.Millisecond, 5 * time.Second

	// calm is how long a connection has to last for the next to be tried at once. One that worked, but for less, is tried
	// again within backoffFlap: Redis is there, and the grace is not to end over it.
	calm, backoffFlap = time.Second, 400 * time.Millisecond

	// maxQueued and maxQueuedBytes are what all partitions' queues may hold. At the 30,000 publishes a second that one
	// Redis does it is about the grace.
	maxQueued, maxQueuedBytes = 64 << 10, 16 << 20

	// maxBatch and maxBatchBytes are what goes out in one round trip: enough for the round trip not to count, few enough for
	// Redis to serve others in between.
	maxBatch, maxBatchBytes = 256, 1 << 20

	// maxTries is how often one event is sent on connections that break before it is given up: the event may be what breaks them.
	maxTries = 8

	// The transport window: what is in a stream even where nothing is retained, so that a node can fill a hole, and find out
	// whether an event whose answer was lost has been written. windowEvents of the newest, and what is younger than
	// windowAge up to windowMost, all within windowBytes. It is gone windowTTL after the newest.
	windowEvents, windowMost = 128, 1024
	windowAge                = 5 * time.Second
	windowBytes              = 1 << 20
	windowTTL                = time.Minute

	// retryAge is how far back an event is looked for whose answer was lost. Nobody waits that long for one.
	retryAge = 15 * time.Second

	// metaTTL is how long the serial of a channel without retention is remembered. A topic that a node hears is kept
	// longer: touchEvery renews it. Behind that a new epoch begins, and who comes back is told of a gap.
	metaTTL    = 24 * time.Hour
	touchEvery = time.Hour
	touchBatch = 128

	// visitTTL is metaTTL of a channel on which nothing was ever published: anybody may subscribe to any number of them, one after the
	// other. It lasts until one that is heard is renewed.
	visitTTL = 2 * touchEvery

	// maxGone is how many nodes are remembered that are gone for good.
	maxGone = 10_000

	// oldSecret is how long what was sealed with a secret that has changed is still believed: all nodes have the new one by then, and what is
	// retained for longer is read as a gap.
	oldSecret = 10 * time.Minute

	// foreverTTL is for what has no age: a browser's page is not older, and Redis is not to fill up with channels of old.
	foreverTTL = 30 * 24 * time.Hour

	// recordTTL is for records that nobody renews; those of a node that is gone are removed sooner.
	recordTTL = 7 * 24 * time.Hour

	// maxRecord is the largest record: what a member says of itself is a few kilobytes at most.
	maxRecord = 1 << 20

	// maxNoted and maxNotedBytes are how many records one script changes, maxNotesBytes what may wait of them: a node with 250,000
	// members notes all of them when it joins.
	maxNoted, maxNotedBytes, maxNotesBytes = 1000, 256 << 10, 64 << 20

	// maxLoad is how many records one answer has; of a node with more they are read pageCount at a time. Redis cuts a connection
	// that hears topics when 32 MB wait for it.
	maxLoad, pageCount = 2000, 500

	// A round of sweep.lua looks at sweepCount fields each sweepEvery, and begins sweepPause behind the one before.
	sweepCount, sweepEvery, sweepPause = 500, 5 * time.Second, time.Hour

	// unwrittenMin and unwrittenMax are how long it takes until the Receiver is told again to note everything, because something
	// could not be noted: it does that each time that it is told.
	unwrittenMin, unwrittenMax = 10 * time.Second, 5 * time.Minute

	// maxFetch and maxFetchBytes are what one Fetch reads. Redis counts answers to a connection that hears topics as what
	// that has not read yet, and cuts it at 8 MB.
	maxFetch, maxFetchBytes = 256, 1 << 20

	// subscribeChunk is how many topics are subscribed to in one command.
	subscribeChunk = 512

	// maxName is the longest app or topic: an envelope has two bytes for its length.
	maxName = 1<<16 - 1

	// maxAnswer is the largest answer to a question, below what Redis queues for one connection.
	maxAnswer = 8 << 20

	// maxQuestions is how many questions of others may wait for an answer.
	maxQuestions = 64

	// checkEvery is how often a partition looks whether its log and its master are still the same. longestPause is how long
	// the supervisor sleeps when it has nothing to do; what happens wakes it.
	checkEvery, longestPause = time.Second, 5 * time.Second

	// drainLook is how often a broker that is closed looks whether its queues are empty.
	drainLook = 5 * time.Millisecond

	// tellEvery is how often trouble that changes its face is logged.
	tellEvery = time.Minute

	// bufferSize is what rueidis reads and writes at once. Its own is half a megabyte each way, for each connection.
	bufferSize = 64 << 10
)
