package services

import (
	"context"
	"os"
	"os/exec"
	"strconv"
)

// Leash kills a process should the test end without its cleanup, as it does when
// time is up. The function that it returns lets go of the process, once it has
// ended.
func Leash(process *os.Process) (release func(), err error) {
	const script = `read -r end; kill -CONT "$0"; kill -KILL "$0"`
	//nolint:gosec // ours
	watch := exec.CommandContext(context.Background(), "sh", "-c", script, strconv.Itoa(process.Pid))
	leash, err := watch.StdinPipe()
	if err == nil {
		err = watch.Start()
	}
	if err != nil {
		return func() {}, err
	}
	return func() {
		_ = watch.Process.Kill()
		_ = watch.Wait()
		_ = leash.Close()
	}, nil
}
