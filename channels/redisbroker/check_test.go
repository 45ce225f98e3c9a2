package redisbroker

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"resound/internal/redistest"
)

// checked looks at a Redis with some patience.
func checked(t *testing.T, o Options) (Condition, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return Check(ctx, o)
}

func TestCheck(t *testing.T) {
	s := redistest.Start(t, redistest.Options{Password: "sesame", MaxMemory: "64mb", AppendOnly: true})
	o := Options{Addresses: []string{s.Addr()}, Password: "sesame", Prefix: "shop:", DB: 3}
	c, err := checked(t, o)
	if err != nil {
		t.Fatal(err)
	}
	if c.Version != s.Info("redis_version") || c.Policy != "noeviction" || c.MaxMemory != 64<<20 || c.Used == 0 || !c.AppendOnly || c.RoundTrip <= 0 || c.Nodes != 0 || c.Refused != nil || c.Full != "" {
		t.Errorf("got %+v", c)
	}
	if n := s.Do("DBSIZE"); n != int64(0) {
		t.Errorf("%v keys are left behind", n)
	}
	s.Do("SELECT", "3")
	n := newNames("shop:", 3, 0)
	s.Do("ZADD", n.leases(), "1e15", "0000000000000001", "1", "0000000000000002")
	if c, err := checked(t, o); err != nil || c.Nodes != 1 {
		t.Errorf("with a server there: %+v, %v", c, err)
	}
}

// What is wrong is said in words that help.
func TestCheckErrors(t *testing.T) {
	locked, open := redistest.Start(t, redistest.Options{Password: "sesame"}), redistest.Start(t, redistest.Options{})
	for name, tc := range map[string]struct {
		o    Options
		want string
	}{
		"no password":    {Options{Addresses: []string{locked.Addr()}}, "asks for a password"},
		"wrong password": {Options{Addresses: []string{locked.Addr()}, Password: "open"}, "refuses the user name or the password"},
		"wrong user":     {Options{Addresses: []string{locked.Addr()}, Username: "shop", Password: "sesame"}, "refuses the user name or the password"},
		"nobody there":   {Options{Addresses: []string{"127.0.0.1:1"}}, "connection refused"},
		"no address":     {Options{}, "no address"},
		"no sentinel":    {Options{Addresses: []string{open.Addr()}, SentinelMaster: "mymaster"}, "unknown command"},
	} {
		tc.o.Prefix = "shop:"
		if c, err := checked(t, tc.o); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

func TestCheckFullRedis(t *testing.T) {
	s := redistest.Start(t, redistest.Options{})
	s.Do("CONFIG", "SET", "maxmemory", "1mb")
	c, err := checked(t, Options{Addresses: []string{s.Addr()}, Prefix: "shop:"})
	if err != nil || !strings.Contains(c.Full, "OOM") || c.Refused != nil {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestCheckOverASocket(t *testing.T) {
	path := t.TempDir() + "/redis.sock"
	redistest.Start(t, redistest.Options{Lines: []string{"unixsocket " + path}})
	if c, err := checked(t, Options{Addresses: []string{path}, Prefix: "shop:"}); err != nil || c.Version == "" {
		t.Errorf("got %+v, %v", c, err)
	}
}

// aclOfThePage is the line that docs/OPERATIONS.md has for a user of the servers.
func aclOfThePage(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("../../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?s)ACL SETUSER resound on '>[^']*' (.*?)\n` + "```").FindSubmatch(page)
	if m == nil {
		t.Fatal("the page has no ACL")
	}
	return strings.Fields(strings.NewReplacer("\\\n", " ", "'", "").Replace(string(m[1])))
}

// The user of the page may do all that is needed under the prefix, and nothing elsewhere; and each of its commands is needed.
func TestACLOfThePage(t *testing.T) {
	s := redistest.Start(t, redistest.Options{})
	rules := aclOfThePage(t)
	set := func(rules []string) {
		t.Helper()
		s.Do(append([]string{"ACL", "SETUSER", "resound", "reset", "on", ">sesame"}, rules...)...)
	}
	o := Options{Addresses: []string{s.Addr()}, Username: "resound", Password: "sesame", Prefix: "reverb:1001:"}
	set(rules)
	if c, err := checked(t, o); err != nil || c.Refused != nil || c.Version == "" {
		t.Fatalf("with the user of the page: %+v, %v", c, err)
	}
	o.Prefix = "reverb:2002:"
	if c, err := checked(t, o); err != nil || !slices.Contains(c.Refused, "EVALSHA") {
		t.Errorf("with another project's prefix: %+v, %v", c, err)
	}
	o.Prefix = "reverb:1001:"
	for i, rule := range rules {
		command := strings.ToUpper(strings.TrimPrefix(rule, "+"))
		if !strings.HasPrefix(rule, "+") || !slices.Contains(tried, command) {
			continue
		}
		set(slices.Delete(slices.Clone(rules), i, i+1))
		if c, err := checked(t, o); err == nil && !slices.Contains(c.Refused, command) {
			t.Errorf("without %s: %+v", rule, c)
		}
	}
}

// tried are the commands of which a check says when they are refused.
var tried = func() (list []string) {
	for _, m := range regexp.MustCompile(`try\('(\w+)'`).FindAllStringSubmatch(checkScript, -1) {
		list = append(list, m[1])
	}
	return append(list, "EVALSHA", "INFO", "SUBSCRIBE", "PUBLISH")
}()

// A check tries what the other scripts do.
func TestCheckTriesAllCommands(t *testing.T) {
	entries, err := os.ReadDir("scripts")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile("scripts/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`redis\.p?call\('(\w+)'`).FindAllSubmatch(text, -1) {
			if !slices.Contains(tried, string(m[1])) {
				t.Errorf("%s uses %s, which is not tried", e.Name(), m[1])
			}
		}
	}
}

// A look goes the way that a node goes: through sentinels to the master, and to the slot of the first part in a cluster.
func TestCheckThroughSentinelsAndInACluster(t *testing.T) {
	s := redistest.StartSentinel(t, redistest.Options{Password: "sesame"})
	var guards []string
	for _, g := range s.Guards {
		guards = append(guards, g.Addr())
	}
	if c, err := checked(t, Options{Addresses: guards, SentinelMaster: s.Name, Password: "sesame", Prefix: "shop:"}); err != nil || c.Version == "" || c.Refused != nil || c.Full != "" {
		t.Errorf("through sentinels: %+v, %v", c, err)
	}
	r := redistest.StartCluster(t, redistest.Options{})
	if c, err := checked(t, Options{Addresses: []string{r.Servers[0].Addr()}, Cluster: true, Prefix: "shop:"}); err != nil || c.Version == "" || c.Refused != nil || c.Full != "" {
		t.Errorf("in a cluster: %+v, %v", c, err)
	}
}
