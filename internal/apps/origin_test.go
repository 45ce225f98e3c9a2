package apps

import "testing"

func TestOrigins(t *testing.T) {
	for _, tc := range []struct {
		row     string
		allowed []string
		origin  string
		want    bool
	}{
		{"E9", []string{"laravel.com"}, "http://laravel.com", true},
		{"E9", []string{"laravel.com"}, "http://sub.laravel.com", false},
		{"E9", []string{"laravel.com"}, "https://laravel.com:8443", true},
		{"E10", []string{"*.laravel.com"}, "http://laravel.com", false},
		{"E10", []string{"*.laravel.com"}, "http://a.b.laravel.com", true},
		{"E11", []string{"localhost", "*.localhost"}, "http://sub.localhost", true},
		{"E12", []string{"laravel.com"}, "http://Laravel.com", false}, // case-sensitive, as Str::is
		{"E13", []string{"laravel.com"}, "", false},
		{"E13", []string{"laravel.com"}, "null", false},
		{"E14", []string{"laravel.com", "*"}, "", true},
		{"E14", []string{"*"}, "http://evil.example", true},
		{"", []string{"app-*.example.*"}, "https://app-7.example.org", true},
		{"", []string{"app-*.example.*"}, "https://app-7.examples.org", false},
		{"", []string{"a*a"}, "http://a", false}, // the two ends may not share a letter
		{"", []string{"a**b"}, "http://ab", true},
		{"", []string{"example.com"}, "http://example.com.evil.net", false},
		{"", []string{"example.com"}, "http://evil.net/example.com", false},
		{"", []string{"example.com"}, "http://example.com@evil.net", false},
		{"", []string{"::1"}, "http://[::1]:3000", true},
	} {
		a := New("1", "k", "s")
		a.AllowedOrigins = tc.allowed
		if got := a.OriginAllowed(tc.origin); got != tc.want {
			t.Errorf("%s %q with %q: %v, want %v", tc.row, tc.origin, tc.allowed, got, tc.want)
		}
	}
}

func TestCleanOrigin(t *testing.T) {
	for entry, want := range map[string]string{
		"example.com":               "example.com",
		"https://example.com":       "example.com",
		"https://example.com:8080":  "example.com",
		"http://*.example.com/path": "*.example.com",
		" example.com ":             "example.com",
		"localhost:3000":            "localhost",
		"*":                         "*",
		"[::1]:80":                  "::1",
	} {
		if got, changed := CleanOrigin(entry); got != want || changed != (entry != want) {
			t.Errorf("%q: %q, %v", entry, got, changed)
		}
	}
}
