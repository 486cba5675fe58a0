package services

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// StartPgBouncer starts a PgBouncer with a port of its own before the PostgreSQL
// at an address, and ends it with the test. The mode is "session", "transaction"
// or "statement". Its URL is that of the database test.
func StartPgBouncer(tb testing.TB, target, mode string) *Server {
	tb.Helper()
	host, targetPort, err := net.SplitHostPort(target)
	if err != nil {
		tb.Fatal("pgbouncer: ", err)
	}
	user := unprivileged(tb, "postgres")
	dir, port := folder(tb, user), freePort(tb)
	file := filepath.Join(dir, "pgbouncer.ini")
	s := &Server{
		tb: tb, port: port, url: "postgres://postgres@127.0.0.1:" + port + "/test?sslmode=disable",
		dir: dir, user: user, quit: quitSignal, crash: os.Kill,
		command: []string{binary(tb, "pgbouncer", "/usr/sbin", "/usr/local/sbin"), file},
		ready: func(s *Server) bool {
			dialer := net.Dialer{Timeout: time.Second}
			c, err := dialer.Dial("tcp", s.Addr())
			if err != nil {
				return false
			}
			return c.Close() == nil
		},
	}
	text := fmt.Sprintf("[databases]\n* = host=%s port=%s user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"+
		"listen_port = %s\nunix_socket_dir =\nauth_type = any\npool_mode = %s\nlogfile =\npidfile =\n",
		host, targetPort, port, mode)
	s.must(os.WriteFile(file, []byte(text), 0o644)) //nolint:gosec // the account of the server reads it
	tb.Cleanup(s.Kill)
	s.Start()
	return s
}
