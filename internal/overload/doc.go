// Package overload decides how much the server takes on when it has too little memory or too little time.
//
//   - governor.go: Governor: the level of the moment, and what was refused or dropped because of it.
//   - ladder.go: from one measure to a level, so that it does not flap.
//   - bound.go: how much memory there is: of the control group, of the machine, or as somebody has set it.
//   - meter.go: how much of that is used.
//   - limits.go: every threshold, with its reason.
//
// Levels. Each does what those below it do. At Closed new sockets are refused; at Thinned client events are
// thinned and subscription counts are told less often; at Guarded publishing is refused, replays wait, and slow readers
// may leave less. The lag of the loops leads to the first two, memory to all three (TestLevels).
//
// Threads. One goroutine calls Step, four times a second. Everything else may be called from any; Level is one atomic load
// of a word that nearly never changes. A nil Governor is calm and counts nothing, for who is used without one.
//
// Memory is what the runtime has from the kernel without what a collection would give back (TestGarbageIsNotUsed)
// and a part of the holes between objects (TestRoomBetweenObjects),
// compared with the runtime's own limit, and in a control group with a limit that of the group without what the kernel could drop, so
// that sockets' buffers count as well.
package overload
