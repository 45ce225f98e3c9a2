package protocol

import (
	"regexp"
	"testing"
)

func TestSocketIDOnTheWire(t *testing.T) {
	for s, want := range map[string]SocketID{
		"1.1":                   {1, 1},
		"123.456":               {123, 456},
		"363651697.279198991":   {363651697, 279198991},
		"1000000000.1000000000": {1_000_000_000, 1_000_000_000},
	} {
		id, ok := ParseSocketID(s)
		if !ok || id != want || id.String() != s {
			t.Errorf("%q: %v (%v), want %v", s, id, ok, want)
		}
		if id, ok = ParseSocketID([]byte(s)); !ok || id != want {
			t.Errorf("%q as bytes: %v (%v), want %v", s, id, ok, want)
		}
	}
	for _, s := range []string{
		"", ".", "1", "1.", ".1", "0.1", "1.0", "01.1", "1.01", "1.2.3", "-1.1", "+1.1", " 1.1", "1.1\n", "1,1", "1.a", "0x1.1", "1e3.1", "١.1",
		"1000000001.1", "1.1000000001", "4294967297.1", "9999999999.1", "18446744073709551617.1", "1.18446744073709551617",
	} {
		if id, ok := ParseSocketID(s); ok {
			t.Errorf("%q was read as %v", s, id)
		}
	}
}

func TestNewSocketID(t *testing.T) {
	wire := regexp.MustCompile(`\A\d+\.\d+\z`) // pusher-http-php throws at any other form
	seen := map[SocketID]bool{}
	for range 1000 {
		id := NewSocketID()
		if id.A < 1 || id.A > MaxSocketIDPart || id.B < 1 || id.B > MaxSocketIDPart || id.IsZero() || !wire.MatchString(id.String()) {
			t.Fatalf("%v is out of range", id)
		}
		if back, ok := ParseSocketID(id.String()); !ok || back != id {
			t.Fatalf("%v came back as %v", id, back)
		}
		seen[id] = true
	}
	if len(seen) < 999 {
		t.Errorf("%d of 1000 ids are different", len(seen))
	}
	if !(SocketID{}).IsZero() {
		t.Error("the zero id is not zero")
	}
}

func FuzzSocketID(f *testing.F) {
	for _, s := range []string{"1.1", "123.456", "1000000000.1", "1000000001.1", "0.1", "1.01", ".", "1.2.3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, ok := ParseSocketID(s)
		if again, okBytes := ParseSocketID([]byte(s)); again != id || okBytes != ok {
			t.Fatalf("%q is another id as bytes", s)
		}
		if !ok {
			if !id.IsZero() {
				t.Fatalf("%q is refused, yet gives %v", s, id)
			}
			return
		}
		if id.String() != s || id.A < 1 || id.A > MaxSocketIDPart || id.B < 1 || id.B > MaxSocketIDPart {
			t.Fatalf("%q was read as %v", s, id)
		}
	})
}
