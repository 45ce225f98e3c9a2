package apps

import (
	"strings"
	"testing"
	"time"
)

func TestRegistryFindsByIDAndKey(t *testing.T) {
	a, b := New("1", "key-a", "s"), New("2", "key-b", "s")
	r, err := NewRegistry(a, b)
	if err != nil {
		t.Fatal(err)
	}
	if r.ByID([]byte("2")) != b || r.ByKey([]byte("key-a")) != a {
		t.Error("an application was not found")
	}
	// Reverb's loose comparison finds 1 for "01"; two applications must never be mixed up.
	if r.ByID([]byte("01")) != nil || r.ByKey([]byte("")) != nil {
		t.Error("an application was found under another name")
	}
	id := []byte("1")
	if n := testing.AllocsPerRun(100, func() { _ = r.ByID(id) }); n != 0 {
		t.Errorf("a look-up allocates %v times", n)
	}
}

func TestReplaceKeepsTheOldSetOnError(t *testing.T) {
	r, _ := NewRegistry(New("1", "k1", "s"))
	for _, tc := range []struct {
		want string
		list []*App
	}{
		{"twice", []*App{New("1", "a", "s"), New("1", "b", "s")}},
		{"same key", []*App{New("1", "a", "s"), New("2", "a", "s")}},
		{"secret is empty", []*App{New("1", "a", "")}},
		{"may only hold", []*App{New("1/2", "a", "s")}},
	} {
		err := r.Replace(tc.list...)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want an error with %q", err, tc.want)
		}
		if r.ByKey([]byte("k1")) == nil {
			t.Fatalf("%s: the old set is gone", tc.want)
		}
	}
}

func TestValidateNamesEveryFault(t *testing.T) {
	a := New("1", "k", "s")
	a.PingInterval, a.ActivityTimeout, a.MaxMessageSize, a.MaxConnections = 0, 10*time.Millisecond, -1, -1
	err := a.Validate()
	for _, want := range []string{"ping interval", "activity timeout", "max message size", "max connections"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name the %s", err, want)
		}
	}
}

func TestClientEventsReadsReverbsValues(t *testing.T) {
	for s, want := range map[string]ClientEvents{"members": FromMembers, "all": FromAll, "none": FromNone, "": FromNone, "false": FromNone} {
		if got := ParseClientEvents(s); got != want {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
	}
}
