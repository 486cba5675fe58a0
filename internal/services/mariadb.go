package services

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// StartMariaDB starts a MariaDB with a port, data, a database test and a user root
// of its own, which needs no password, and ends it with the test. The arguments
// are those of mariadbd: "--max-connections=20". What was committed outlives Stop
// and Kill, but not the test.
func StartMariaDB(tb testing.TB, args ...string) *Server {
	tb.Helper()
	user := unprivileged(tb, "mysql")
	dir, port := folder(tb, user), freePort(tb)
	data := "--datadir=" + filepath.Join(dir, "data")
	s := &Server{
		tb: tb, port: port, url: "root@tcp(127.0.0.1:" + port + ")/test",
		dir: dir, user: user, quit: quitSignal, crash: os.Kill,
		command: append([]string{
			binary(tb, "mariadbd", "/usr/sbin", "/usr/local/opt/mariadb/bin"), "--no-defaults", data,
			"--port=" + port, "--bind-address=127.0.0.1", "--socket=" + filepath.Join(dir, "socket"),
			"--skip-name-resolve", "--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=2",
		}, args...),
		ready: greets,
	}
	s.prepare(binary(tb, "mariadb-install-db"), "--no-defaults", data, "--auth-root-authentication-method=normal")
	tb.Cleanup(s.Kill)
	s.Start()
	return s
}

// greets reports whether a server says something to a client that says nothing.
func greets(s *Server) bool {
	dialer := net.Dialer{Timeout: time.Second}
	c, err := dialer.DialContext(context.Background(), "tcp", s.Addr())
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }()
	_ = c.SetReadDeadline(time.Now().Add(time.Second))
	n, _ := c.Read(make([]byte, 1))
	return n == 1
}
