package protocol

import (
	"strconv"
	"strings"
)

// ConflationKey returns what makes two stored events the same for a conflated replay: with "event" the
// event's name, else what the JSON pointer (RFC 6901) finds in its data. An event without it has no key.
func ConflationKey(payload []byte, conflate string) (key string, ok bool) {
	var name, data Raw
	if !ScanObject(payload, func(k []byte, v Raw) bool {
		switch string(k) {
		case "event":
			name = v
		case "data":
			data = v
		}
		return true
	}) {
		return "", false
	}
	if conflate == "event" {
		return string(name), true
	}
	if data.IsString() { // Laravel sends JSON in a string
		data = Raw(data.Text())
	}
	v, ok := pointTo(data, conflate)
	return string(v), ok
}

var unescapePointer = strings.NewReplacer("~1", "/", "~0", "~")

// pointTo follows a JSON pointer from a value.
func pointTo(v Raw, pointer string) (Raw, bool) {
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		token = unescapePointer.Replace(token)
		var found Raw
		switch {
		case v.IsObject():
			ScanObject(v, func(key []byte, value Raw) bool {
				if string(key) == token {
					found = value // of a name that is there twice the last one counts, as in PHP
				}
				return true
			})
		case len(v) > 0 && v[0] == '[':
			at, err := strconv.Atoi(token)
			if err != nil {
				return nil, false
			}
			i := 0
			ScanArray(v, func(value Raw) bool {
				if i == at {
					found = value
				}
				i++
				return true
			})
		}
		if len(found) == 0 {
			return nil, false
		}
		v = found
	}
	return v, true
}
