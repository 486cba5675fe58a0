package bearersql_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	bearersql "github.com/blockauth/bearer/stores/sql"
)

// These are set in the environment of a process that a test started.
const (
	childDriver = "BEARERSQL_CHILD_DRIVER"
	childDSN    = "BEARERSQL_CHILD_DSN"
)

func TestMain(m *testing.M) {
	if os.Getenv(childDSN) == "" {
		os.Exit(m.Run())
	}
	if err := serveJobs(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A job is what a process does for a test.
type job struct {
	Do     string // a key of jobs
	Prefix string
	Times  int
}

var jobs = map[string]func(context.Context, *sql.DB, job) error{
	"migrate": migrateJob,
	"count":   countJob,
}

// serveJobs reads jobs, a line each, and answers each with a line: its error.
func serveJobs(ctx context.Context, in io.Reader, out io.Writer) error {
	db, err := sql.Open(os.Getenv(childDriver), os.Getenv(childDSN))
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var j job
		if err := json.Unmarshal(lines.Bytes(), &j); err != nil {
			return err
		}
		answer := ""
		if err := jobs[j.Do](ctx, db, j); err != nil {
			answer = err.Error()
		}
		if err := json.NewEncoder(out).Encode(answer); err != nil {
			return err
		}
	}
	return errors.Join(lines.Err(), db.Close())
}

// A process is another process of this test.
type process struct {
	in  io.WriteCloser
	out *bufio.Reader
}

// startProcess starts a process that opens the database, and ends it at the end of
// the test.
func startProcess(t *testing.T, d database, options ...string) *process {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	command := exec.Command(program)
	command.Env = append(os.Environ(), childDriver+"="+d.driver, childDSN+"="+d.with(options...))
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	require.NoError(t, err)
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = in.Close()
		timer := time.AfterFunc(10*time.Second, func() { _ = command.Process.Kill() })
		defer timer.Stop()
		_ = command.Wait()
	})
	return &process{in, bufio.NewReader(out)}
}

// begin lets the process do a job.
func (p *process) begin(t *testing.T, j job) {
	t.Helper()
	require.NoError(t, json.NewEncoder(p.in).Encode(j))
}

// end waits until the job is done, and returns its error.
func (p *process) end(t *testing.T) error {
	t.Helper()
	line, err := p.out.ReadString('\n')
	require.NoError(t, err)
	var answer string
	require.NoError(t, json.Unmarshal([]byte(line), &answer))
	if answer != "" {
		return errors.New(answer)
	}
	return nil
}

// migrateJob migrates, and makes a store as each replica of a service does.
func migrateJob(ctx context.Context, db *sql.DB, j job) error {
	config := bearersql.Config{Prefix: j.Prefix}
	if err := bearersql.Migrate(ctx, db, config); err != nil {
		return err
	}
	_, err := bearersql.New(ctx, db, config)
	return err
}
