package redistest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// Sentinel is a master with one replica, and three Sentinels that look after them.
type Sentinel struct {
	tb      testing.TB
	Name    string    // of the master, as the Sentinels know it
	Servers []*Server // the first is the master at the start
	Guards  []*Server // the Sentinels
}

// StartSentinel starts all five. A master is given up after a second, and another takes its place within a few more.
func StartSentinel(tb testing.TB, options Options) *Sentinel {
	tb.Helper()
	s := &Sentinel{tb: tb, Name: "resound"}
	master := Start(tb, options)
	options.Lines = append(options.Lines[:len(options.Lines):len(options.Lines)], "replicaof 127.0.0.1 "+master.Port(), "repl-diskless-sync-delay 0")
	if options.Password != "" {
		options.Lines = append(options.Lines, "masterauth "+strconv.Quote(options.Password))
		master.Do("CONFIG", "SET", "masterauth", options.Password)
	}
	// The Sentinels ask the master who its replicas are when they come, and then every ten seconds only.
	master.Do("CONFIG", "SET", "repl-diskless-sync-delay", "0")
	replica := Start(tb, options)
	until(tb, "the replica to have everything", func() bool { return replica.Info("master_link_status", "INFO", "replication") == "up" })
	s.Servers = []*Server{master, replica}
	for range 3 {
		s.Guards = append(s.Guards, Start(tb, Options{sentinel: true, Lines: s.lines(options.Password)}))
	}
	for _, guard := range s.Guards {
		_, _ = guard.Try("SENTINEL", "DEBUG", "info-period", "500", "publish-period", "200", "ask-period", "200", "ping-period", "200") // Redis 7 has it
	}
	for _, guard := range s.Guards {
		until(tb, "the Sentinels to know each other", func() bool {
			m := guard.pairs("SENTINEL", "MASTER", s.Name)
			return m["num-other-sentinels"] == "2" && m["num-slaves"] == "1" && m["flags"] == "master"
		})
	}
	return s
}

// lines are those of a Sentinel's own configuration.
func (s *Sentinel) lines(password string) []string {
	lines := []string{
		fmt.Sprintf("sentinel monitor %s 127.0.0.1 %s 2", s.Name, s.Servers[0].Port()),
		fmt.Sprintf("sentinel down-after-milliseconds %s 1000", s.Name),
		fmt.Sprintf("sentinel failover-timeout %s 6000", s.Name),
	}
	if password != "" {
		lines = append(lines, fmt.Sprintf("sentinel auth-pass %s %q", s.Name, password))
	}
	return lines
}

// pairs is an answer of names and values.
func (s *Server) pairs(command ...string) map[string]string {
	s.tb.Helper()
	list, _ := s.Do(command...).([]any)
	m := make(map[string]string)
	for i := 0; i+1 < len(list); i += 2 {
		name, _ := list[i].(string)
		m[name], _ = list[i+1].(string)
	}
	return m
}

// Addrs are those of the Sentinels.
func (s *Sentinel) Addrs() (list []string) {
	for _, guard := range s.Guards {
		list = append(list, guard.Addr())
	}
	return list
}

// MasterAddr is the address of the master, as most Sentinels see it.
func (s *Sentinel) MasterAddr() string {
	s.tb.Helper()
	votes := make(map[string]int)
	for _, guard := range s.Guards {
		at, _ := guard.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", s.Name).([]any)
		if len(at) == 2 {
			votes[fmt.Sprintf("%v:%v", at[0], at[1])]++
		}
	}
	for addr, n := range votes {
		if n*2 > len(s.Guards) {
			return addr
		}
	}
	return ""
}

// Master is that server.
func (s *Sentinel) Master() *Server {
	s.tb.Helper()
	addr := s.MasterAddr()
	for _, server := range s.Servers {
		if server.Addr() == addr {
			return server
		}
	}
	s.tb.Fatalf("the master %q is none of ours", addr)
	return nil
}

// Failover makes the replica the master, as an administrator does, and returns when the Sentinels agree.
func (s *Sentinel) Failover() {
	s.tb.Helper()
	old := s.MasterAddr()
	until(s.tb, "a Sentinel to begin a failover", func() bool {
		_, err := s.Guards[0].Try("SENTINEL", "FAILOVER", s.Name)
		return err == nil || strings.HasPrefix(err.Error(), "INPROG")
	})
	s.Failed(old)
}

// Failed returns when another than the old master is the master, such as after a Kill.
func (s *Sentinel) Failed(old string) {
	s.tb.Helper()
	until(s.tb, "another master", func() bool {
		addr := s.MasterAddr()
		if addr == "" || addr == old {
			return false
		}
		return s.Master().Info("role", "INFO", "replication") == "master"
	})
}
