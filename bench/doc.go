// Package bench measures servers that speak the Pusher protocol. A Scenario
// runs a server and the load in processes of their own, each on a core of its
// own, and takes the CPU and the memory of the server from /proc. Where there is
// a baseline, the server and the baseline take turns in one run, in many short
// rounds, so that what else happens on the machine happens to both: the ratio
// is the result.
//
//   - target.go: servers: one that is started, the baseline, or one that runs already.
//   - command.go: the command that a server of any kind is started with.
//   - peers.go: a file that lists servers.
//   - child.go: processes that end with us, pinned to cores.
//   - usage.go: CPU seconds and memory of a process and its descendants.
//   - load.go: the load as the scenario sees it: a process that takes orders.
//   - worker.go: the load as its process sees it.
//   - fanout.go: deliveries of one publisher to many sockets.
//   - awake.go: sockets that were not silent before a turn.
//   - memory.go: what an idle socket takes.
//   - publish.go: the HTTP API.
//   - connect.go: a storm of connections beside a running broadcast.
//   - slow.go: sockets that stop reading, beside those that read.
//   - idle.go: what idle sockets take of the CPU.
//   - cluster.go: several nodes and the Redis that they meet through.
//   - cluster_cost.go: what a publish through it costs.
//   - cluster_fanout.go: deliveries of nodes that share the sockets.
//   - cluster_crash.go: one of them dies, and comes back.
//   - cluster_crash_table.go: the table and the figures of that.
//   - play.go: the open-loop scenario: a workload at a rate that does not ask whether the server keeps up.
//   - presets.go: the workloads that have names: steady, rooms, table, presence, whisper, replay.
//   - workload.go: a workload from a file.
//   - cast.go: the load processes that play it together, and what server and load use meanwhile.
//   - player.go: one of them.
//   - playtable.go: the table and the figures of a play.
//   - calibrate.go: all of that briefly, for a model of what a server costs: which points.
//   - calibrate_points.go: how each is measured.
//   - gauge.go: how fast the machine is meanwhile.
//   - calibration.go: the points and the model as a result, which can be read back.
//   - reference.go: the calibration that is built in.
//   - hardware.go: what this machine has.
//   - verify.go: a model at points that it was not fitted to.
//   - bare.go: the HTTP server that it is compared with.
//   - stats.go: medians, percentiles and spreads.
//   - report.go: tables.
//   - record.go: what a server that runs is used for, by its counters.
//   - recording.go: what was recorded.
//   - whatif.go: a recording as a workload, with more or fewer of everything.
//   - saved.go: results as files, and the kinds of results there are.
//   - machine.go: where a result comes from.
//   - redact.go: what must not get into a file.
//   - compare.go: several results in one table or figure.
//   - figure.go: plots of a result, which package report draws.
//   - progress.go: the line on the terminal while a scenario runs.
//
// A closed-loop scenario that did not deliver everything fails; a play counts what was lost, and fails if it did not
// exercise what its workload names. One that is interrupted
// reports the rounds that it has finished.
package bench
