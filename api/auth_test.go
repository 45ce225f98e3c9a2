package api

import (
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"

	"resound/internal/apps"
)

func TestSignatureIsChecked(t *testing.T) {
	const body = `{"name":"e","data":"{}","channel":"c"}`
	const path = "/apps/1001/events"
	n := newNode(t)
	good := n.signed("POST", path, path, "", body)
	signature := good[strings.Index(good, "auth_signature=")+len("auth_signature="):]
	const invalid = "Authentication signature invalid. "
	compared := invalid + `The string that was to be signed begins with "POST\n/apps/1001/events\n…": check REVERB_APP_ID, REVERB_APP_KEY and REVERB_APP_SECRET.`
	const one = invalid + "The query has to have one auth_signature."
	const key = invalid + "The auth_key is not the key of the application [1001]: check REVERB_APP_KEY and REVERB_APP_ID."
	other := newNodeOf(t, apps.New(testID, testKey, "another-secret"))
	for _, tc := range []struct {
		row, name, uri, body string
		status               int
		answer               string
	}{
		{"E119", "as it was signed", good, body, 200, "{}"},
		{"E111", "no query", path, body, 401, one},
		{"E111", "no signature", good[:strings.Index(good, "&auth_signature")], body, 401, one},
		{"E111", "an empty signature", strings.Replace(good, signature, "", 1), body, 401, one},
		{"E111", "a list", strings.Replace(good, "auth_signature=", "auth_signature[]=", 1), body, 401, one},
		{"E111", "a named list", strings.Replace(good, "auth_signature=", "auth_signature%5B1%5D=", 1), body, 401, one},
		{"E111", "two of them", good + "&auth_signature=" + signature, body, 401, one},
		{"E111", "one digit changed", good[:len(good)-1] + flip(good[len(good)-1]), body, 401, compared},
		{"E111", "upper case", strings.Replace(good, signature, strings.ToUpper(signature), 1), body, 401, compared},
		{"E111", "another secret", other.signed("POST", path, path, "", body), body, 401, compared},
		{"E111", "another body", good, strings.Replace(body, "c", "d", 1), 401, compared},
		{"E111", "another query", good + "&info=user_count", body, 401, compared},
		{"E111", "another method", n.signed("GET", path, path, "", body), body, 401, compared},
		{"E111", "another path", n.signed("POST", path, "/apps/1001/batch_events", "", body), body, 401, compared},
		{"E111", "too many parameters", good + manyArgs(), body, 401, invalid + "The query has more than 100 parameters."},
		{"E112", "a bad body that is not signed", good, "not JSON", 401, compared},
		{"E113", "another key", signedBy(n.app.Signer(), "other-key", "POST", path, path, "", body), body, 401, key},
		{"E113", "a key that is a list", strings.Replace(good, "auth_key=", "auth_key[]=", 1), body, 401, key},
		{"E113", "an old timestamp and another version", n.signed("POST", path, path, "auth_timestamp_=1&x=9", body), body, 200, "{}"},
		{"E114", "a wrong body_md5", good + "&body_md5=00", body, 200, "{}"},
		{"E116", "a list of values", n.signed("POST", path, path, "info[]=a&info[]=b", body), body, 200, "{}"},
		{"E116", "an escaped list", strings.ReplaceAll(n.signed("POST", path, path, "info[]=a&info[]=b", body), "[]", "%5B%5D"), body, 200, "{}"},
		{"", "escaped values", n.signed("POST", path, path, "x=a%2Cb+c%26d%3D", body), body, 200, "{}"},
		{"", "a parameter that came twice", strings.Replace(n.signed("POST", path, path, "x=2", body), "?", "?x=1&", 1), body, 200, "{}"},
	} {
		a := n.do("POST", tc.uri, tc.body)
		if a.status != tc.status || a.body != tc.answer {
			t.Errorf("%s: %s is answered %d %q, want %d %q", tc.row, tc.name, a.status, a.body, tc.status, tc.answer)
		}
		if strings.Contains(a.body, testSecret) || strings.Contains(a.body, signature) {
			t.Errorf("%s: the answer gives something away: %s", tc.name, a.body)
		}
	}
}

func flip(c byte) string {
	if c == '0' {
		return "1"
	}
	return "0"
}

func manyArgs() string {
	var b strings.Builder
	for i := range maxArgs {
		b.WriteString("&a")
		b.WriteString(strings.Repeat("b", i))
	}
	return b.String()
}

func TestEmptyBodyHasNoDigest(t *testing.T) {
	n := newNode(t)
	const path = "/apps/1001/channels"
	// E115: a digest in the query counts for nothing when there is no body.
	n.do("GET", n.signed("GET", path, path, "", "")+"&body_md5=d41d8cd98f00b204e9800998ecf8427e", "").want(t, 200, `{"channels":{}}`)
}

func TestSignedPaths(t *testing.T) {
	n := newNode(t, prefixed)
	plain := newNode(t)
	for _, tc := range []struct {
		row    string
		n      *node
		path   string // as requested
		signed string
		status int
	}{
		{"E117", n, "/ws/apps/1001/channels", "/apps/1001/channels", 200},
		{"E118", n, "/ws/apps/1001/channels", "/ws/apps/1001/channels", 200},
		{"E117", n, "/apps/1001/channels", "/apps/1001/channels", 200},
		{"E118", n, "/apps/1001/channels", "/ws/apps/1001/channels", 200}, // a proxy took the prefix off
		{"E111", n, "/ws/apps/1001/channels", "/other/apps/1001/channels", 401},
		{"E111", plain, "/apps/1001/channels", "/ws/apps/1001/channels", 401},
		{"", n, "/apps/1001/channels/%23a", "/apps/1001/channels/%23a", 200},
		{"", n, "/apps/1001/channels/%23a", "/apps/1001/channels/#a", 200},
		{"", n, "/ws/apps/1001/channels/%23a", "/ws/apps/1001/channels/#a", 200},
		{"", plain, "/apps/1001/channels/%23a", "/apps/1001/channels/#a", 200},
		{"", plain, "/apps/1001/channels/%23a", "/apps/1001/channels/a", 401},
	} {
		if a := tc.n.do("GET", tc.n.signed("GET", tc.path, tc.signed, "", ""), ""); a.status != tc.status {
			t.Errorf("%s: %s signed as %s is answered %d %s", tc.row, tc.path, tc.signed, a.status, a.body)
		}
	}
}

// The vectors were computed by pusher-http-php.
func TestVectors(t *testing.T) {
	file, err := os.ReadFile("testdata/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var set struct {
		AppID     string `json:"app_id"`
		Key       string `json:"key"`
		Secret    string `json:"secret"`
		Timestamp string `json:"auth_timestamp"`
		Version   string `json:"auth_version"`
		Vectors   map[string]struct {
			Method    string          `json:"method"`
			Path      string          `json:"path"`
			Query     json.RawMessage `json:"query"`
			Body      string          `json:"body"`
			Signature string          `json:"auth_signature"`
		} `json:"vectors"`
	}
	if err := json.Unmarshal(file, &set); err != nil {
		t.Fatal(err)
	}
	n := newNodeOf(t, apps.New(set.AppID, set.Key, set.Secret))
	seen := 0
	for name, v := range set.Vectors {
		if v.Method == "" {
			continue // a signature of something else
		}
		seen++
		q := url.Values{"auth_key": {set.Key}, "auth_timestamp": {set.Timestamp}, "auth_version": {set.Version}}
		var more map[string]string
		if len(v.Query) > 0 && v.Query[0] == '{' {
			if err := json.Unmarshal(v.Query, &more); err != nil {
				t.Fatal(err)
			}
		}
		for k, value := range more {
			q.Set(k, value)
		}
		uri := v.Path + "?" + q.Encode() + "&auth_signature="
		want := 200
		if name == "http_get_channel_users_odd_name" {
			want = 404 // E141: nobody is on it
		}
		if a := n.do(v.Method, uri+v.Signature, v.Body); a.status != want {
			t.Errorf("%s is answered %d %s", name, a.status, a.body)
		}
		if a := n.do(v.Method, uri+flip(v.Signature[0])+v.Signature[1:], v.Body); a.status != 401 {
			t.Errorf("%s with another signature is answered %d", name, a.status)
		}
	}
	if seen != 7 {
		t.Errorf("there are %d vectors of requests, want 7", seen)
	}
}
