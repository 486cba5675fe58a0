package services

import (
	"context"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// startTime is how long a server may take to start or to end: long, as the machine
// may be busy.
const startTime = time.Minute

// A Server is a process that a test has started, and ends. Its methods are not for
// concurrent use.
type Server struct {
	tb      testing.TB
	url     string
	port    string
	command []string
	dir     string // working directory, and that of the log
	user    *account
	quit    os.Signal // ends it in an orderly way
	crash   os.Signal // ends it at once
	ready   func(*Server) bool

	busPort string // of a node of a cluster
	node    string // its name

	process *exec.Cmd // nil: not running
	log     *os.File
	release func() // what Leash returned
}

// Addr returns the address of the server, with its port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", s.port) }

// URL returns the URL or DSN of the server.
func (s *Server) URL() string { return s.url }

// Start starts the server, if it does not run, on its port, and waits until it
// takes connections.
func (s *Server) Start() {
	s.tb.Helper()
	if s.process != nil {
		return
	}
	s.launch()
	deadline := time.Now().Add(startTime)
	for !s.ready(s) {
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(s.log.Name())
			s.tb.Fatalf("%s did not start:\n%s", s.command[0], text)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Stop ends the server in an orderly way, and waits until it has ended.
func (s *Server) Stop() { s.end(s.quit) }

// Kill ends the server at once, as a crash would.
func (s *Server) Kill() { s.end(s.crash) }

// Restart is Stop and Start.
func (s *Server) Restart() {
	s.tb.Helper()
	s.Stop()
	s.Start()
}

// Pause has the server stand still: connections stay, and the kernel takes new
// ones, but there are no answers until Continue.
func (s *Server) Pause() {
	s.tb.Helper()
	for _, pid := range s.pids() {
		s.signal(pid, pauseSignal)
	}
}

// Continue ends Pause.
func (s *Server) Continue() {
	s.tb.Helper()
	for _, pid := range s.pids() {
		s.signal(pid, continueSignal)
	}
}

// launch starts the process, and one that ends it should the test end without its
// cleanup, as it does when time is up.
func (s *Server) launch() {
	s.tb.Helper()
	var err error
	s.log, err = os.Create(filepath.Join(s.dir, "log-"+s.port))
	s.must(err)
	s.process = exec.CommandContext(context.Background(), s.command[0], s.command[1:]...) //nolint:gosec // ours
	s.process.Dir, s.process.Stdout, s.process.Stderr = s.dir, s.log, s.log
	s.user.apply(s.process)
	s.must(s.process.Start())
	s.release, err = Leash(s.process.Process)
	s.must(err)
}

func (s *Server) end(how os.Signal) {
	s.tb.Helper()
	if s.process == nil {
		return
	}
	pids := s.pids()
	for _, pid := range pids {
		s.signal(pid, continueSignal)
	}
	s.signal(pids[0], how)
	timer := time.AfterFunc(startTime, func() { _ = s.process.Process.Kill() })
	_ = s.process.Wait()
	timer.Stop()
	s.release()
	_ = s.log.Close()
	s.process = nil
}

func (s *Server) pid() string { return strconv.Itoa(s.process.Process.Pid) }

// pids returns the process and its children, which a signal to the process does
// not reach.
func (s *Server) pids() []int {
	s.tb.Helper()
	if s.process == nil {
		s.tb.Fatal(s.command[0], " does not run")
	}
	pids := []int{s.process.Process.Pid}
	out, err := exec.CommandContext(context.Background(), "ps", "-A", "-o", "ppid=,pid=").Output()
	s.must(err)
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) == 2 && fields[0] == s.pid() {
			pid, _ := strconv.Atoi(fields[1])
			pids = append(pids, pid)
		}
	}
	return pids
}

func (s *Server) signal(pid int, signal os.Signal) {
	if process, err := os.FindProcess(pid); err == nil {
		_ = process.Signal(signal) // it may have ended
	}
}

func (s *Server) must(err error) {
	s.tb.Helper()
	if err != nil {
		s.tb.Fatalf("%s: %v", s.command[0], err)
	}
}

// Ports of servers are below those that the kernel gives to connections: so no
// connection has the port of a server that is down, or is about to start.
const (
	firstPort = 20_000
	ports     = 12_000
)

var portsGiven sync.Map // by number: the servers of some may not listen yet

// freePort returns a port on which nothing listens, by chance, so that other
// processes which look for one hardly find the same.
func freePort(tb testing.TB) string {
	tb.Helper()
	var config net.ListenConfig
	var err error
	for range 100 {
		port := strconv.Itoa(firstPort + rand.N(ports)) //nolint:gosec // need not be secret
		if _, isGiven := portsGiven.LoadOrStore(port, nil); isGiven {
			continue
		}
		var listener net.Listener
		listener, err = config.Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", port))
		if err == nil {
			_ = listener.Close()
			return port
		}
	}
	tb.Fatal("free port: ", err)
	return ""
}

// binary returns the path of a program, or skips the test, as [Missing].
func binary(tb testing.TB, name string, folders ...string) string {
	tb.Helper()
	for _, folder := range folders {
		found, _ := filepath.Glob(filepath.Join(folder, name))
		if len(found) > 0 {
			return found[len(found)-1]
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(tb, "there is no "+name)
	}
	return path
}

// folder makes a directory which belongs to the account that a server runs as.
func folder(tb testing.TB, a *account) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "bearer-") //nolint:usetesting // TempDir is closed to other accounts
	if err == nil {
		err = a.own(dir)
	}
	if err != nil {
		tb.Fatal("folder of a server: ", err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
