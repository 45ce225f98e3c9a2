// Package persist keeps append-only streams of records on the disk: one stream for each channel of an app. What a
// record holds is the caller's business.
//
//   - log.go: opening and closing; the one store that is in use.
//   - options.go: what a log is opened with.
//   - errors.go: the errors that callers tell apart.
//   - position.go: the names of places and of records.
//   - stream.go: the handle of a stream, and how it is read from the disk.
//   - append.go: a record goes in.
//   - read.go: records come out; heads and positions.
//   - resume.go: the rules by which somebody who was away learns what he lacks.
//   - lineage.go: which serials a stream gave, epoch by epoch.
//   - retain.go, trim.go: what is kept, and how the rest goes: by appends, and by sweeps.
//   - sweep.go: streams that nobody writes to; streams that are forgotten.
//   - intact.go: whether a run was given everything.
//   - breach.go: telling the log that it does not get everything.
//   - lend.go: another process has the log for a while, or for good.
//   - run.go: the log's own work, and its way back after a failure of the disk.
//   - admin.go: streams for the operator.
//   - stats.go: counters.
//   - store.go: one instance of Pebble, and what it may use.
//   - guard.go: the file system that Pebble sees.
//   - salvage.go: what is done about files that were cut off.
//   - state.go: the state file.
//   - key.go, record.go: what is in Pebble.
//
// Positions. A record has a serial; serials rise by one. The epoch belongs to the log: it rises when the log is opened
// after an unclean stop, when it comes back after a failure of the disk, and when streams are forgotten. At an unclean
// stop serials jump, so that none is given twice, whatever the stop took back; each stream keeps where it jumped. Of
// each boundary between epochs the log knows whether something acknowledged may be missing behind it. So it can tell
// somebody with a position of any age that he lacks nothing, or how many records retention took, or that completeness
// cannot be proven (TestResumeRules). There is no silence where something acknowledged may be missing, and no gap
// where the log can prove that nothing is (TestModel).
//
// Durability says what an acknowledged append, one whose Commit.Wait returned nil, survives:
//
//   - disk: everything but the loss of the disk. Write-ahead log synced.
//   - process: the end of the process, however it comes. The log is written, not synced. When the machine goes down,
//     what is left is a prefix of what was appended, and all older positions get a gap of kind Epoch.
//   - async: nothing that is not yet written, which takes up to 100 ms (Run). Every unclean stop makes such a gap.
//
// A crash at any point where files change for good is tested in all three (TestCrashAtEverySyncPoint,
// TestCrashWhileMadeOrClosed, TestCrashWhileOpened), and on a real disk (TestOnTheRealDisk). A clean stop loses nothing in any of them
// (TestReopenCleanly, TestCloseWhileUsed).
//
// A disk that fails, or is full, never ends the process and never makes a publisher wait. At the first write that
// fails the files are left as they are, as by a crash; appends under way and new ones return ErrOff; one line is logged
// at level ERROR. Run opens the directory anew, after 0.1 to 5 seconds, in a new epoch behind an incomplete boundary.
// Handles stay valid (TestFailingDisk, TestFailAtEveryWrite, TestComesBackWithRoomOnly). A disk that neither fails nor
// answers is waited for.
//
// Damaged files give an error, or a gap (TestDamagedFiles, TestMissingRecordIsToldOf). One loss cannot be seen: what
// somebody cuts off the end of the write-ahead log of a process that was killed looks like what the kill cut off.
//
// Retention removes from the old end only. By count it is exact for whoever asks, and on the disk bundled; by bytes and
// by age up to a quarter more may be there, until a sweep (TestRetentionByCountIsExact, TestRetentionByBytes,
// TestRetentionByAge). Nothing that the retention allows is ever removed. Settings are asked for again as a stream is
// written to, and by sweeps (TestRetentionIsAskedAgain). What is removed gives back its room (TestDirectoryStaysBounded).
// A stream without records is remembered for Options.Metadata, so that its serials go on (TestForgottenStreams).
//
// Threads. All methods may be called by any goroutine, but for the appends of one stream, which are called one at a
// time: the caller's lock makes their order (TestManyGoroutines). Locks, outermost first: Log.sweep; under it Log.life, or
// Stream.mu and under that Log.mu (TestCloseWhileSwept). Goroutines: Run, which is the caller's; those of Pebble, from
// Open to Close; one for each failure of the disk until all calls have left the broken instance (TestGoroutinesEnd,
// TestFailingDisk).
//
// Budget. An append is one lock of the stream and one commit in Pebble, no read, no sync, and no write(2) by the caller;
// it allocates nothing (TestAppendAllocates). It waits only when 128 MB are appended faster than the disk takes them,
// when more than 4095 appends wait for one sync, or, once in 16 MB, for the name of a new write-ahead log. A handle
// takes 0.2 to 2 kB. Pebble takes at most 128 MB for memory tables, usually 16 to 48, and a cache of 16 MB. On the disk
// there are up to nine write-ahead logs of 16 MB that wait to be used again. BenchmarkAppend and BenchmarkSince have
// the speed.
//
// Only one process has a log (TestSecondProcessIsLockedOut), a directory with anything else in it is not touched
// (TestForeignDirectory), and one that is looked at is not changed (TestReadOnlyChangesNothing).
//
// On the disk. The file RESOUND is text, replaced as a whole: the version of the format (TestOtherFormat), the name of
// the log, how the last run ended and in what machine, what is known of epochs, and a checksum (TestStateFile). Beside
// it is INTACT as long as the run has been given everything: without it an unclean stop is one behind which the log is not
// complete (TestRestartWhileOff, TestBreak). The rest are Pebble's own files, with three kinds of keys, numbers big endian (TestRecordCodec, FuzzParse):
//
//	r stream(8) serial(8)              flags(1) ms(6) bytes-before(uvarint) [except(8)] payload
//	m len(app) app channel             version(1) then uvarints: stream born jump head bytes ms emptied-ms, lineage
//	s                                  stamp(8) stamp(8): one of them is in RESOUND too, or the files do not belong together
//
// Streams have numbers, which are never used twice. bytes-before is all payload that the stream ever got before the
// record, which makes the size of a stream a subtraction. An ordinary append writes an r, and sometimes removes a range
// of them; m is written with the first record of a stream behind an unclean boundary, and with the removal of the last.
package persist
