package doctor

import (
	"strings"
	"testing"
)

// An answer of an overloaded server is not taken for one of the proxy.
func TestAdviceForOverload(t *testing.T) {
	for _, test := range []struct {
		answer answer
		want   string
	}{
		{answer{status: 503, body: "The server is overloaded and takes no new connections. Please try again shortly."}, "overloaded"},
		{answer{status: 503, body: "Service unavailable. The server is short of memory and takes no events: publish again in a few seconds."}, "overloaded"},
		{answer{status: 503, body: "<html>503 Service Temporarily Unavailable</html>"}, "the proxy does not reach"},
		{answer{status: 429, body: "Too many connections from this address. Please try again shortly."}, "--trusted-proxies"},
		{answer{status: 429, body: "slow down"}, "the proxy limits"},
	} {
		for _, got := range []string{adviceUpgrade(&test.answer), adviceStatus(&test.answer)} {
			if !strings.Contains(got, test.want) {
				t.Errorf("%d %s: %q", test.answer.status, test.answer.body, got)
			}
		}
	}
}
