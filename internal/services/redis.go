package services

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// StartRedis starts a Redis with a port of its own on the loopback interface,
// which keeps nothing on a disk, and ends it with the test. The arguments are
// those of redis-server: "--maxmemory", "2mb".
func StartRedis(tb testing.TB, args ...string) *Server {
	tb.Helper()
	s := newRedis(tb, args)
	s.Start()
	return s
}

// newRedis returns a Redis that does not run yet.
func newRedis(tb testing.TB, args []string) *Server {
	tb.Helper()
	port, user := freePort(tb), unprivileged(tb, "redis")
	s := &Server{
		tb: tb, port: port, url: "redis://127.0.0.1:" + port + "/0",
		dir: folder(tb, user), user: user, quit: quitSignal, crash: os.Kill,
		command: append([]string{
			binary(tb, "redis-server"), "--port", port, "--bind", "127.0.0.1",
			"--save", "", "--appendonly", "no", "--daemonize", "no",
		}, args...),
		ready: func(s *Server) bool {
			_, err := s.ask("PING")
			return err == nil
		},
	}
	tb.Cleanup(s.Kill)
	return s
}

// Do returns what a Redis answers to a command: the lines of an array under each
// other. If that is an error, the test fails.
func (s *Server) Do(command ...string) string {
	s.tb.Helper()
	answer, err := s.ask(command...)
	if err != nil {
		s.tb.Fatalf("redis: %s: %v", strings.Join(command, " "), err)
	}
	return answer
}

// ask is Do with the error.
func (s *Server) ask(command ...string) (string, error) {
	dialer := net.Dialer{Timeout: startTime}
	c, err := dialer.Dial("tcp", s.Addr())
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(startTime))
	var request bytes.Buffer
	fmt.Fprintf(&request, "*%d\r\n", len(command))
	for _, word := range command {
		fmt.Fprintf(&request, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := request.WriteTo(c); err != nil {
		return "", err
	}
	return readAnswer(bufio.NewReader(c))
}

// readAnswer reads an answer of the protocol of Redis.
func readAnswer(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	kind, text := line[0], strings.TrimSpace(line[1:])
	if kind == '-' {
		return "", fmt.Errorf("redis: %s", text)
	}
	if kind != '$' && kind != '*' {
		return text, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 { // -1 is nil
		return "", err
	}
	if kind == '$' {
		bulk := make([]byte, n+len("\r\n"))
		_, err := io.ReadFull(r, bulk)
		return string(bulk[:n]), err
	}
	lines := make([]string, n)
	for i := range lines {
		if lines[i], err = readAnswer(r); err != nil {
			return "", err
		}
	}
	return strings.Join(lines, "\n"), nil
}
