// Package redisbroker joins the nodes of a cluster by way of Redis: it implements channels.Broker over one server, a master
// that Sentinels look after, or a Redis Cluster, from version 6.2 on.
//
//   - broker.go: New, Start, Close.
//   - options.go: which Redis, and what cannot be.
//   - limits.go: every bound, with its reason.
//   - state.go: the supervisor: whether the node is part of the cluster, and who is told.
//   - partition.go: a part of the topics, with its log, its queue, and one connection that is made again and again.
//   - session.go: one such connection, from the greeting to its end.
//   - topics.go: what a connection is subscribed to, and what it should be.
//   - client.go: the options of rueidis, what errors mean, what a server has to be.
//   - wire.go: what rueidis sends, changed in one place.
//   - queue.go: what waits to be sent, in order and bounded.
//   - publish.go: events, breaks, what is said; a batch in one round trip.
//   - receive.go: what comes over the bus.
//   - read.go: Load and Fetch.
//   - records.go: Put, Drop, Replace.
//   - lease.go, ids.go: who is there, and what this node is called.
//   - survey.go: questions to all nodes, and answers.
//   - envelope.go: the form of messages and entries, and who may have written them.
//   - names.go: the names of keys and topics.
//   - scripts.go, scripts/*.lua: what Redis does in one step.
//   - stats.go: what is counted.
//   - check.go, scripts/check.lua: a look at Redis for who sets it up, without a broker.
//
// # Threads
//
// Each partition has a goroutine that connects, sends what waits, and looks after the log, and one while it is connected that
// subscribes. rueidis has two for each connection; what comes is brought to the Receiver on the one that reads, so for one
// topic by one at a time, and never by two connections at once: the old one is dead before the new one is made. The supervisor
// alone calls Rejoined, Parted and NodeGone. Questions of others are answered on one more goroutine. All end with Close, and
// nothing is brought behind it (TestBye). Locks are held for moments only. The Receiver is called under session.mu, which no method
// of the Broker takes.
//
// # One connection, one server, one log
//
// All that a partition does goes over one connection: what it hears, what it publishes, what it reads. So all of it is of one
// run of one server, whose run id the partition's log is bound to (begin.lua): a restart, a failover, an empty server, a slot that moves
// each mean another connection, another run id, another log (TestRestarts, TestSentinel, TestSlotMoves). A log that somebody
// else has begun is met in the answer to a publish, in a message of the one who did, or within a second. Each of these ends with
// Rejoined, and so does a connection that was lost and came back within the grace: the Receiver then looks for
// holes (TestHole).
//
// # What a failure does
//
//   - Redis is away, hangs or breaks connections for less than the grace: all waits, and is sent again when it may not have been
//     done; what has an id is not done twice (TestCutAnswers, TestLostAnswer).
//   - For longer: the node has parted, what waits fails with channels.ErrParted, and so does at once what comes (TestParted).
//     It tries for ever to come back. Beyond a lease the others count as gone (TestAlone).
//   - The queue is full: channels.ErrParted at once (TestQueueIsBounded).
//   - Redis takes no writes, because its memory or its disk is full or replicas are missing: events are told of loose, with
//     channels.ErrNotKept; leases are told of instead of written; records are noted anew, behind a Rejoined, when it does
//     (TestFull, TestDiskFull).
//   - A wrong password, a missing right, a version that is too old, a name that does not resolve: like being away, and the log says
//     so, once (TestWrongPassword, TestLeastRights, TestVersions).
//   - A node ends without a word: its lease does, within Options.Lease and a beat (TestNodeDies). One that finds its own lease
//     over has another id from then on and notes everything anew (TestLeaseLost). So has one that comes back after it had
//     parted: its old records go with the old lease, when the new ones are there already.
//   - Messages and entries that are none of ours are counted; of entries the Receiver learns that there was something
//     (TestGarbage).
//
// # Keys
//
// P is Options.Prefix and the partition in braces. LOG is the log's id in hex, NAME app and channel with a colon between.
//
//	P:log                hash: id, 8 bytes, and run, that of the server; m:NAME, where a channel stands, and v:NAME, the
//	                     version of its records, both in scripts/common.lua; cursor and swept of sweep.lua
//	P:s:LOG:NAME         stream: ids are serials, e is a message of the form placed
//	P:c:NAME             string: the newest event of a cache channel, a message of the form placed; of no log
//	P:r:NAME             hash: a field for each node that has records
//	P:n:NAME:NODE        hash: the records of one node, key to envelope
//	P:nodes              sorted set: nodes, by the ms of Redis's time at which their leases end. Of partition 0
//
// What a node takes something for old by, serials and versions, is in one key with the log's id: a Redis that drops keys drops
// both or none (TestEviction), so it has no TTL, and sweep.lua forgets what nobody needs (TestForgotten). All else but the leases
// expires (TestLeftovers). The topics of pub/sub have the number of the database after the prefix, because
// Redis does not tell databases apart there: P:tDB:c:NAME of a channel, P:tDB:all of all nodes, P:tDB:i:INBOX of one. In a
// Cluster of Redis 7 they are sharded.
//
// # Messages
//
// The layouts are in envelope.go. An envelope is sealed with a key that is derived from the secret of its app, and so is good
// for one app and one topic (TestEnvelope). What Redis adds, a serial or a version, is not covered: who can write to Redis can
// drop and reorder, but say nothing in an app's name. That nodes come and go is told without a seal, and is a hint only
// to look at the leases.
//
// # Where serials come from
//
// publish.lua gives them, in one step with the entry and the message, dense from channels.SerialBase of the log on. A stream has what
// retention asks for, up to an eighth more, and always the newest 128 events, so that who missed one finds it, and who got no answer
// can look (TestTrim). A channel of which the log knows nothing any more, a day after the last event and with nobody who
// hears it, begins with a larger epoch (TestForgottenChannel).
package redisbroker
