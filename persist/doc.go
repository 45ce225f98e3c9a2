// Package persist keeps append-only streams of records on the disk: one stream for each channel of an app.
//
//   - log.go: opening and closing, the one store that is open.
//   - options.go: what a log is opened with.
//   - errors.go: the errors that callers tell apart.
//   - position.go: the names of places and records.
//   - stream.go: the handle of a stream, and how it is read.
//   - append.go: a record goes in.
//   - read.go: records come out; heads and positions.
//   - resume.go: what somebody lacks who was away: the rules.
//   - lineage.go: which serials a stream gave, epoch by epoch.
//   - retain.go, trim.go: what is kept, and how the rest goes.
//   - sweep.go: streams that nobody writes to.
//   - intact.go: whether a run was given everything.
//   - breach.go: telling the log that it does not get everything.
//   - run.go: the log's own work, and its way back after a failure of the disk.
//   - admin.go: streams for the operator.
//   - stats.go: counters.
//   - store.go: one instance of Pebble.
//   - guard.go: the file system that Pebble sees.
//   - salvage.go: what is done about files that were cut off.
//   - state.go: the state file.
//   - key.go, record.go: what is in Pebble.
package persist
