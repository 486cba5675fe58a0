//go:build !unix

package services

import (
	"os"
	"os/exec"
	"testing"
)

// No server is started here: there are no signals that would pause it.
var (
	pauseSignal    = os.Kill
	continueSignal = os.Kill
	quitSignal     = os.Kill
	fastSignal     = os.Kill
	crashSignal    = os.Kill
)

type account struct{}

func unprivileged(tb testing.TB, _ ...string) *account {
	tb.Helper()
	Missing(tb, "servers are started on Unix only")
	return nil
}

func (*account) apply(*exec.Cmd) {}

func (*account) own(string) error { return nil }
