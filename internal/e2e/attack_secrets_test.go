package e2e

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"resound/protocol"
)

// TestSecretsStaySecret: a server that logs all it can goes through what works and what does not, and neither its log, nor its metrics, profiles,
// answers, reports and files have the secret, the admin token or a signature.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	const secret, password = "S3cret-Kc6wP0zTqvX1", "T0ken-9fLr2mBnYd47"
	dir, data := t.TempDir(), filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte("REVERB_APP_ID=1001\nREVERB_APP_KEY="+appKey+"\nREVERB_APP_SECRET="+secret+"\nRESOUND_ADMIN_TOKEN="+password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := plan{dir: dir, args: []string{"--env-file=.env", "--data-dir", data, "--admin-address=127.0.0.1:0", "--log-level=debug", "--debug"}}
	s := start(t, p)
	admin := s.adminURL(t)
	told := map[string]string{}
	signer := protocol.NewSigner(appKey, secret)
	c := s.connect(t)
	id, _ := protocol.ParseSocketID([]byte(c.id))
	member := `{"user_id":"7"}`
	signatures := []string{signer.Channel(id, []byte("private-x"), nil), signer.Channel(id, []byte("presence-x"), []byte(member)), signer.User(id, []byte(`{"id":"7"}`))}
	c.subscribe("private-x", []byte(`{"auth":"`+signatures[0]+`"}`))
	c.send("pusher:subscribe", map[string]any{"data": map[string]any{"channel": "presence-x", "auth": signatures[1], "channel_data": member}})
	c.send("pusher:signin", map[string]any{"data": map[string]any{"auth": signatures[2], "user_data": `{"id":"7"}`}})
	c.send("pusher:subscribe", map[string]any{"data": map[string]any{"channel": "private-y", "auth": signatures[0]}}) // is refused
	ping := map[string]any{"data": map[string]any{}}
	c.send("pusher:ping", ping)
	for m := c.next(); m.Event != "pusher:pong"; m = c.next() {
		told["the socket"] += m.Data
	}
	for _, try := range []struct {
		method, path, key, secret, body string
		want                            int
	}{
		{"POST", "/apps/1001/events", appKey, secret, event("good"), 200}, {"POST", "/apps/1001/events", appKey, secret + "x", event("wrong"), 401},
		{"POST", "/apps/1001/events", "other", secret, event("wrong"), 401}, {"POST", "/apps/1002/events", appKey, secret, "", 404},
		{"POST", "/apps/1001/events", appKey, secret, `{"name"`, 400}, {"POST", "/apps/1001/events", appKey, secret, `{}`, 422},
		{"POST", "/apps/1001/events", appKey, secret + "x", strings.Repeat(" ", 40_000), 401}, {"GET", "/apps/1001/channels/private-x", appKey, secret, "", 200},
		{"POST", "/apps/1001/users/7/terminate_connections", appKey, secret, "", 200}, {"GET", "/apps/1001/nothing", appKey, secret, "", 404},
	} {
		target := signedBy(try.key, try.secret, try.method, try.path, try.body, time.Now())
		signatures = append(signatures, target[strings.LastIndex(target, "=")+1:])
		status, text := s.status(t, try.method, target, try.body)
		if status != try.want {
			t.Errorf("%s: %d %s, want %d", target, status, text, try.want)
		}
		told["answers"] += text
	}
	old := signedBy(appKey, secret, "GET", "/apps/1001/channels", "", time.Now().Add(-300*time.Hour))
	signatures = append(signatures, old[strings.LastIndex(old, "=")+1:])
	_, told["a warning"] = s.status(t, "GET", old, "")
	told["a broken head"] = string(shove(t, s.dial(t), []byte("GET "+old+" HTTP/1.1\r\nHost a\r\n\r\n")))
	for _, path := range []string{"/metrics", "/ready", "/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2", "/debug/pprof/heap?debug=1", "/log-level", "/nothing"} {
		for _, given := range []string{password, password + "x"} {
			r, err := http.NewRequest("GET", admin+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+given)
			told["admin "+path] += do(t, r)
		}
	}
	if !strings.Contains(told["admin /metrics"], "resound_connections") {
		t.Errorf("the admin port tells %.100s", told["admin /metrics"])
	}
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"config"}, {"config", "--json"}, {"check"}, {"doctor"}, {"doctor", "--json"}, {"log", "list", "--data-dir", data}, {"top", "--once", "--data-dir", data}, {"health"}} {
		out, complaints, _ := run(t, plan{dir: dir, env: []string{"REVERB_SERVER_PORT=" + s.addr[strings.LastIndexByte(s.addr, ':')+1:]}}, args...)
		told["resound "+strings.Join(args, " ")] = out + complaints
	}
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), "cmdline"))
	if err != nil {
		t.Fatal(err)
	}
	told["the command line"] = string(text)
	control := filepath.Join(data, "control.json")
	if info, err := os.Stat(control); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("control.json: %v, %v", info, err)
	}
	_ = filepath.WalkDir(data, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			text, _ := os.ReadFile(path)
			told[path] = string(text)
		}
		return nil
	})
	if told[control] == "" {
		t.Error("control.json was not looked at")
	}
	s.stop(syscall.SIGTERM)
	told["the log"] = s.log.String() + s.first
	if !strings.Contains(told["the log"], "Message Received") || !strings.Contains(told["the log"], `"level":"DEBUG"`) {
		t.Error("the log does not have what it could")
	}
	for place, text := range told {
		for _, hidden := range append([]string{secret, password}, signatures...) {
			_, digits, ok := strings.Cut(hidden, ":")
			if !ok {
				digits = hidden
			}
			if at := strings.Index(text, digits); at >= 0 {
				t.Errorf("%s has %q: …%q", place, digits, text[max(0, at-60):min(len(text), at+80)])
			}
		}
	}
}

// do sends a request and returns its answer, whatever it is.
func do(t testing.TB, r *http.Request) string {
	t.Helper()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var b strings.Builder
	if err := res.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestSecretsAreComparedInConstantTime: every function that compares something secret does it with crypto/subtle or crypto/hmac, so that the time it takes
// says nothing of how much was right. It is by the source: a test of times would prove nothing.
func TestSecretsAreComparedInConstantTime(t *testing.T) {
	t.Parallel()
	for file, names := range map[string][]string{
		"protocol/signer.go": {"VerifyChannel", "VerifyUser", "VerifyRequest", "VerifyPromise"}, "protocol/replay.go": nil,
		"internal/node/admin.go": {"authorized"}, "internal/control/server.go": {"ServeHTTP"},
	} {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		constant := map[string]bool{}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				switch e := n.(type) {
				case *ast.SelectorExpr:
					if e.Sel.Name == "ConstantTimeCompare" {
						constant[fn.Name.Name] = true
					}
				case *ast.BinaryExpr: // a comparison with == of what sign, grant or a token returns
					if (e.Op == token.EQL || e.Op == token.NEQ) && !literal(e.Y) && (secretish(e.X) || secretish(e.Y)) {
						t.Errorf("%s: %s compares a secret with %s", file, fn.Name.Name, e.Op)
					}
				case *ast.CallExpr:
					if sel, ok := e.Fun.(*ast.SelectorExpr); ok && (sel.Sel.Name == "Equal" || sel.Sel.Name == "Compare") {
						for _, a := range e.Args {
							if secretish(a) {
								t.Errorf("%s: %s compares a secret with %s", file, fn.Name.Name, sel.Sel.Name)
							}
						}
					}
				}
				return true
			})
		}
		for _, name := range names {
			if !constant[name] {
				t.Errorf("%s: %s does not compare in constant time", file, name)
			}
		}
		if len(constant) == 0 {
			t.Errorf("%s compares nothing in constant time", file)
		}
	}
}

var secretNames = regexp.MustCompile(`(?i)^(sign|grant|token|signature|given|mac)$`)

// literal reports whether an expression is one, so that a comparison with it asks only whether something is there.
func literal(e ast.Expr) bool {
	if id, ok := e.(*ast.Ident); ok {
		return id.Name == "nil"
	}
	_, ok := e.(*ast.BasicLit)
	return ok
}

// secretish reports whether an expression is something secret.
func secretish(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.CallExpr:
		if id, ok := e.Fun.(*ast.Ident); ok && id.Name == "string" && len(e.Args) == 1 {
			return secretish(e.Args[0])
		}
		sel, ok := e.Fun.(*ast.SelectorExpr)
		return ok && (sel.Sel.Name == "sign" || sel.Sel.Name == "grant")
	case *ast.Ident:
		return secretNames.MatchString(e.Name)
	}
	return false
}
