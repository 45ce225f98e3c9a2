package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"resound/protocol"
)

// evil is what would end a line of a log, colour a terminal, or be no text at all.
var evil = []string{
	"\r\nINJECTED: 1", "\nINJECTED level=ERROR", "\x1b[31mINJECTED\x1b[0m", "\x1b]0;INJECTED\x07", "\xff\xfeINJECTED", "\x00INJECTED", "\u202eINJECTED", "\u2028INJECTED", "\u009bINJECTED",
	strings.Repeat("INJECTED", 500),
}

// percent escapes every byte.
func percent(s string) (out string) {
	for _, b := range []byte(s) {
		out += fmt.Sprintf("%%%02x", b)
	}
	return out
}

// TestAttackLogs: whatever is said in names, origins, paths and headers, a record of the log is one line of plain text, and no answer has a header
// line that somebody made up.
func TestAttackLogs(t *testing.T) {
	t.Parallel()
	for _, flags := range [][]string{{"--log-format=json"}, {"--log-format=text"}, {"--log-format=json", "--debug"}} {
		t.Run(strings.Join(flags, " "), func(t *testing.T) {
			t.Parallel()
			v := attacked(t, append(flags, "--log-level=debug")...)
			for _, text := range evil {
				v.inject(t, text)
			}
			v.report(t, fmt.Sprintf("%d texts in each place", len(evil)))
			v.finish()
			records := 0
			for line := range strings.Lines(v.log.String()) {
				line = strings.TrimSuffix(line, "\n")
				if !utf8.ValidString(line) {
					t.Fatalf("a line is no text: %q", line)
				}
				for _, r := range line {
					if unicode.IsControl(r) && r != '\t' || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
						t.Fatalf("a line has %q: %q", r, line)
					}
				}
				if !strings.Contains(line, "INJECTED") {
					continue
				}
				records++
				var record struct{ Time, Level, Msg string }
				isJSON := json.Unmarshal([]byte(line), &record) == nil && record.Time != ""
				isText := regexp.MustCompile(`^time=\S+ level=[A-Z]+ msg=`).MatchString(line)
				isTrace := len(flags) > 1 && strings.HasPrefix(line, "  ")
				if !isJSON && !isText && !isTrace {
					t.Errorf("a line that is no record: %q", line)
				}
				if len(line) > 12_000 {
					t.Errorf("a line of %d bytes", len(line))
				}
			}
			t.Logf("%d lines of the log hold what was said", records)
			if records == 0 {
				t.Error("nothing of it was logged, so nothing was tried")
			}
		})
	}
}

// inject says the text wherever somebody can say something.
func (v *victim) inject(t *testing.T, text string) {
	quoted, _ := json.Marshal(text)
	name := string(quoted)
	answers := []string{}
	for _, request := range []string{
		"GET /" + percent(text) + " HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /app/" + percent(text) + " HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /apps/" + percent(text) + "/channels HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /apps/1001/channels/" + percent(text) + "?auth_key=" + percent(text) + "&auth_signature=" + percent(text) + "&auth_timestamp=" + percent(text) + " HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /apps/1001/channels?auth_key=app-key&auth_signature=0&info=" + percent(text) + " HTTP/1.1\r\nHost: a\r\n\r\n",
		strings.Replace(head, "/app/"+appKey, "/app/"+percent(text), 1),
		strings.Replace(head, "Host:", "Origin: http://"+strings.NewReplacer("\r", "", "\n", "").Replace(text)+"\r\nHost:", 1),
		"GET /up HTTP/1.1\r\nHost: a\r\n" + text + ": " + text + "\r\n\r\n",
		text + " /up HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /apps/1001/events?auth_timestamp=1" + percent(text) + " HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
	} {
		answers = append(answers, string(shove(t, v.dial(t), []byte(request))))
	}
	for _, answer := range answers {
		head, _, _ := strings.Cut(answer, "\r\n\r\n")
		if strings.Contains(head, "INJECTED") {
			t.Errorf("%q is in the head of an answer: %q", text, head)
		}
	}
	// Signed requests, which are the ones that can make a record above debug.
	for path, body := range map[string]string{
		"/events": `{"name":` + name + `,"channel":` + name + `,"data":` + name + `}`, "/batch_events": `{"batch":[{"name":` + name + `,"channel":` + name + `,"data":1}]}`,
	} {
		v.request(t, "POST", path, body)
	}
	v.request(t, "POST", "/users/"+percent(text)+"/terminate_connections", "")
	v.request(t, "GET", "/channels/"+percent(text), "")
	v.oldRequest(t, text)

	c := v.connect(t)
	id, _ := protocol.ParseSocketID([]byte(c.id))
	signer := protocol.NewSigner(appKey, appSecret)
	member := `{"user_id":` + name + `,"user_info":{"a":` + name + `}}`
	auth := signer.Channel(id, []byte("presence-room"), []byte(member))
	quotedMember, _ := json.Marshal(member)
	for _, message := range []string{
		`{"event":` + name + `}`, `{"event":"pusher:subscribe","data":{"channel":` + name + `}}`,
		`{"event":"pusher:subscribe","data":{"channel":"presence-room","auth":"` + auth + `","channel_data":` + string(quotedMember) + `}}`,
		`{"event":"client-` + strings.Trim(name, `"`) + `","channel":"presence-room","data":` + name + `}`,
		`{"event":"pusher:signin","data":{"auth":"app-key:0","user_data":` + string(quotedMember) + `}}`,
	} {
		_ = c.write(message)
	}
	_, _ = c.conn.Write(frame(fin|opText, text)) // the server may end the connection at any of them
	_, _ = io.Copy(io.Discard, io.LimitReader(c.conn, 1))
	_ = c.Close()
}

// oldRequest is a signed request from another time, which is warned of, with a time that is none.
func (v *victim) oldRequest(t *testing.T, stamp string) {
	t.Helper()
	path, body := "/apps/"+appID+"/channels", ""
	params := []protocol.Param{{Name: []byte("auth_key"), Value: []byte(appKey)}, {Name: []byte("auth_timestamp"), Value: []byte(stamp)}}
	signature := protocol.NewSigner(appKey, appSecret).Request([]byte("GET"), []byte(path), params, []byte(body))
	c := v.call(t)
	c.send("GET " + path + "?auth_key=" + appKey + "&auth_timestamp=" + percent(stamp) + "&auth_signature=" + signature + " HTTP/1.1\r\nHost: a\r\n\r\n")
	if res, text := c.answer("GET"); res.StatusCode != 200 {
		t.Errorf("a request from another time: %d %s", res.StatusCode, text)
	}
	_ = c.Close()
}
