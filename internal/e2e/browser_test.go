package e2e

import (
	"net/http"
	"testing"
)

func TestDemoPage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, prefix string }{{"root", ""}, {"prefix", "/ws"}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			args := []string{"--data-dir", t.TempDir()}
			if test.prefix != "" {
				args = append(args, "--path", test.prefix)
			}
			s := start(t, plan{args: args})
			runNode(t, "demo.mjs", append(s.nodeEnv(), "DEMO_URL=http://"+s.addr+test.prefix+"/"))
		})
	}
}

// TestDemoEndsWithAnApplication: with an application of one's own there is no demo.
func TestDemoEndsWithAnApplication(t *testing.T) {
	t.Parallel()
	s := start(t, plan{})
	for _, path := range []string{"/", "/demo", "/demo/config", "/demo/main.js"} {
		resp, err := http.Get("http://" + s.addr + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s is answered with %s", path, resp.Status)
		}
	}
}

// needsBrowser leaves a test out under -short, which the race detector runs with: the server sees of a browser what it sees
// of the same clients in Node, and browsers take most of the time.
func needsBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("the clients in Node show the same races")
	}
}

func TestEchoInChromium(t *testing.T) {
	t.Parallel()
	needsBrowser(t)
	s, control := restartable(t, plan{})
	runNode(t, "echo-browser.mjs", append(s.nodeEnv(), "CONTROL="+control))
}
