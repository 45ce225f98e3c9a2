//go:build invariants || race

package invariants

import (
	"testing"
	"unicode/utf8"
)

// caught runs f and returns what it panicked with.
func caught(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

func TestCheckPanicsOnlyWhenTheFactIsFalse(t *testing.T) {
	if v := caught(func() { Check(true, "head is %d", 7) }); v != nil {
		t.Errorf("a fact that holds panicked with %v", v)
	}
	if v := caught(func() { Check(false, "head is %d, want %d", 7, 8) }); v != "invariant: head is 7, want 8" {
		t.Errorf("panicked with %v", v)
	}
}

func TestScribbleShowsAKeptAlias(t *testing.T) {
	buf := []byte(`xx{"event":"a"}yy`)
	kept := buf[2:15]
	Scribble(buf[2:15])
	if utf8.Valid(kept) {
		t.Errorf("the kept alias still reads %q", kept)
	}
	for i, c := range kept {
		if c != scribble {
			t.Errorf("byte %d is still %q", i, c)
		}
	}
	if string(buf[:2]) != "xx" || string(buf[15:]) != "yy" {
		t.Errorf("bytes around the slice were changed: %q", buf)
	}
	Scribble(nil)
}
