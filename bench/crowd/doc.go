// Package crowd plays a workload: many sockets in one goroutine that come, stay, leave, are cut off and come back,
// while events are published at a rate that does not ask whether the server keeps up. A workload is data, so that one
// engine plays every scenario and any mix of them.
//
//   - workload.go: Workload and Group: what is played.
//   - schedule.go: when each event is due, as a formula; the channels of a workload.
//   - pacer.go: what is due next.
//   - crowd.go: Options, Crowd, and the poll that everything happens in.
//   - play.go: the phases: all connect, warm up, the steady window, the stragglers.
//   - dial.go: how sockets connect, upgrade and subscribe.
//   - leave.go: how they leave, are cut off, and come back.
//   - messages.go: what they are told.
//   - track.go: what each subscription has had: loss, duplicates, disorder.
//   - publish.go: publishing over kept-alive HTTP connections, and whispers.
//   - data.go: the data of events.
//   - result.go: what came out, and how the results of several processes become one.
//   - second.go: the figures of one second.
//
// Open loop: the events of a channel are due at evenly spaced times, the channels after one another. What could not
// be published in time is published at once, and its latency counts from when it was due, so that a server (or a load)
// that stalls cannot hide it. How late the load itself was is in the result.
//
// Several processes play one workload together without a word to each other: a socket, and the events of a channel,
// belong to the process that a formula gives, and as all know when event n is due, each knows which events a
// subscription must get (TestSchedule). Loss, duplicates and disorder are counted, not judged
// (TestFaultsAreCounted). An event is not missed if it was due before the subscription, or while the socket was cut
// off without replay; those are counted apart.
//
// A Crowd is for one goroutine, which its owner locks to a thread.
package crowd
