package services

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// StartPrometheus starts a Prometheus with a port of its own on the loopback
// interface, and ends it with the test. It keeps exemplars. Its URL is that of its
// API; the files that its configuration names are absolute paths.
func StartPrometheus(tb testing.TB, config string) *Server {
	tb.Helper()
	program, port, user := binary(tb, "prometheus"), freePort(tb), unprivileged(tb, "prometheus")
	dir := folder(tb, user)
	file := filepath.Join(dir, "prometheus.yaml")
	s := &Server{
		tb: tb, port: port, url: "http://127.0.0.1:" + port, dir: dir, user: user, quit: quitSignal, crash: os.Kill,
		command: []string{
			program, "--config.file", file, "--storage.tsdb.path", filepath.Join(dir, "data"),
			"--web.listen-address", "127.0.0.1:" + port, "--enable-feature", "exemplar-storage",
		},
		ready: func(s *Server) bool {
			r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.url+"/-/ready", nil)
			s.must(err)
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				return false
			}
			_ = answer.Body.Close()
			return answer.StatusCode == http.StatusOK
		},
	}
	s.must(os.WriteFile(file, []byte(config), 0o644)) //nolint:gosec // the account of the server reads it
	tb.Cleanup(s.Kill)
	s.Start()
	return s
}

// Promtool returns the path of the program that checks the rules of Prometheus. If
// it is not there, the test is skipped, as by [Missing].
func Promtool(tb testing.TB) string {
	tb.Helper()
	return binary(tb, "promtool")
}
