package protocol

import (
	"regexp"
	"strings"
	"testing"
)

// publisherRule is the rule by which pusher-http-php refuses a channel name before it sends anything.
var publisherRule = regexp.MustCompile(`\A#?[-a-zA-Z0-9_=@,.;]+\z`)

func TestChannelNames(t *testing.T) {
	names := []string{
		"", "#", "##a", "a#", "orders", "private-orders.1", "presence-a@b;c=d,e_f.g-1", "#server-to-user-5",
		"a b", " a", "a\n", "\n", "a/b", "a:b", "é", "a\x00", "a\"", "a\\", "a\xff", "0",
		strings.Repeat("x", 200), strings.Repeat("x", 201), "#" + strings.Repeat("x", 199), "#" + strings.Repeat("x", 200),
	}
	for c := range 256 {
		names = append(names, string([]byte{byte(c)}), string([]byte{'a', byte(c), 'b'}), string([]byte{'#', byte(c)}))
	}
	for _, name := range names {
		publish := publisherRule.MatchString(name) && len(name) <= 200
		if got := ValidPublishChannel(name); got != publish {
			t.Errorf("publish to %q: %v, want %v", name, got, publish)
		}
		// Nobody may listen to what is sent to one user.
		subscribe := publish && name[0] != '#'
		if got := ValidChannel(name); got != subscribe {
			t.Errorf("subscribe to %q: %v, want %v", name, got, subscribe)
		}
		if ValidChannel([]byte(name)) != subscribe || ValidPublishChannel([]byte(name)) != publish {
			t.Errorf("%q is another name as bytes than as a string", name)
		}
	}
}

func TestKindOf(t *testing.T) {
	for name, want := range map[string]Kind{
		"": Public, "orders": Public, "cache-orders": Public, "Private-a": Public, "a-private-b": Public,
		"private": Public, "privateer": Public, "presenceX": Public, "presence": Public,
		"private-": Private, "private-a": Private, "private-cache-a": Private, "private-encrypted-a": Private, "private-encrypted-cache-a": Private,
		"presence-": Presence, "presence-a": Presence, "presence-cache-a": Presence,
	} {
		got := KindOf(name)
		if got != want || got.Guarded() != (want != Public) {
			t.Errorf("%q: kind %v, guarded %v, want kind %v", name, got, got.Guarded(), want)
		}
	}
}
