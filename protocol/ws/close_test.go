package ws

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAppendCloseAndParseCloseAreInverse(t *testing.T) {
	for _, tc := range []struct {
		code   uint16
		reason string
	}{
		{CloseNormal, ""},
		{CloseGoingAway, "drain"},
		{4100, "Over quota: é €"},
		{CloseTooBig, strings.Repeat("r", 123)},
		{CloseNoStatus, ""},
	} {
		b := AppendClose([]byte("x"), tc.code, tc.reason)
		f := &feeder{d: NewClientDecoder()}
		f.read(t, b[1:])
		if f.fault != nil || len(f.msgs) != 1 || f.msgs[0].op != OpClose {
			t.Fatalf("%d %q: decoded as %v, %v", tc.code, tc.reason, f.msgs, f.fault)
		}
		code, reason, err := ParseClose([]byte(f.msgs[0].payload))
		if code != tc.code || string(reason) != tc.reason || err != nil {
			t.Errorf("%d %q came back as %d %q, %v", tc.code, tc.reason, code, reason, err)
		}
	}
	if b := AppendClose(nil, CloseNoStatus, "never sent"); len(b) != 2 {
		t.Errorf("1005 was put on the wire: % x", b)
	}
}

func TestCloseReasonIsCutBetweenRunes(t *testing.T) {
	for _, r := range []string{"a", "é", "€", "😀"} {
		for lead := range 4 {
			whole := strings.Repeat("x", lead) + strings.Repeat(r, 124)
			_, reason, err := ParseClose(AppendClose(nil, CloseNormal, whole)[2:])
			if err != nil || !strings.HasPrefix(whole, string(reason)) {
				t.Fatalf("%q: %q, %v", whole, reason, err)
			}
			if n := len(reason); n > 123 || n+utf8.RuneLen([]rune(r)[0]) <= 123 {
				t.Errorf("%d x and then %q: cut to %d bytes", lead, r, n)
			}
		}
	}
	// No start of a rune to cut at: the frame is still one that may be sent.
	if b := AppendClose(nil, CloseNormal, strings.Repeat("\x80", 200)); len(b) != 4 {
		t.Errorf("% x", b)
	}
}

// Every one of the 65,536 codes.
func TestCloseCodes(t *testing.T) {
	registered := []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014}
	for code := range 1 << 16 {
		want := errCloseCode
		if slices.Contains(registered, code) || code >= 3000 && code < 5000 {
			want = nil
		}
		payload := string([]byte{byte(code >> 8), byte(code)})
		_, _, err := parseClose([]byte(payload))
		if err != want {
			t.Fatalf("code %d: %v, want %v", code, err, want)
		}
	}
}

func TestParseCloseFaults(t *testing.T) {
	for payload, want := range map[string]*CloseError{
		"":             nil,
		"\x03\xe8":     nil,
		"\x03":         errCloseShort,
		"\x03\xed":     errCloseCode,
		"\x03\xe8\xff": errCloseUTF8,
		// A code that must not be sent counts before its reason.
		"\x03\xed\xff": errCloseCode,
	} {
		_, _, err := ParseClose([]byte(payload))
		if want == nil {
			if err != nil {
				t.Errorf("% x: %v", payload, err)
			}
			continue
		}
		var fault *CloseError
		if !errors.As(err, &fault) || fault != want {
			t.Errorf("% x: %v, want %v", payload, err, want)
		}
	}
}

func TestCloseErrorsCanBeSent(t *testing.T) {
	for _, e := range []*CloseError{
		errReservedBits, errUnmasked, errMasked, errOpcode, errControlFragmented, errControlTooLong, errOrphan,
		errInterrupted, errLengthSign, errCloseShort, errCloseCode, errCloseUTF8, errTextUTF8, errTooBig,
		errDeflatedBit, errInflate,
	} {
		code, reason, err := ParseClose(AppendClose(nil, e.Code, e.Reason)[2:])
		if code != e.Code || string(reason) != e.Reason || err != nil {
			t.Errorf("%v: sent as %d %q, %v", e, code, reason, err)
		}
		if want := fmt.Sprintf("websocket close %d: %s", e.Code, e.Reason); e.Error() != want {
			t.Errorf("%q, want %q", e.Error(), want)
		}
	}
	if errTooBig.Code != 1009 || errTooBig.Reason != "Maximum message size exceeded" {
		t.Errorf("%v is not what Reverb sends", errTooBig)
	}
}
