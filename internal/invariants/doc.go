// Package invariants lets the code state what must be true of its own memory,
// and have that checked in test builds and nowhere else.
//
//   - invariants.go: Check, which states a fact, and Scribble, which makes a
//     borrowed slice unusable once its owner takes it back.
//   - on.go, off.go: the constant Enabled, by build tag.
//
// Test builds are those with `-tags invariants` and those with `-race`, where
// the write of Scribble also shows the race detector every goroutine that
// still reads what it no longer owns.
//
// Invariants: when Enabled is false, Check and Scribble are inlined to nothing
// and allocate nothing. Only the state of the server is ever checked, never
// what a client or a publisher sent: bad input is answered, it does not panic.
package invariants
