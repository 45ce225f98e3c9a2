package demo

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-json"
)

// Bounds on what a visitor sends.
const (
	maxAuthBody    = 2 << 10 // bytes: a channel name of 200, the rest is short
	maxPublishBody = 4 << 10 // bytes: maxText runes, escaped in JSON, and the rest
	maxText        = 280     // runes of one message
	maxName        = 32      // runes of a visitor's name
)

// read takes the body of r, JSON into v or a form through form, and reports
// whether it could. If not, the answer has been written.
func read(w http.ResponseWriter, r *http.Request, limit int64, v any, form func(url.Values)) bool {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			fail(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("The body is larger than %d bytes.", limit))
		} else {
			fail(w, http.StatusBadRequest, "The body could not be read.")
		}
		return false
	}
	// A type that cannot be parsed is as wrong as a type that is not known.
	switch kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind {
	case "application/json":
		err = json.Unmarshal(raw, v)
	case "application/x-www-form-urlencoded":
		var values url.Values
		if values, err = url.ParseQuery(string(raw)); err == nil {
			form(values)
		}
	default:
		fail(w, http.StatusUnsupportedMediaType, "Send application/json or application/x-www-form-urlencoded.")
		return false
	}
	if err != nil {
		fail(w, http.StatusBadRequest, "The body is not what its Content-Type says.")
		return false
	}
	return true
}

// line returns s without the space around it. It must be valid UTF-8 of at most
// limit runes, all of them printable.
func line(what, s string, limit int) (string, error) {
	s = strings.TrimSpace(s)
	switch {
	case !utf8.ValidString(s):
		return "", fmt.Errorf("%s is not valid UTF-8", what)
	case utf8.RuneCountInString(s) > limit:
		return "", fmt.Errorf("%s has %d characters, the limit is %d", what, utf8.RuneCountInString(s), limit)
	}
	for _, c := range s {
		// The joiner is invisible but holds emoji together.
		if !unicode.IsPrint(c) && c != '\u200d' {
			return "", fmt.Errorf("%s holds the control character %U", what, c)
		}
	}
	return s, nil
}
