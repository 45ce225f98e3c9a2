// Package channels knows who is subscribed to what, and brings each
// publication to all of them.
//
//   - hub.go: a node's applications and the mailboxes of its loops.
//   - app.go: one application's connections and its table of channels.
//   - channel.go: one channel: who is on it, and on which loops.
//   - subscription.go: one connection's place on one channel, and its list of them.
//   - subscribe.go: coming and going.
//   - presence.go: members, who are users and not connections.
//   - users.go: users who have signed in, and who watches them.
//   - cache.go: cache channels, which keep their newest event.
//   - history.go: the channel's part of the log: what goes in, and when it is open.
//   - tail.go: the newest events of a channel, in memory.
//   - position.go: where a subscriber stands in the log.
//   - catchup.go: bringing one subscriber what it has missed.
//   - replay.go: what waits for the disk, and the goroutines that work it off.
//   - stats.go: how replay does.
//   - opening.go: subscriptions that wait for a log to be opened.
//   - counts.go: telling a channel how many are on it.
//   - clientevent.go: what one client says to the others.
//   - batch.go: publications that go out together, joined once for all who get them.
//   - fanout.go: from a publication to the connections of a loop.
//   - stages.go: how long publications take.
//   - traffic.go: how much of all this there is.
//   - costs.go: which events make the server send most, for who looks.
//   - query.go: what the HTTP API asks.
//   - broker.go: what joins the nodes of a cluster, and what it brings.
//   - cluster.go: what a hub has besides in a cluster; a channel finds its place there.
//   - strays.go: what was published past the log of all nodes, which has to be told.
//   - log.go: a channel's log as the channel uses it: of this node, or of all.
//   - spread.go: from a publisher to all nodes.
//   - deliver.go: from the log of all nodes to who listens here; holes in it.
//   - records.go: members and counts on other nodes.
//   - abroad.go: users who have signed in on other nodes.
//   - survey.go: what nodes ask each other.
//   - everywhere.go: what the HTTP API asks of all nodes.
//
// Threads. Methods that take a Subscriber run on that subscriber's loop. All
// others run on any goroutine. Subscriber's methods are called on its own loop only.
//
// Lock order: Channel.reading, then shard.mu, then Channel.mu, then the lock of a mailbox. Under
// Channel.mu nothing is called out of the package but Mailbox.Post, Stream.Append and what a Broker queues, which do not wait, and what
// a Stream tells from memory. Channel.reading is held while the disk is read; no loop takes it.
// Costs.mu is taken under Channel.mu, and nothing is under it.
// Hub.mu stands apart: nothing is taken under it. It makes a reload and who comes at the same
// moment take turns, so that nobody brings back what was removed (TestWhoComesLateToAReload).
//
// The order of one channel is the same on every loop: Channel.mu is held while
// a publication gets its number and is posted to each loop that has a subscriber.
// A connection gets what is published on several channels in the order of
// publishing too, as in Reverb, while no more than orderShare deliveries wait on
// its loop (TestOrderBetweenChannels); beyond that small channels are not kept
// waiting for big ones.
//
// A subscriber gets what is published on the channel from its subscription to
// its end: all of it, once, in order, behind the answer to its subscription
// (TestModel, TestStress). What is on its way when it unsubscribes is dropped;
// when its user is terminated it is delivered first
// (TestTerminateComesAfterWhatWasPublished).
//
// No broadcast holds up another channel or the loop: channels take turns of a
// bounded number of subscribers (TestBigBroadcastLetsOthersThrough, TestNoChannelStarves).
//
// Replay. Where history is kept, an event of a publisher goes to the log and gets its serial before it is posted, under
// the channel's lock. A subscriber that has opted in stands at a serial. When the log has more, the log is the queue: a
// catchup reads it chunk by chunk on a replay goroutine and sends it on the loop, what fan-out brings meanwhile
// is passed over, and nothing is kept for the subscriber. When it has all, it is attached to fan-out in one step
// under the channel's lock. So each page gets every event once and in order, over any number of drops
// (TestReplayModel). Client events, presence and what the protocol itself says are not numbered, and
// do not wait for a replay. At most maxBusy chunks are on their way to loops, however many pages come back
// (TestStormIsServedInTurns); a slow reader's replay waits until it has taken what it was sent
// (TestReplayWaitsForASlowReader). Who has not opted in gets the same bytes as without a log (transcript replay).
//
// What is removed from a log by hand is gone from the memory as well (TestTruncatedIsForgotten).
//
// A loop never reads the disk: a subscription that needs a log which is not open waits
// (TestSubscriptionWaitsForTheLog), and everything else of its connection goes on.
//
// When the log is off because the disk failed, events go out without serials, and when it is on again
// whoever comes back is told of a gap (TestFullDisk of internal/e2e).
//
// Cluster. With a Broker all nodes have one log, and no node delivers what it published itself before it comes back with its
// serial: so all have one order. A node is to the log what a page is to a node: what it has not heard it fetches, and nothing is
// kept for it meanwhile. A channel is connected when the first comes, who waits for it. Where something was published that the log does not
// have, because the node was alone or nothing could be kept, the node tells the log as soon as it can: a new epoch begins, and who has opted in
// is told of a gap, live or when it comes back. Members, users and counts are records which each node keeps of its own and hears of the
// others; a user is told of when it comes to the first and leaves the last node.
//
// What everybody left is garbage, and a crowd that left keeps no room
// (TestEmptyChannelIsCollected, TestCrowdLeavesNoRoom).
//
// Budget of a publication: one shard read lock, one channel lock, one short
// mailbox lock for each occupied loop, at most three allocations
// (TestPublishAllocates), with a log at most five (TestLoggedPublishAllocates). Of a delivery: no lock, no allocation (TestDeliveryIsFree).
//
// Deviations from Reverb, each with its test:
//
//   - a refused subscription leaves no empty channel behind (TestRefusedSubscriptionLeavesNothing);
//   - a presence channel refuses who has no user_id (TestPresenceNeedsAUser);
//   - a socket that subscribes again as another user leaves as the first, and
//     misses nothing on the channel (TestPresenceChangesUser);
//   - the user_id of a client event is one that was signed, so that of a
//     public channel's channel_data is not passed on (TestClientEventUser);
//   - accept_client_events_from=all reaches the one channel that is named, and
//     with the four members of a client event only (TestClientEventFromAll).
package channels
