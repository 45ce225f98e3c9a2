package redisbroker

import (
	"os"
	"path/filepath"
	"testing"

	"resound/internal/redistest"
)

// breakSaving has Redis fail to write its disk: where its dump is to be, there is a folder.
func breakSaving(t *testing.T, r *redistest.Server) {
	t.Helper()
	if err := os.Mkdir(dump(r), 0o700); err != nil {
		t.Fatal(err)
	}
	r.Do("BGSAVE")
	eventually(t, "the dump failed", func() bool { return r.Info("rdb_last_bgsave_status") == "err" })
}

// mendSaving ends that.
func mendSaving(t *testing.T, r *redistest.Server) {
	t.Helper()
	if err := os.Remove(dump(r)); err != nil {
		t.Fatal(err)
	}
	r.Do("BGSAVE")
	eventually(t, "the dump is written", func() bool { return r.Info("rdb_last_bgsave_status") == "ok" })
}

func dump(r *redistest.Server) string {
	return filepath.Join(r.Do("CONFIG", "GET", "dir").([]any)[1].(string), "dump.rdb")
}
