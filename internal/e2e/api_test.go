package e2e

import (
	"crypto/md5"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"resound/protocol"
)

// signed returns the path with the query of a signed request of the application, as publishers sign it. The path may have one parameter.
func signed(method, path, body string) string {
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	path, query, _ := strings.Cut(path, "?")
	params := []protocol.Param{
		{Name: []byte("auth_key"), Value: []byte(appKey)},
		{Name: []byte("auth_timestamp"), Value: []byte(stamp)},
		{Name: []byte("auth_version"), Value: []byte("1.0")},
	}
	more := ""
	if name, value, ok := strings.Cut(query, "="); ok {
		params = append(params, protocol.Param{Name: []byte(name), Value: []byte(value)})
		more = "&" + query
	}
	signature := protocol.NewSigner(appKey, appSecret).Request([]byte(method), []byte(path), params, []byte(body))
	digest := ""
	if body != "" {
		digest = fmt.Sprintf("&body_md5=%x", md5.Sum([]byte(body)))
	}
	return path + "?auth_key=" + appKey + "&auth_timestamp=" + stamp + "&auth_version=1.0" + more + digest + "&auth_signature=" + signature
}

// request sends one signed API request on a connection of its own and returns the answer.
// path comes behind /apps/{id}.
func (s *server) request(t testing.TB, method, path, body string) (status int, answer string) {
	t.Helper()
	url := "http://" + s.addr + signed(method, "/apps/"+appID+path, body)
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", method, path, err, s.log.String())
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp.StatusCode, string(text)
}

// connections asks how many sockets the server has.
func (s *server) connections(t testing.TB) int {
	t.Helper()
	status, text := s.request(t, "GET", "/connections", "")
	var answer struct{ Connections int }
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != http.StatusOK {
		t.Fatalf("connections: %d %s", status, text)
	}
	return answer.Connections
}

// eventually waits until what holds, and fails with what it was about after patience.
func eventually(t testing.TB, about string, what func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !what(); {
		if time.Now().After(end) {
			t.Fatalf("waited %v for: %s", patience, about)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
