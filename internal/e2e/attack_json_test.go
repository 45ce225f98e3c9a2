package e2e

import (
	"fmt"
	"strings"
	"testing"

	"resound/protocol"
)

// horrors are values of JSON that cost a careless reader much: n bytes each, or about as many.
func horrors(n int) map[string]string {
	keys := func(key func(i int) string) string {
		var b strings.Builder
		b.WriteByte('{')
		for i := 0; b.Len() < n-40; i++ {
			fmt.Fprintf(&b, `"%s":0,`, key(i))
		}
		return b.String() + `"last":0}`
	}
	return map[string]string{
		"lists in lists":            strings.Repeat("[", n/2) + strings.Repeat("]", n/2),
		"objects in objects":        strings.Repeat(`{"a":`, n/6) + "1" + strings.Repeat("}", n/6),
		"lists without an end":      strings.Repeat("[", n),
		"the same key":              keys(func(int) string { return "a" }),
		"many keys":                 keys(func(i int) string { return fmt.Sprint(i) }),
		"keys that look alike":      keys(func(i int) string { return strings.Repeat("Aa", i%7) + strings.Repeat("BB", 7-i%7) + fmt.Sprint(i%100) }),
		"a number of many digits":   strings.Repeat("9", n),
		"a number of a great power": "1e" + strings.Repeat("9", n-2),
		"a small number":            "0." + strings.Repeat("0", n-3) + "1",
		"escapes":                   `"` + strings.Repeat(`\u0000`, n/6) + `"`,
		"halves of pairs":           `"` + strings.Repeat(`\ud83d`, n/6) + `"`,
		"backslashes":               `"` + strings.Repeat(`\\`, n/2) + `"`,
		"spaces":                    strings.Repeat(" ", n-1) + "1",
		"commas":                    "[" + strings.Repeat(",", n) + "]",
	}
}

// TestAttackJSON: values that are deep, long or full of keys cost no more than their bytes, wherever JSON is read. What is good is passed on, what
// is not is refused, and a key that comes twice means the same to all who read it.
func TestAttackJSON(t *testing.T) {
	t.Parallel()
	v := attacked(t, "--history-messages=0")
	c := v.connect(t)
	id, _ := protocol.ParseSocketID([]byte(c.id))
	signer := protocol.NewSigner(appKey, appSecret)
	rounds := fewer(10)
	for name, value := range horrors(1_000_000) {
		for _, body := range []string{
			`{"name":"e","channel":"nobody","data":` + value + `}`, `{"name":"e","channel":"nobody","data":"x","x":` + value + `}`,
			`{"name":` + value + `,"channel":"nobody","data":"x"}`, `{"batch":` + value + `}`, value,
		} {
			for path := range strings.SplitSeq("/events /batch_events", " ") {
				if status, text := v.request(t, "POST", path, body); status != 200 && status != 400 && status != 413 && status != 422 || len(text) > 20_000 {
					t.Errorf("%s: %d, %d bytes of answer, %.100s", name, status, len(text), text)
				}
			}
		}
	}
	v.report(t, "bodies of a megabyte")
	for name, value := range horrors(9000) {
		for range rounds {
			member := `{"user_id":"1","user_info":` + value + `}`
			for _, message := range []string{
				`{"event":"pusher:ping","data":` + value + `}`, `{"event":"client-x","channel":"room","data":` + value + `}`, value, `{"event":` + value + `}`,
				`{"event":"pusher:subscribe","data":{"channel":"room","replay":` + value + `}}`, `{"event":"pusher:subscribe","data":` + value + `}`,
				`{"event":"pusher:subscribe","data":{"channel":"presence-x","auth":"` + signer.Channel(id, []byte("presence-x"), []byte(member)) + `","channel_data":"` +
					strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(member) + `"}}`,
			} {
				if len(message) > 10_000 {
					continue // is the limit's
				}
				if err := c.write(message); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
			if err := c.write(`{"event":"pusher:ping","data":{}}`); err != nil {
				t.Fatal(err)
			}
		}
	}
	c.send("pusher:subscribe", map[string]any{"data": map[string]any{"channel": "and-that-is-all"}})
	for m := c.next(); m.Channel != "and-that-is-all"; m = c.next() {
		if m.Event == "" {
			t.Fatalf("%+v", m)
		}
	}
	// Twice the same key: the one that was checked is the one that is done.
	guarded := `{"event":"pusher:subscribe","data":{"channel":"public-x","channel":"private-x"}}`
	if err := c.write(guarded); err != nil {
		t.Fatal(err)
	}
	if m := c.next(); m.Event != "pusher:error" {
		t.Errorf("the last of two names is a private channel, and it was answered with %+v", m)
	}
	_ = c.next() // its subscription_error
	_ = c.Close()
	v.recovers(t, "JSON")
}
