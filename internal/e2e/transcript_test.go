package e2e

import (
	"testing"

	"github.com/cockroachdb/datadriven"
)

func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/transcripts", func(t *testing.T, path string) {
		var s *stage
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "node" {
				s = newStage(t, d)
				return "ok\n"
			}
			if s == nil {
				d.Fatalf(t, "a transcript begins with a node line")
			}
			return s.act(d)
		})
	})
}
