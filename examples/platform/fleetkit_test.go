//go:build unix

package main_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	program "github.com/blockauth/bearer/examples/platform"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/internal/services"
)

// replicas is how many a fleet has.
const replicas = 3

// A fleet is several replicas of the program over one database, and what was seen
// of them.
type fleet struct {
	findings

	client    *http.Client
	replicas  [replicas]atomic.Pointer[replica]
	flags     [replicas][]string
	admin     program.Seeds // what the first start printed
	addresses atomic.Uint32 // clients so far
}

// A replica is one process of the program.
type replica struct {
	addr     string
	process  *exec.Cmd
	ended    chan error
	isEnding atomic.Bool // from then on, it may leave requests without an answer
	begun    vitals      // before any load
	log      journalOfOutages
}

// A journalOfOutages is the log of a replica, of which the last outage is kept.
type journalOfOutages struct {
	mu   sync.Mutex
	last string
}

func (j *journalOfOutages) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("level=INFO")) {
		return len(p), nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last = string(p)
	return len(p), nil
}

func (j *journalOfOutages) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// Vitals are what a replica says of itself.
type vitals struct {
	Status     string `json:"status"`
	Feed       string `json:"feed"`
	Limiter    string `json:"limiter"`
	Goroutines int    `json:"goroutines"`
	HeapBytes  int    `json:"heap_bytes"`
}

// startFleet starts all replicas at once. Each has the flags, and the database
// with its number.
func startFleet(t *testing.T, databases [replicas]string, flags ...string) *fleet {
	t.Helper()
	keys := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, program.WriteSigningKeys(keys))
	f := &fleet{client: &http.Client{
		Timeout:   time.Minute,
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
	}}
	t.Cleanup(f.client.CloseIdleConnections)
	var all sync.WaitGroup
	var printed [replicas]program.Seeds
	for n := range replicas {
		f.flags[n] = append([]string{"-json", "-addr", "127.0.0.1:0", "-signing-keys", keys, "-database", databases[n]}, flags...)
		all.Go(func() { printed[n] = f.start(t, n) })
	}
	all.Wait()
	require.False(t, t.Failed(), "all replicas start")
	first := 0
	for _, seeds := range printed {
		if seeds.Password != "" {
			f.admin = seeds
			first++
		}
	}
	require.Equal(t, 1, first, "of replicas that start at once, one makes the users")
	return f
}

// start starts a replica in a place of the fleet, and waits until it is healthy.
func (f *fleet) start(t *testing.T, n int) (printed program.Seeds) {
	t.Helper()
	r := &replica{process: command(context.Background(), t, f.flags[n]...), ended: make(chan error, 1)}
	r.process.Stderr = &r.log
	out, err := r.process.StdoutPipe()
	if !assert.NoError(t, err) || !assert.NoError(t, r.process.Start()) {
		return printed
	}
	t.Cleanup(func() { _ = r.end(syscall.SIGKILL) })
	release, err := services.Leash(r.process.Process)
	assert.NoError(t, err)
	line, err := bufio.NewReader(out).ReadBytes('\n')
	go func() {
		_, _ = io.Copy(io.Discard, out)
		err := r.process.Wait()
		release()
		r.ended <- err
	}()
	if err != nil {
		err = fmt.Errorf("%w: %w: %s", err, r.end(syscall.SIGTERM), &r.log)
	}
	if !assert.NoError(t, err) || !assert.NoError(t, json.Unmarshal(line, &printed), "%s", line) {
		return printed
	}
	r.addr = printed.Addr
	assert.NoError(t, f.awaitHealth(t.Context(), r))
	r.begun, _ = f.vitals(t.Context(), r)
	f.replicas[n].Store(r)
	return printed
}

// end ends the replica, if it still runs, and returns how it did.
func (r *replica) end(signal syscall.Signal) error {
	r.isEnding.Store(true)
	_ = r.process.Process.Signal(signal) // it may have ended
	select {
	case err := <-r.ended:
		r.ended <- err
		return err
	case <-time.After(20 * time.Second):
		_ = r.process.Process.Kill()
		return fmt.Errorf("it did not end by %v", signal)
	}
}

// restart ends a replica by a signal, and starts another in its place.
func (f *fleet) restart(t *testing.T, n int, signal syscall.Signal) {
	t.Helper()
	err := f.replicas[n].Load().end(signal)
	if signal == syscall.SIGTERM {
		assert.NoError(t, err, "a replica that is asked to end")
	}
	f.start(t, n)
}

// vitals returns what a replica says of itself.
func (f *fleet) vitals(ctx context.Context, r *replica) (v vitals, err error) {
	answer, err := f.send(ctx, r, call{path: "/healthz"})
	if err != nil {
		return v, err
	}
	return v, json.Unmarshal(answer.body, &v)
}

// awaitHealth waits until a replica follows what the others change.
func (f *fleet) awaitHealth(ctx context.Context, r *replica) (err error) {
	var v vitals
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if v, err = f.vitals(ctx, r); err == nil && v.Status == "ok" {
			return nil
		}
	}
	return errors.Join(err, fmt.Errorf("replica at %s is not healthy: %+v: %s", r.addr, v, &r.log))
}

// A call is one request.
type call struct {
	method string // zero: GET, or POST if there is a body
	path   string
	token  string
	body   object
}

// A reply is what came back.
type reply struct {
	replica      int
	status       int // 0: none, of a replica that was ended meanwhile
	body         []byte
	began, ended time.Time
}

// text returns a member of the body that is a string.
func (r reply) text(name string) string {
	var o object
	_ = json.Unmarshal(r.body, &o)
	text, _ := o[name].(string)
	return text
}

// send makes a request to a replica, from an address of its own, so that no
// limit of an address meets it.
func (f *fleet) send(ctx context.Context, r *replica, c call) (reply, error) {
	method, body := http.MethodGet, []byte(nil)
	if c.body != nil {
		method = http.MethodPost
		body, _ = json.Marshal(c.body)
	}
	if c.method != "" {
		method = c.method
	}
	q, err := http.NewRequestWithContext(ctx, method, "http://"+r.addr+c.path, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	address := f.addresses.Add(1)
	q.Header.Set("X-Forwarded-For", fmt.Sprintf("198.%d.%d.%d", 18+address>>16&1, address>>8&255, address&255))
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		q.Header.Set("Authorization", "Bearer "+c.token)
	}
	answer := reply{began: time.Now()}
	response, err := f.client.Do(q)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	answer.body, err = io.ReadAll(response.Body)
	answer.status, answer.ended = response.StatusCode, time.Now()
	return answer, err
}

// do is send to what is in a place of the fleet. What may not be, is noted: a
// request that has no answer, unless the replica was ended; and what may not be
// often: an answer of 503 without a fault.
func (f *fleet) do(ctx context.Context, n int, c call) reply {
	began, r := time.Now(), f.replicas[n].Load()
	a, err := f.send(ctx, r, c)
	a.replica = n
	switch {
	case err != nil && ctx.Err() == nil && !r.isEnding.Load():
		f.foundf("no answer", "replica %d: %v: %s", n, err, &r.log)
	case err != nil:
		return reply{replica: n, began: began, ended: time.Now()}
	case a.status == http.StatusServiceUnavailable && !f.isExcused(n, a.began, a.ended):
		f.strayf("replica %d: %s %s, after %v: %s", n, c.method, c.path, a.ended.Sub(a.began), &r.log)
	}
	f.answers.Add(1)
	return a
}

// isUndecided reports whether a reply says nothing of a credential: there is
// none, or a fault was the reason.
func (r reply) isUndecided() bool { return r.status == 0 || r.status == http.StatusServiceUnavailable }

// rss returns the kilobytes of memory that a replica has, or 0 where no file
// tells.
func (r *replica) rss() (kilobytes int) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.process.Process.Pid))
	if _, line, ok := bytes.Cut(status, []byte("VmRSS:")); ok {
		_, _ = fmt.Sscan(string(line), &kilobytes)
	}
	return kilobytes
}
