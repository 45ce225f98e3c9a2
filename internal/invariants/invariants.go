package invariants

import "fmt"

// scribble is a byte that occurs in no UTF-8 text, so what was overwritten
// fails as JSON, as a channel name and as an event name.
const scribble = 0xFF

// Check panics in test builds when ok is false; the format says which fact
// does not hold and what was found instead. Any goroutine may call it, with
// any lock held. The arguments are evaluated in every build: put a fact that
// costs something to find out inside `if invariants.Enabled { … }`.
func Check(ok bool, format string, args ...any) {
	if Enabled && !ok {
		panic("invariant: " + fmt.Sprintf(format, args...))
	}
}

// Scribble overwrites b in test builds. The owner of a buffer calls it when
// the slices that it lent out are no longer valid, so that one kept too long
// shows at the first use and not when the buffer happens to be filled again.
// Its caller must be the only one who may still touch b.
func Scribble(b []byte) {
	if Enabled {
		for i := range b {
			b[i] = scribble
		}
	}
}
