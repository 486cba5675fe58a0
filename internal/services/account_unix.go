//go:build unix

package services

import (
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
	"testing"
)

const (
	pauseSignal    = syscall.SIGSTOP
	continueSignal = syscall.SIGCONT
	quitSignal     = syscall.SIGTERM
	fastSignal     = syscall.SIGINT  // ends PostgreSQL without waiting for its clients
	crashSignal    = syscall.SIGQUIT // ends PostgreSQL with its children, and without a checkpoint
)

// An account is whom a server runs as; nil: the user of the test.
type account struct{ uid, gid uint32 }

// unprivileged returns an account for servers that refuse to run as root: nil if
// the test does not run as root, either.
func unprivileged(tb testing.TB, names ...string) *account {
	tb.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range append(names, "nobody") {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.ParseUint(found.Uid, 10, 32)
		gid, _ := strconv.ParseUint(found.Gid, 10, 32)
		return &account{uid: uint32(uid), gid: uint32(gid)}
	}
	Missing(tb, "there is no account nobody")
	return nil
}

func (a *account) apply(c *exec.Cmd) {
	if a != nil {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: a.uid, Gid: a.gid}}
	}
}

func (a *account) own(path string) error {
	if a == nil {
		return nil
	}
	return os.Chown(path, int(a.uid), int(a.gid))
}
