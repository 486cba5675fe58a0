package services

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// postgresFolders are where distributions keep the programs of PostgreSQL.
var postgresFolders = []string{"/usr/lib/postgresql/*/bin", "/usr/local/opt/postgresql*/bin", "/usr/pgsql-*/bin"}

// StartPostgres starts a PostgreSQL with a port, data and a user postgres of its
// own, which needs no password, and ends it with the test. The arguments are
// settings: "max_connections=20". What was committed outlives Stop and Kill, but
// not the test.
func StartPostgres(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	user := unprivileged(tb, "postgres")
	dir, port := folder(tb, user), freePort(tb)
	data := filepath.Join(dir, "data")
	s := &Server{
		tb: tb, port: port, url: "postgres://postgres@127.0.0.1:" + port + "/postgres?sslmode=disable",
		dir: dir, user: user, quit: fastSignal, crash: crashSignal,
		command: []string{binary(tb, "postgres", postgresFolders...), "-D", data},
		ready:   func(s *Server) bool { return postgresIsReady(s, data) },
	}
	for _, setting := range append([]string{
		"port=" + port, "listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off",
		"shared_buffers=32MB", "autovacuum=off",
	}, settings...) {
		s.command = append(s.command, "-c", setting)
	}
	initialize := binary(tb, "initdb", postgresFolders...)
	s.prepare(initialize, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
	tb.Cleanup(s.Stop)
	s.Start()
	return s
}

// postgresIsReady reports what the server says in the file that pg_ctl reads.
func postgresIsReady(s *Server, data string) bool {
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid")) //nolint:gosec // of a test
	if err != nil {
		return false
	}
	const statusLine = 7
	lines := slices.Collect(strings.Lines(string(text)))
	if len(lines) <= statusLine || strings.TrimSpace(lines[0]) != s.pid() {
		return false
	}
	status := strings.TrimSpace(lines[statusLine])
	return status == "ready" || status == "standby"
}

// prepare runs a program that has to end before the server starts.
func (s *Server) prepare(program string, args ...string) {
	s.tb.Helper()
	command := exec.CommandContext(context.Background(), program, args...) //nolint:gosec // of a test
	command.Dir = s.dir
	s.user.apply(command)
	if out, err := command.CombinedOutput(); err != nil {
		s.tb.Fatalf("%s: %v\n%s", program, err, out)
	}
}
