package redistest

import (
	"fmt"
	"strings"
	"testing"
)

// TestFailover: by hand and by a crash, with a password; what was written before is there, and what the old master says
// does not count.
func TestFailover(t *testing.T) {
	t.Parallel()
	s := StartSentinel(t, Options{Password: "a secret"})
	first := s.Master()
	if first != s.Servers[0] || len(s.Addrs()) != 3 {
		t.Errorf("the master is %s, the Sentinels are %v", first.Addr(), s.Addrs())
	}
	first.Do("SET", "a", "1")
	first.Do("WAIT", "1", "10000")
	s.Failover()
	second := s.Master()
	if second != s.Servers[1] || second.Do("GET", "a") != "1" {
		t.Errorf("the master is %s", second.Addr())
	}
	until(t, "the old master to follow the new one", func() bool {
		return first.Info("role", "INFO", "replication") == "slave" && first.Info("master_link_status", "INFO", "replication") == "up"
	})
	second.Do("SET", "a", "2")
	second.Do("WAIT", "1", "10000")
	second.Kill()
	s.Failed(second.Addr())
	if s.Master() != first || first.Do("GET", "a") != "2" {
		t.Errorf("the master is %s", s.MasterAddr())
	}
}

// TestSlots: every key has one server that takes it, and the others say which.
func TestSlots(t *testing.T) {
	t.Parallel()
	c := StartCluster(t, Options{})
	taken := make([]int, len(c.Servers))
	for i := range 60 {
		key := fmt.Sprint("key-", i)
		var moved []string
		owner := -1
		for n, s := range c.Servers {
			_, err := s.Try("SET", key, "1")
			if err == nil {
				owner = n
				taken[n]++
			} else if part := strings.Fields(err.Error()); len(part) == 3 && part[0] == "MOVED" {
				moved = append(moved, part[2])
			}
		}
		if owner < 0 || len(moved) != 2 || moved[0] != c.Addrs()[owner] || moved[1] != moved[0] {
			t.Fatalf("%s is with server %d, the others say %v", key, owner, moved)
		}
	}
	for n, count := range taken {
		if count == 0 {
			t.Errorf("server %d has none of 60 keys", n)
		}
	}
}
