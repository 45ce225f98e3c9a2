package config

import (
	"strings"
	"testing"
)

// Where all sockets come from a proxy that is not trusted, a limit for one address is one for everybody.
func TestLimitsBehindAProxyNobodyTrusts(t *testing.T) {
	const loopback, unix = "--trusted-proxies=127.0.0.1", "--trusted-proxies=unix"
	for args, want := range map[string]string{
		"--connection-rate=20":                                                        "",
		"--host=127.0.0.1":                                                            "",
		"--host=127.0.0.1 --connection-rate=20":                                       loopback,
		"--host=localhost --connections-per-address=500":                              loopback,
		"--host=::1 --connections-per-address=500 --trusted-proxies=10.0.0.0/8":       "--trusted-proxies=::1",
		"--host=127.0.0.1 --connection-rate=20 --trusted-proxies=127.0.0.0/8":         "",
		"--host=127.0.0.1 --connection-rate=20 --trusted-proxies=*":                   "",
		"--unix-socket=/run/x.sock --connection-rate=20":                              unix,
		"--unix-socket=/run/x.sock --connection-rate=20 --trusted-proxies=10.0.0.0/8": unix,
		"--unix-socket=/run/x.sock --connection-rate=20 --trusted-proxies=unix":       "",
		"--unix-socket=/run/x.sock --connection-rate=20 --trusted-proxies=*":          "",
	} {
		got := newWorld(t).start(t, strings.Fields(args)...).Warnings
		if want == "" && len(got) != 0 || want != "" && (len(got) != 1 || !strings.Contains(got[0], want)) {
			t.Errorf("%s: %q", args, got)
		}
	}
}
