package protocol

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"strings"
	"testing"
)

// What pusher-js does when a connection closes with a code.
const (
	never  = "never comes back"
	second = "comes back after a second"
	atOnce = "comes back at once"
)

func pusherJS(code int) string {
	switch {
	case code >= 4100 && code < 4200:
		return second
	case code >= 4200 && code < 4300:
		return atOnce
	default:
		return never
	}
}

func TestCodeTable(t *testing.T) {
	// A refusal that lasts must stop the client; ours is over soon; a client
	// that was only asleep may be back at once.
	closing := map[*Error]string{
		ErrAppNotFound: never, ErrOverQuota: never, ErrTerminated: never, ErrOrigin: never, ErrRateLimitEnd: never,
		ErrOverCapacity: second, ErrSlowConsumer: second, ErrPongTimeout: atOnce,
	}
	closed := 0
	for _, e := range Codes {
		if (e.Code != 0) == (e.Status != 0) {
			t.Errorf("%v: code %d and status %d, want one of them", e, e.Code, e.Status)
		}
		if e.Text == "" || strings.ContainsAny(e.Text, "\r\n") {
			t.Errorf("%v: the text is not one line", e)
		}
		if e.Status != 0 && (http.StatusText(e.Status) == "" || e.Status < 400 || e.Closes || e.Frame() != nil) {
			t.Errorf("%v is no row of HTTP", e)
		}
		if e.Code != 0 {
			checkErrorFrame(t, e)
		}
		if want, known := closing[e]; known != e.Closes || known && pusherJS(e.Code) != want {
			t.Errorf("%v: closes %v, so that the client %s; want %q", e, e.Closes, pusherJS(e.Code), want)
		}
		if e.Closes {
			closed++
		}
	}
	if closed != len(closing) {
		t.Errorf("%d rows close, want %d", closed, len(closing))
	}
}

func checkErrorFrame(t *testing.T, e *Error) {
	t.Helper()
	if e.Code < 4000 || e.Code > 4999 {
		t.Errorf("%v: a close code of an application has to be from 4000 to 4999", e)
	}
	event := decodeFrame(t, e.Frame())
	var data struct {
		Code    int
		Message string
	}
	if err := json.Unmarshal([]byte(event.text(t, "data")), &data); err != nil {
		t.Errorf("%v: %v", e, err)
	}
	if event.text(t, "event") != EventError || len(event) != 2 || data.Code != e.Code || data.Message != e.Text {
		t.Errorf("%v: the frame says %v", e, event)
	}
}

// Every row that is declared is in the list, or the documentation would miss it.
func TestCodesAreComplete(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	ast.Inspect(file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if f, ok := call.Fun.(*ast.Ident); ok && (f.Name == "row" || f.Name == "httpRow") {
				rows++
			}
		}
		return true
	})
	seen := map[*Error]bool{}
	for _, e := range Codes {
		seen[e] = true
	}
	if rows == 0 || len(seen) != rows || len(Codes) != rows {
		t.Errorf("%d rows are declared, the list has %d, %d of them different", rows, len(Codes), len(seen))
	}
}

// The texts that Reverb sends, as clients and dashboards match them.
func TestErrorFramesOfReverb(t *testing.T) {
	for e, want := range map[*Error]string{
		ErrAppNotFound:     `{"event":"pusher:error","data":"{\"code\":4001,\"message\":\"Application does not exist\"}"}`,
		ErrOverQuota:       `{"event":"pusher:error","data":"{\"code\":4004,\"message\":\"Application is over connection quota\"}"}`,
		ErrUnauthorized:    `{"event":"pusher:error","data":"{\"code\":4009,\"message\":\"Connection is unauthorized\"}"}`,
		ErrNotMember:       `{"event":"pusher:error","data":"{\"code\":4009,\"message\":\"The client is not a member of the specified channel.\"}"}`,
		ErrInvalidFormat:   `{"event":"pusher:error","data":"{\"code\":4200,\"message\":\"Invalid message format\"}"}`,
		ErrPongTimeout:     `{"event":"pusher:error","data":"{\"code\":4201,\"message\":\"Pong reply not received in time\"}"}`,
		ErrClientEventsOff: `{"event":"pusher:error","data":"{\"code\":4301,\"message\":\"The app does not have client messaging enabled.\"}"}`,
	} {
		sameJSON(t, e.Frame(), want)
	}
	for e, want := range map[*Error]string{
		ErrBadRequest: "Bad request.", ErrSignature: "Authentication signature invalid.", ErrNotFound: "Not found.",
		ErrMethodNotAllowed: "Method not allowed.", ErrPayloadTooLarge: "Payload too large.",
	} {
		if e.Text != want {
			t.Errorf("%q, Reverb says %q", e.Text, want)
		}
	}
}

func TestWithKeepsTheRow(t *testing.T) {
	for _, e := range Codes {
		text := "limit " + hostile[0] + " is 5"
		got := e.With("limit %s is %d", hostile[0], 5)
		if got == e || got.Code != e.Code || got.Status != e.Status || got.Closes != e.Closes || got.Text != text || e.Text == text {
			t.Errorf("%v became %+v", e, got)
		}
		if e.Code != 0 {
			checkErrorFrame(t, got)
			checkErrorFrame(t, e)
		} else if got.Frame() != nil {
			t.Errorf("%v has a frame", got)
		}
	}
	if got := ErrNotMember.Error(); got != "4009 The client is not a member of the specified channel." {
		t.Error(got)
	}
	if got := ErrNotFound.Error(); got != "404 Not found." {
		t.Error(got)
	}
}
