package redisbroker

import (
	"crypto/sha1"
	"embed"
	"encoding/hex"
	"fmt"

	"github.com/redis/rueidis"
)

//go:embed scripts/*.lua
var scriptFiles embed.FS

// script is Lua that Redis runs as one step. It is loaded into Redis by each new connection, so that the commands name it only.
type script struct{ text, sha string }

var common = mustRead("common")

var (
	scriptBegin   = newScript("begin")
	scriptPublish = newScript("publish")
	scriptLoad    = newScript("load")
	scriptFetch   = newScript("fetch")
	scriptNote    = newScript("note")
	scriptReap    = newScript("reap")
	scriptBeat    = newScript("beat")
	scriptBye     = newScript("bye")
	scriptTouch   = newScript("touch")
	scriptSweep   = newScript("sweep")

	scripts = []*script{scriptBegin, scriptPublish, scriptLoad, scriptFetch, scriptNote, scriptReap, scriptBeat, scriptBye, scriptTouch, scriptSweep}
)

func mustRead(name string) string {
	b, err := scriptFiles.ReadFile("scripts/" + name + ".lua")
	if err != nil {
		panic(err) // embedded by the compiler
	}
	return string(b)
}

func newScript(name string) *script {
	text := common + mustRead(name)
	sum := sha1.Sum([]byte(text))
	return &script{text, hex.EncodeToString(sum[:])}
}

func (s *script) cmd(b rueidis.Builder, keys []string, args ...string) rueidis.Completed {
	return b.Evalsha().Sha1(s.sha).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build()
}

// loadScripts brings all scripts to the server of a session.
func (s *session) loadScripts() error {
	ctx, cancel := s.timeout()
	defer cancel()
	list := make([]rueidis.Completed, len(scripts))
	for i, x := range scripts {
		list[i] = s.redis.B().ScriptLoad().Script(x.text).Build()
	}
	for i, r := range s.redis.DoMulti(ctx, list...) {
		if sha, err := r.ToString(); err != nil {
			return fmt.Errorf("loading a script: %w", err)
		} else if sha != scripts[i].sha {
			return fmt.Errorf("loading a script: Redis calls it %q", sha)
		}
	}
	return nil
}
