package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// runes are texts of 6 that are valid, under its numbers; a command carries each as its data.
func runes() map[string][]string {
	planes := []string{}
	for plane := rune(0); plane <= 0x10; plane++ {
		planes = append(planes, string(plane<<16|0xfffe), string(plane<<16|0xffff))
	}
	specials := []string{}
	for r := '\ufff9'; r <= '\uffff'; r++ {
		specials = append(specials, string(r))
	}
	return map[string][]string{
		"6.2":  {"Hello-\u00b5@\u00df\u00f6\u00e4\u00fc\u00e0\u00e1-UTF-8!!"},
		"6.5":  {"\u03ba\u1f79\u03c3\u03bc\u03b5", "\u03ba", "\u03ba\u1f79"},
		"6.7":  {"\u0080", "\u0800", "\U00010000"}, // the first of each length
		"6.9":  {"\x7f", "\u07ff", "\uffff", "\U0010ffff"},
		"6.11": {"\ud7ff", "\ue000", "\ufffd", "\U0010ffff"},
		"6.22": planes, // no characters, but valid
		"6.23": specials,
	}
}

// validUTF8: what is valid is passed on as it is, cut as it may be.
func validUTF8() (all []conformCase) {
	all = []conformCase{
		{name: "6.1.1 empty", stream: once(frame(fin|opText, "")), get: []string{"pusher:error"}},
		{name: "6.1.2 three empty fragments", stream: once(frame(opText, ""), frame(opMore, ""), frame(fin|opMore, "")), get: []string{"pusher:error"}},
		{name: "6.1.3 only the second has bytes", stream: once(frame(opText, ""), frame(opMore, say("x")), frame(fin|opMore, "")), echo: []string{"x"}},
		{name: "6.7.1 a null, which JSON may not have", stream: once(frame(fin|opText, say("\x00"))), get: []string{"pusher:error"}},
	}
	valid := runes()
	for _, number := range slices.Sorted(maps.Keys(valid)) {
		for i, s := range valid[number] {
			name := fmt.Sprintf("%s.%d %+q", number, i+1, s)
			all = append(all,
				conformCase{name: name, stream: once(frame(fin|opText, say(s))), echo: []string{s}},
				conformCase{name: name + " in fragments of 1", stream: once(split(opText, say(s), 1)...), echo: []string{s}},
				conformCase{name: name + " in chops of 1", stream: chop(1, frame(fin|opText, say(s))), echo: []string{s}})
		}
	}
	return all
}

// invalidUTF8: what is not valid ends the connection, and nobody gets it.
func invalidUTF8() (all []conformCase) {
	invalid := map[string][]string{
		"6.3":  {"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80\x65\x64\x69\x74\x65\x64"},
		"6.4":  {"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80\x65\x64\x69\x74\x65\x64"},
		"6.6":  {"\xce", "\xce\xba\xe1", "\xce\xba\xe1\xbd", "\xce\xba\xe1\xbd\xb9\xcf", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce"},
		"6.8":  {"\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80"},
		"6.10": {"\xf7\xbf\xbf\xbf", "\xfb\xbf\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf\xbf"},
		"6.11": {"\xf4\x90\x80\x80"},
		"6.12": {"\x80", "\xbf", "\x80\xbf", "\x80\xbf\x80", "\x80\xbf\x80\xbf", "\x80\xbf\x80\xbf\x80", "\x80\xbf\x80\xbf\x80\xbf", every(0x80, 0xbf, "")},
		"6.13": {every(0xc0, 0xdf, " "), every(0xe0, 0xef, " "), every(0xf0, 0xf7, " "), every(0xf8, 0xfb, " "), "\xfc \xfd "},
		"6.14": {"\xc0", "\xe0\x80", "\xf0\x80\x80", "\xf8\x80\x80\x80", "\xfc\x80\x80\x80\x80", "\xdf", "\xef\xbf", "\xf7\xbf\xbf", "\xfb\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf"},
		"6.15": {"\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80\xfc\x80\x80\x80\x80\xdf\xef\xbf\xf7\xbf\xbf\xfb\xbf\xbf\xbf\xfd\xbf\xbf\xbf\xbf"},
		"6.16": {"\xfe", "\xff", "\xfe\xfe\xff\xff"},
		"6.17": {"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf", "\xfc\x80\x80\x80\x80\xaf"},
		"6.18": {"\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x87\xbf\xbf\xbf", "\xfc\x83\xbf\xbf\xbf\xbf"},
		"6.19": {"\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf8\x80\x80\x80\x80", "\xfc\x80\x80\x80\x80\x80"},
		"6.20": {"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf", "\xed\xb0\x80", "\xed\xbe\x80", "\xed\xbf\xbf"},
		"6.21": {"\xed\xa0\x80\xed\xb0\x80", "\xed\xa0\x80\xed\xbf\xbf", "\xed\xad\xbf\xed\xb0\x80", "\xed\xad\xbf\xed\xbf\xbf",
			"\xed\xae\x80\xed\xb0\x80", "\xed\xae\x80\xed\xbf\xbf", "\xed\xaf\xbf\xed\xb0\x80", "\xed\xaf\xbf\xed\xbf\xbf"},
	}
	for _, number := range slices.Sorted(maps.Keys(invalid)) {
		for i, s := range invalid[number] {
			name := fmt.Sprintf("%s.%d %+q", number, i+1, s)
			all = append(all,
				conformCase{name: name, stream: once(frame(fin|opText, say(s))), code: 1007},
				conformCase{name: name + " in fragments of 1", stream: once(split(opText, say(s), 1)...), code: 1007},
				conformCase{name: name + " alone", stream: once(frame(fin|opText, s)), code: 1007},
				// Binary is nobody's text, but what is relayed has to be.
				conformCase{name: name + " in binary", stream: once(frame(fin|opBinary, say(s))), get: []string{"pusher:error"}})
		}
	}
	return all
}

// every is the bytes from one to another, each with something behind it.
func every(from, to byte, behind string) string {
	var b strings.Builder
	for c := int(from); c <= int(to); c++ {
		b.WriteByte(byte(c))
		b.WriteString(behind)
	}
	return b.String()
}

// utf8InPieces is 6.4 and what a rune cut by a fragment comes to: a ping in the middle of a rune is
// answered, and text that goes bad is refused at the latest when it is whole.
func utf8InPieces() (all []conformCase) {
	const s = "\u00e9\u20ac\U0001f44b"
	event := say(s)
	begin := strings.Index(event, s)
	for at := begin + 1; at < begin+len(s); at++ {
		a, b := event[:at], event[at:]
		all = append(all, conformCase{name: fmt.Sprintf("6.2 cut after byte %d", at-begin),
			stream: once(frame(opText, a), frame(fin|opPing, "x"), frame(fin|opMore, b)), get: []string{"pong x"}, echo: []string{s}})
		if !utf8.ValidString(a) {
			all = append(all, conformCase{name: fmt.Sprintf("6.6 ends after byte %d", at-begin), stream: once(frame(fin|opText, a)), code: 1007},
				conformCase{name: fmt.Sprintf("6.6 ends after byte %d, the rest as another message", at-begin),
					stream: once(frame(fin|opText, a), frame(fin|opText, b)), code: 1007})
		}
	}
	bad := "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"
	return append(all,
		conformCase{name: "6.4.1 bad in the second of three fragments", stream: framewise(frame(opText, bad), frame(opMore, "\xf4\x90\x80\x80"), frame(fin|opMore, "edited")), code: 1007},
		conformCase{name: "6.4.2 bad by a byte in the third", stream: framewise(frame(opText, bad+"\xf4"), frame(opMore, "\x90"), frame(fin|opMore, "\x80\x80edited")), code: 1007},
		conformCase{name: "6.4.3 bad in the second of three chops", stream: chop(17, frame(fin|opText, bad+"\xf4\x90\x80\x80edited")), code: 1007},
		conformCase{name: "6.4.4 in chops of 1", stream: chop(1, frame(fin|opText, bad+"\xf4\x90\x80\x80edited")), code: 1007})
}
