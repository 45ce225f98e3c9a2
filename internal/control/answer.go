package control

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"

	"github.com/goccy/go-json"

	"resound/persist"
)

// lastLine ends an answer of many lines, so that one that was cut off is not taken for a whole one.
var lastLine = []byte("{\"end\":true}\n")

// failure is an error on its way to the client.
type failure struct {
	Error string `json:"error"`
	Kind  string `json:"kind,omitempty"`
}

// kinds are the errors that arrive as what they are.
var kinds = map[string]error{
	"no stream": persist.ErrNoStream,
	"off":       persist.ErrOff,
	"gap":       persist.ErrGap,
}

// remoteError is an error of the server.
type remoteError struct {
	text string
	kind error
}

func (e *remoteError) Error() string { return e.text }
func (e *remoteError) Unwrap() error { return e.kind }

func toFailure(err error) failure {
	f := failure{Error: err.Error()}
	for kind, of := range kinds {
		if errors.Is(err, of) {
			f.Kind = kind
		}
	}
	return f
}

func toError(text []byte) error {
	var f failure
	if err := json.Unmarshal(text, &f); err != nil || f.Error == "" {
		return &remoteError{text: "the server says " + string(bytes.TrimSpace(text))}
	}
	return &remoteError{text: f.Error, kind: kinds[f.Kind]}
}

// answer writes a value as JSON.
func answer(w http.ResponseWriter, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(append(text, '\n'))
	return err
}

// answerLines writes a line for each value.
func answerLines[T any](w http.ResponseWriter, list []T) error {
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := bufio.NewWriterSize(w, 1<<16)
	for _, v := range list {
		text, err := json.Marshal(v)
		if err != nil {
			return err // without its last line the answer is no whole one
		}
		_, _ = out.Write(append(text, '\n')) // its error comes back from Flush
	}
	_, _ = out.Write(lastLine)
	return out.Flush()
}

// refuse answers with an error. It comes too late where the answer has begun.
func refuse(w http.ResponseWriter, err error) {
	code := http.StatusInternalServerError
	switch {
	case errors.Is(err, errRequest):
		code = http.StatusBadRequest
	case errors.Is(err, persist.ErrNoStream):
		code = http.StatusNotFound
	case errors.Is(err, persist.ErrOff):
		code = http.StatusServiceUnavailable
	}
	text, err := json.Marshal(toFailure(err))
	if err != nil {
		http.Error(w, "the error has no text", code)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(append(text, '\n')) // who does not hear it is gone
}

// errRequest is of a request that cannot be understood.
var errRequest = errors.New("control: bad request")
