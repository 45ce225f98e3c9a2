package protocol

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// Raw is one JSON value exactly as it stood in the input.
type Raw []byte

// IsString reports whether the value is a string.
func (r Raw) IsString() bool { return len(r) > 0 && r[0] == '"' }

// IsObject reports whether the value is an object.
func (r Raw) IsObject() bool { return len(r) > 0 && r[0] == '{' }

// IsNull reports whether the value is null or not there at all.
func (r Raw) IsNull() bool { return len(r) == 0 || r[0] == 'n' }

// Text returns the text of a string value and leaves the input as it is: a
// string with escapes is copied, any other aliases the input.
func (r Raw) Text() []byte {
	if bytes.IndexByte(r, '\\') < 0 {
		return r[1 : len(r)-1]
	}
	return Raw(bytes.Clone(r)).Unquote()
}

// Unquote returns the text of a string value. It works in place, so the input
// is changed when it holds escapes; no text is longer than what it came from.
func (r Raw) Unquote() []byte {
	b := r[1 : len(r)-1]
	at := bytes.IndexByte(b, '\\')
	if at < 0 {
		return b
	}
	out := b[:at]
	for i := at; i < len(b); i++ {
		if b[i] != '\\' {
			out = append(out, b[i])
			continue
		}
		i++
		if b[i] != 'u' {
			out = append(out, unescape[b[i]])
			continue
		}
		c := hex4(b[i+1:])
		i += 4
		if utf16.IsSurrogate(c) {
			// Half a pair has no UTF-8 form: it becomes U+FFFD, as in encoding/json.
			pair := utf8.RuneError
			if i+6 < len(b) && b[i+1] == '\\' && b[i+2] == 'u' {
				pair = utf16.DecodeRune(c, hex4(b[i+3:]))
			}
			if c = pair; c != utf8.RuneError {
				i += 6
			}
		}
		out = utf8.AppendRune(out, c)
	}
	return out
}

var unescape = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// hex4 reads four hexadecimal digits, which the scanner has checked.
func hex4(b []byte) (r rune) {
	for _, c := range b[:4] {
		r = r<<4 | rune(hexValue[c]-1)
	}
	return r
}

// hexValue is a digit's value plus one, 0 for what is no digit.
var hexValue = func() (v [256]byte) {
	for i, c := range []byte("0123456789abcdef") {
		v[c] = byte(i + 1)
	}
	for i, c := range []byte("ABCDEF") {
		v[c] = byte(i + 11)
	}
	return v
}()

// ScanObject calls member for each member of the JSON object that is all of b, in order; key is
// its text. It reports whether b is a valid JSON object and no call of member returned false.
// The whole of b is checked, nested values too; UTF-8 is the caller's to check. b stays as it
// is: channel_data is scanned and then verified, and a signature is over the bytes that came.
func ScanObject(b []byte, member func(key []byte, value Raw) bool) bool {
	i := skipSpace(b, 0)
	if i >= len(b) || b[i] != '{' {
		return false
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return skipSpace(b, i+1) == len(b)
	}
	for {
		keyEnd, ok := scanString(b, i)
		if !ok {
			return false
		}
		key := Raw(b[i:keyEnd])
		i = skipSpace(b, keyEnd)
		if i >= len(b) || b[i] != ':' {
			return false
		}
		i = skipSpace(b, i+1)
		end, ok := scanValue(b, i, MaxDepth-1)
		if !ok || !member(key.Text(), Raw(b[i:end])) {
			return false
		}
		i = skipSpace(b, end)
		if i >= len(b) {
			return false
		}
		if b[i] == '}' {
			return skipSpace(b, i+1) == len(b)
		}
		if b[i] != ',' {
			return false
		}
		i = skipSpace(b, i+1)
	}
}

// ScanArray calls element for each element of the JSON array that is all of b, as ScanObject does for members.
func ScanArray(b []byte, element func(value Raw) bool) bool {
	i := skipSpace(b, 0)
	if i >= len(b) || b[i] != '[' {
		return false
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		return skipSpace(b, i+1) == len(b)
	}
	for {
		end, ok := scanValue(b, i, MaxDepth-1)
		if !ok || !element(Raw(b[i:end])) {
			return false
		}
		i = skipSpace(b, end)
		if i >= len(b) {
			return false
		}
		if b[i] == ']' {
			return skipSpace(b, i+1) == len(b)
		}
		if b[i] != ',' {
			return false
		}
		i = skipSpace(b, i+1)
	}
}

// ValidJSON reports whether b is one JSON value.
func ValidJSON(b []byte) bool {
	end, ok := scanValue(b, skipSpace(b, 0), MaxDepth)
	return ok && skipSpace(b, end) == len(b)
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// scanString returns the index behind the string that starts at i.
func scanString(b []byte, i int) (int, bool) {
	if i >= len(b) || b[i] != '"' {
		return i, false
	}
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1, true
		case c < 0x20:
			return i, false
		case c == '\\':
			i++
			if i >= len(b) {
				return i, false
			}
			if b[i] != 'u' {
				if unescape[b[i]] == 0 {
					return i, false
				}
				continue
			}
			if i+4 >= len(b) {
				return i, false
			}
			for _, h := range b[i+1 : i+5] {
				if hexValue[h] == 0 {
					return i, false
				}
			}
			i += 4
		}
	}
	return i, false
}

// scanNumber returns the index behind the number that starts at i.
func scanNumber(b []byte, i int) (int, bool) {
	digits := func() bool {
		from := i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(b) && b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return i, false
	}
	if i < len(b) && b[i] == '.' {
		i++
		if !digits() {
			return i, false
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return i, false
		}
	}
	return i, true
}

// scanScalar returns the index behind the string, number or word that starts at i.
func scanScalar(b []byte, i int) (int, bool) {
	if i >= len(b) {
		return i, false
	}
	word := ""
	switch b[i] {
	case '"':
		return scanString(b, i)
	case 't':
		word = "true"
	case 'f':
		word = "false"
	case 'n':
		word = "null"
	default:
		return scanNumber(b, i)
	}
	end := i + len(word)
	return end, end <= len(b) && string(b[i:end]) == word
}

// scanValue returns the index behind the value that starts at i and nests at most levels deep,
// which is at most MaxDepth. It does not recurse, so that a level of an attacker's message costs
// us a bit and not a stack frame.
func scanValue(b []byte, i, levels int) (int, bool) {
	var objects [MaxDepth / 64]uint64 // bit d: the container at depth d is an object
	depth := 0
	isObject := func() bool { return objects[(depth-1)/64]>>((depth-1)%64)&1 == 1 }
	for {
		// A value is due at i.
		if i < len(b) && (b[i] == '{' || b[i] == '[') {
			if depth == levels {
				return i, false
			}
			bit := uint64(1) << (depth % 64)
			objects[depth/64] &^= bit
			if b[i] == '{' {
				objects[depth/64] |= bit
			}
			depth++
			i = skipSpace(b, i+1)
			if i >= len(b) || b[i] != closer(isObject()) {
				var ok bool
				if i, ok = scanKey(b, i, isObject()); !ok {
					return i, false
				}
				continue
			}
		} else {
			var ok bool
			if i, ok = scanScalar(b, i); !ok {
				return i, false
			}
			if depth == 0 {
				return i, true
			}
			i = skipSpace(b, i)
		}
		// A value has ended: close what it closes, then go on behind the comma.
		for i < len(b) && b[i] == closer(isObject()) {
			i++
			if depth--; depth == 0 {
				return i, true
			}
			i = skipSpace(b, i)
		}
		if i >= len(b) || b[i] != ',' {
			return i, false
		}
		var ok bool
		if i, ok = scanKey(b, skipSpace(b, i+1), isObject()); !ok {
			return i, false
		}
	}
}

func closer(object bool) byte {
	if object {
		return '}'
	}
	return ']'
}

// scanKey returns the index of the value behind an object's key; in an array there is none to skip.
func scanKey(b []byte, i int, object bool) (int, bool) {
	if !object {
		return i, true
	}
	i, ok := scanString(b, i)
	if !ok {
		return i, false
	}
	i = skipSpace(b, i)
	if i >= len(b) || b[i] != ':' {
		return i, false
	}
	return skipSpace(b, i+1), true
}

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string. s is valid UTF-8.
func AppendString[S ~string | ~[]byte](dst []byte, s S) []byte {
	dst = append(dst, '"')
	dst = appendEscaped(dst, s)
	return append(dst, '"')
}

// appendEscaped appends s as it stands between the quotes of a JSON string.
func appendEscaped[S ~string | ~[]byte](dst []byte, s S) []byte {
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(dst, s[from:]...)
}
