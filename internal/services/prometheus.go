package services

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// StartPrometheus starts a Prometheus with a port of its own on the loopback
// interface, and ends it with the test. It keeps exemplars. The configuration
// names the file of the rules as rules.yaml.
func StartPrometheus(tb testing.TB, config, rules string) *Server {
	tb.Helper()
	program, port, user := binary(tb, "prometheus"), freePort(tb), unprivileged(tb, "prometheus")
	dir := folder(tb, user)
	s := &Server{
		tb: tb, port: port, url: "http://127.0.0.1:" + port, dir: dir, user: user, quit: quitSignal, crash: os.Kill,
		command: []string{
			program, "--config.file", filepath.Join(dir, "prometheus.yaml"), "--storage.tsdb.path", filepath.Join(dir, "data"),
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
	for name, text := range map[string]string{"prometheus.yaml": config, "rules.yaml": rules} {
		//nolint:gosec // the account of the server reads it
		s.must(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
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
