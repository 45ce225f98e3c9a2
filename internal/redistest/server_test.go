package redistest

import (
	"fmt"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	s := Start(t, Options{})
	s.Do("SET", "a", "1\r\n2")
	for _, test := range []struct {
		command string
		want    any
	}{
		{"GET a", "1\r\n2"},
		{"GET nothing", nil},
		{"INCR n", int64(1)},
		{"PING", "PONG"},
		{"MGET n nothing a", []any{"1", nil, "1\r\n2"}},
		{"LRANGE nothing 0 -1", []any{}},
	} {
		if got := s.Do(strings.Fields(test.command)...); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %#v, want %#v", test.command, got, test.want)
		}
	}
	if _, err := s.Try("INCR", "a"); !strings.HasPrefix(fmt.Sprint(err), "ERR ") {
		t.Errorf("what Redis refuses is %v", err)
	}
	if got := s.Do("EVAL", "return {1, redis.error_reply('no')}", "0"); !reflect.DeepEqual(got, []any{int64(1), Error("ERR no")}) && !reflect.DeepEqual(got, []any{int64(1), Error("no")}) {
		t.Errorf("an error within an array: %#v", got)
	}
}

// TestComingBack: what is left of the data behind each end, at the same address and in another process.
func TestComingBack(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		only  bool
		again func(*Server)
		want  any
	}{
		{"killed in memory", false, (*Server).Restart, nil},
		{"killed with a log", true, (*Server).Restart, "kept"},
		{"stopped with a log", true, func(s *Server) { s.Stop(); s.Start() }, "kept"},
		{"on a new disk", true, (*Server).RestartEmpty, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := Start(t, Options{AppendOnly: test.only})
			s.Do("SET", "a", "kept")
			addr, run := s.Addr(), s.Info("run_id")
			test.again(s)
			if got := s.Do("GET", "a"); got != test.want {
				t.Errorf("there is %v, want %v", got, test.want)
			}
			if s.Addr() != addr || s.Info("run_id") == run || run == "" {
				t.Errorf("%s was %s, run %s was %s", s.Addr(), addr, s.Info("run_id"), run)
			}
		})
	}
}

func TestAway(t *testing.T) {
	t.Parallel()
	s := Start(t, Options{})
	for name, leave := range map[string]func(){"stopped": s.Stop, "killed": s.Kill} {
		leave()
		if _, err := dial(s.Addr(), ""); err == nil {
			t.Errorf("%s and still there", name)
		}
		s.Start()
		s.Do("PING")
	}
}

func TestFull(t *testing.T) {
	t.Parallel()
	s := Start(t, Options{MaxMemory: "3mb"})
	big := strings.Repeat("x", 1<<20)
	refused := false
	for i := range 8 {
		_, err := s.Try("SET", fmt.Sprint(i), big)
		refused = refused || strings.HasPrefix(fmt.Sprint(err), "OOM")
	}
	if !refused {
		t.Error("8 MB fit in 3")
	}
}

func TestPassword(t *testing.T) {
	t.Parallel()
	s := Start(t, Options{Password: "one"})
	s.Do("SET", "a", "1")
	if _, err := dial(s.Addr(), "two"); !strings.HasPrefix(fmt.Sprint(err), "WRONGPASS") {
		t.Errorf("the wrong password: %v", err)
	}
	s.SetPassword("two")
	w, err := dial(s.Addr(), "two")
	if err != nil {
		t.Fatal(err)
	}
	w.close()
	w, err = dial(s.Addr(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	if _, err := w.do("GET", "a"); !strings.HasPrefix(fmt.Sprint(err), "NOAUTH") {
		t.Errorf("no password: %v", err)
	}
}

// TestPause: a server that hangs takes what it is sent, and answers when it goes on.
func TestPause(t *testing.T) {
	t.Parallel()
	s := Start(t, Options{})
	s.Pause()
	answered := make(chan error, 1)
	go func() {
		_, err := s.Try("SET", "a", "1")
		answered <- err
	}()
	select {
	case err := <-answered:
		t.Errorf("it answers: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	s.Resume()
	if err := <-answered; err != nil || s.Do("GET", "a") != "1" {
		t.Error(err)
	}
}

// TestNothingStaysBehind: neither the server nor its guardian is there behind a kill.
func TestNothingStaysBehind(t *testing.T) {
	t.Parallel()
	s := Start(t, Options{})
	pids := []int{s.cmd.Process.Pid, s.guardian.Pid}
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); err != nil {
			t.Fatalf("process %d is not there: %v", pid, err)
		}
	}
	s.Kill()
	for _, pid := range pids {
		if syscall.Kill(pid, 0) == nil {
			t.Errorf("process %d is still there", pid)
		}
	}
}

// TestLeash: the server ends with the process of the tests.
func TestLeash(t *testing.T) {
	t.Parallel()
	s := Start(t, Options{})
	_ = s.leash.Close()
	until(t, "the server to be ended", func() bool {
		select {
		case <-s.gone:
			return true
		default:
			return false
		}
	})
}

func TestListen(t *testing.T) {
	t.Parallel()
	s := Start(t, Options{Password: "secret"})
	heard := s.Listen("a*")
	s.Do("PUBLISH", "b", "0")
	s.Do("PUBLISH", "a1", "\x00\r\n")
	s.Do("PUBLISH", "a2", "2")
	for _, want := range []Published{{"a1", "\x00\r\n"}, {"a2", "2"}} {
		if got := <-heard; got != want {
			t.Errorf("heard %q, want %q", got, want)
		}
	}
	s.Kill()
	if got, ok := <-heard; ok {
		t.Errorf("heard %q of a server that is gone", got)
	}
}
