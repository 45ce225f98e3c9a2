package protocol

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	library "github.com/goccy/go-json"
)

// badValues are no JSON values, but lenient parsers take some of them.
var badValues = []string{
	"", "01", "-", "-01", "1.", "1.e1", "1e", "1e+", "1E-", "+1", ".5", "-.5", "0x1", "1_0", "1 2", "--1", "1e1.5", "NaN", "Infinity", "-Infinity", "undefined",
	"tru", "truee", "True", "nul", "nulll", "NULL", "fals", "t", "f", "n",
	`"`, `"a`, `"\`, `"\"`, `"\q"`, `"\u"`, `"\u12"`, `"\u12g4"`, `"\u123`, `"\x41"`, `"\U0041"`, `"\'"`, `'a'`, "\"\n\"", "\"\x00\"", "\"\x1f\"", "\"\t\"", `"a"b"`,
	"[", "[1", "[1,", "[1,]", "[,1]", "[,]", "[1 2]", "[1,,2]", "[1}", "{]", "[[]", "{", `{"a"`, `{"a":`, `{"a":}`, `{"a" 1}`, `{"a",1}`, `{"a":1,}`, `{,}`, `{"a":1 "b":2}`, `{1:2}`, `{a:1}`, `{"a":1:2}`, `{null:1}`, `[":"1]`,
	"/**/1", "1//", "1\v", "\f1", "\u00a01",
}

var goodValues = []string{
	"0", "-0", "1", "-1", "10", "1.0", "-1.50", "1e1", "1E1", "1e+1", "1e-01", "0e0", "0.0E-0", "9223372036854775808", "1e999", "true", "false", "null",
	`""`, `"a"`, `"\"\\\/\b\f\n\r\t"`, `"\u0000\uABCD\uabcd"`, `"\ud800"`, `"\udc00\ud800"`, `"\ud83d\ude00"`, "\"\x7f\u2028\"", `"é"`,
	"[]", "[ ]", "[1]", "[1,2]", "[[],[]]", "[{},{}]", "{}", "{ }", `{"a":1}`, `{"a":1,"a":2}`, `{"":{"":{}}}`, ` { "a" : [ 1 , { } ] } `, "\t\r\n 1 \t\r\n", `[[[]],{"a":[{}]}]`,
}

func TestValidJSON(t *testing.T) {
	for _, s := range goodValues {
		for _, in := range []string{s, "[" + s + "]", `{"a":` + s + `}`, " " + s + "\n", "[1," + s + " , 2]", `{"a":{"b":[` + s + `]}}`} {
			if !json.Valid([]byte(in)) || !ValidJSON([]byte(in)) {
				t.Errorf("%q is refused", in)
			}
		}
	}
	for _, s := range badValues {
		for _, in := range []string{s, "[1," + s + "]", `{"a":` + s + `}`, " " + s + " ", `{"b":[{"a":` + s + `}]}`} {
			if json.Valid([]byte(in)) || ValidJSON([]byte(in)) {
				t.Errorf("%q is taken", in)
			}
		}
	}
}

func TestDepth(t *testing.T) {
	for n, want := range map[int]bool{1: true, 63: true, 64: true, 65: true, 511: true, MaxDepth: true, MaxDepth + 1: false, MaxDepth + 64: false, 1 << 20: false} {
		array := []byte(strings.Repeat("[", n) + strings.Repeat("]", n))
		object := []byte(strings.Repeat(`{"a":`, n-1) + "{}" + strings.Repeat("}", n-1))
		mixed := []byte(strings.Repeat(`[{"a":`, n/2) + strings.Repeat("[", n%2) + strings.Repeat("]", n%2) + strings.Repeat("}]", n/2))
		if n%2 == 0 {
			mixed = []byte(strings.Replace(string(mixed), `"a":}`, `"a":0}`, 1))
		}
		if ValidJSON(array) != want || ValidJSON(object) != want || ValidJSON(mixed) != want {
			t.Errorf("%d deep: arrays %v, objects %v, both %v, want %v", n, ValidJSON(array), ValidJSON(object), ValidJSON(mixed), want)
		}
		if ScanArray(array, func(Raw) bool { return true }) != want || ScanObject(object, func([]byte, Raw) bool { return true }) != want {
			t.Errorf("%d deep: the scans do not want %v", n, want)
		}
		// A closer of the other kind at any level.
		if wrong := bytes.Replace(array, []byte("]"), []byte("}"), 1); ValidJSON(wrong) {
			t.Errorf("%d deep: an array that ends as an object is taken", n)
		}
	}
}

func TestScanStopsWhenTold(t *testing.T) {
	for stop := range 4 {
		calls := 0
		on := func() bool { calls++; return calls <= stop }
		ok := ScanObject([]byte(`{"a":1,"b":2,"c":3}`), func([]byte, Raw) bool { return on() })
		if ok != (stop == 3) || calls != min(stop+1, 3) {
			t.Errorf("object: %v after %d calls, stop after %d", ok, calls, stop)
		}
		calls = 0
		if ok = ScanArray([]byte(`[1,2,3]`), func(Raw) bool { return on() }); ok != (stop == 3) || calls != min(stop+1, 3) {
			t.Errorf("array: %v after %d calls, stop after %d", ok, calls, stop)
		}
	}
}

func TestUnquote(t *testing.T) {
	for _, s := range append(hostile, "", "a", strings.Repeat("é\n", 1000)) {
		for _, raw := range []Raw{quote(s), AppendString(nil, s), AppendString(nil, []byte(s)), asciiOnly(s)} {
			was := bytes.Clone(raw)
			if !json.Valid(raw) || string(raw.Text()) != s || !bytes.Equal(raw, was) {
				t.Errorf("%q: text %q of %s", s, raw.Text(), raw)
			}
			if got := string(raw.Unquote()); got != s {
				t.Errorf("%q: unquoted %q of %s", s, got, was)
			}
		}
	}
	for _, s := range []string{
		`"\ud800"`, `"\ud800x"`, `"\ud800\n"`, `"\ud800\ud800"`, `"\ud800\u0041"`, `"\udc00\ud800"`, `"\ud800\ud83d\ude00"`, `"\udc00"`, `"\uDBFF\uDFFF"`, `"\ud83d\ude0"`[:7] + `"`, `"\ufffd"`, `"\ud800\ufffd"`,
	} {
		if want := unquote(t, json.RawMessage(s)); string(Raw(s).Text()) != want || string(Raw(bytes.Clone([]byte(s))).Unquote()) != want {
			t.Errorf("%s: %q, want %q", s, Raw(s).Text(), want)
		}
	}
}

// asciiOnly quotes as PHP does: every other character as \uXXXX, and "/" escaped.
func asciiOnly(s string) Raw {
	var out strings.Builder
	for _, r := range string(quote(s)) {
		switch {
		case r == '/':
			out.WriteString(`\/`)
		case r < 0x80:
			out.WriteRune(r)
		default:
			for _, u := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&out, `\u%04x`, u)
			}
		}
	}
	return Raw(out.String())
}

func TestRawKinds(t *testing.T) {
	for s, want := range map[string][3]bool{
		"": {false, false, true}, "null": {false, false, true}, `"null"`: {true, false, false}, `{}`: {false, true, false}, `[]`: {}, "1": {}, "true": {},
	} {
		if r := Raw(s); [3]bool{r.IsString(), r.IsObject(), r.IsNull()} != want {
			t.Errorf("%q: string %v, object %v, null %v", s, r.IsString(), r.IsObject(), r.IsNull())
		}
	}
}

// TestLibraryDiffers says why the scanner is there: when this fails, it may go.
func TestLibraryDiffers(t *testing.T) {
	type message struct {
		Event, Channel string
		Data           library.RawMessage
	}
	for _, in := range []string{
		`{"EVENT":"client-x","Channel":"a"}`,
		`{"event":"client-x","channel":"a","data":` + strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth) + `}`,
	} {
		var m message
		if err := library.Unmarshal([]byte(in), &m); err != nil || m.Event != "client-x" {
			t.Errorf("the library refuses %.40s too: %v", in, err)
		}
		if _, err := ParseCommand([]byte(in)); err == nil {
			t.Errorf("%.40s is taken", in)
		}
	}
	in := []byte(`{"event":"client-x","channel":"a","data":{"x":1}}`)
	if n := testing.AllocsPerRun(100, func() {
		var m message
		_ = library.Unmarshal(in, &m)
	}); n == 0 {
		t.Error("the library does without copies")
	}
}

// FuzzScan holds the scanner against encoding/json.
func FuzzScan(f *testing.F) {
	for _, s := range append(slices.Clone(goodValues), badValues...) {
		f.Add([]byte(s))
		f.Add([]byte(`{"a":` + s + `,"b":[` + s + `]}`))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		was := bytes.Clone(in)
		want := json.Valid(in) && depth(in) <= MaxDepth
		if got := ValidJSON(in); got != want {
			t.Fatalf("%v, want %v", got, want)
		}
		members, elements := map[string]string{}, []string{}
		object := ScanObject(in, func(key []byte, v Raw) bool { members[string(key)] = string(v); return true })
		array := ScanArray(in, func(v Raw) bool { elements = append(elements, string(v)); return true })
		if !bytes.Equal(in, was) {
			t.Fatalf("a scan changed %q to %q", was, in)
		}
		first := append(bytes.TrimLeft(in, " \t\r\n"), 0)[0]
		if object != (want && first == '{') || array != (want && first == '[') {
			t.Fatalf("object %v, array %v, valid %v", object, array, want)
		}
		if !utf8.Valid(in) {
			return // the library mends broken keys
		}
		if object {
			compareMembers(t, in, members)
		}
		if array {
			compareElements(t, in, elements)
		}
		if want && first == '"' {
			raw := Raw(bytes.Trim(in, " \t\r\n"))
			if text := unquote(t, json.RawMessage(raw)); string(raw.Text()) != text || string(raw.Unquote()) != text {
				t.Fatalf("the text is %q", text)
			}
		}
	})
}

func compareMembers(t *testing.T, in []byte, got map[string]string) {
	t.Helper()
	var want map[string]json.RawMessage
	if err := json.Unmarshal(in, &want); err != nil || len(got) != len(want) {
		t.Fatalf("%v: %d members, want %d", err, len(got), len(want))
	}
	for k, v := range want {
		if got[k] != string(v) {
			t.Fatalf("%q: %q, want %q", k, got[k], v)
		}
	}
}

func compareElements(t *testing.T, in []byte, got []string) {
	t.Helper()
	var want []json.RawMessage
	if err := json.Unmarshal(in, &want); err != nil || len(got) != len(want) {
		t.Fatalf("%v: %d elements, want %d", err, len(got), len(want))
	}
	for i, v := range want {
		if got[i] != string(v) {
			t.Fatalf("%d: %q, want %q", i, got[i], v)
		}
	}
}

// depth is how deep valid JSON nests.
func depth(b []byte) (deepest int) {
	now, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			now++
			deepest = max(deepest, now)
		case c == ']' || c == '}':
			now--
		}
	}
	return deepest
}
