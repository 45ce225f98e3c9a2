//go:build !invariants && !race

package invariants

import "testing"

func TestNothingHappensInAReleaseBuild(t *testing.T) {
	buf := []byte("kept")
	head := 0
	n := testing.AllocsPerRun(100, func() {
		head++
		Check(head < 0, "head is %d, buffer %q", head, buf)
		Scribble(buf)
	})
	if n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
	if string(buf) != "kept" {
		t.Errorf("the buffer was overwritten: %q", buf)
	}
}
