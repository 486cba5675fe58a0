package issuertest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/blockauth/bearer/issuer"
)

// Faults is a store over another one, whose calls fail when they are told to, by
// the name of the method: "GetKey". The name "" stands for every method.
//
//	store := &issuertest.Faults{Store: issuer.NewMemoryStore()}
//	store.Fail("GetKey", errors.New("connection refused"))
//
// It passes on to Store, too, what [issuer.Watcher], [issuer.Sweeper] and
// [issuer.PasswordStore] ask, if Store implements these. If not, Watch tells of
// nothing, Sweep removes nothing, and the others return an error.
// It must not be copied. It is safe for concurrent use.
type Faults struct {
	Store issuer.Store // whose calls these are. Required

	mu            sync.Mutex
	failures      map[string]*failure
	before, after map[string]func(context.Context) error
	failed        chan struct{} // closed by the next Fail of Watch
	calls         []string
}

// A failure is the error of all calls but the next ones.
type failure struct {
	next int
	err  error
}

var _ interface {
	issuer.Store
	issuer.PasswordStore
	issuer.Watcher
	issuer.Sweeper
} = (*Faults)(nil)

// methods are the names that Faults knows.
var methods = []string{
	"",
	"KeyByHash", "CreateKey", "GetKey", "ListKeys", "ReplaceKey", "TouchKeys",
	"FindClient", "CreateClient", "ReplaceClient", "ListClients",
	"OpenSession", "GetSession", "ListSessions", "ReplaceSession", "EndSessions",
	"CreateUser", "UserByID", "UserByEmail", "ReplaceUser",
	"Watch", "Sweep",
}

// Fail makes each call of the method fail with the error, without reaching
// Store. Nil: it works again, and for "" all methods do. A Watch that is under way
// ends with the error.
func (f *Faults) Fail(method string, err error) { f.FailAfter(method, 0, err) }

// FailAfter is Fail after n more calls of the method, which still work.
func (f *Faults) FailAfter(method string, n int, err error) {
	checkName(method)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failures == nil {
		f.failures = make(map[string]*failure)
	}
	if method == "" && err == nil {
		clear(f.failures)
	}
	f.failures[method] = &failure{n, err}
	if f.failed != nil && (method == "Watch" || method == "") {
		close(f.failed)
		f.failed = nil
	}
}

// Lose makes each call of the method fail with the error after it reached Store:
// what it writes is written, and its answer is lost. Nil: it works again. It is a
// function for After.
func (f *Faults) Lose(method string, err error) {
	f.After(method, func(context.Context) error { return err })
}

// Before has each call of the method call a function first, with its context. If
// that returns an error, it is the call's, and Store is not reached. The function
// may wait, as a slow store does, or panic. Nil: none.
func (f *Faults) Before(method string, hook func(context.Context) error) {
	checkName(method)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.before == nil {
		f.before = make(map[string]func(context.Context) error)
	}
	f.before[method] = hook
}

// After has each call of the method call a function when Store has answered. If
// that returns an error, it is returned instead of the answer. Nil: none.
func (f *Faults) After(method string, hook func(context.Context) error) {
	checkName(method)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.after == nil {
		f.after = make(map[string]func(context.Context) error)
	}
	f.after[method] = hook
}

// checkName panics if no method has the name: the test would test nothing.
func checkName(method string) {
	if !slices.Contains(methods, method) {
		panic(fmt.Sprintf("issuertest: Faults: a store has no method %q", method))
	}
}

// Calls returns the names of the methods that were called, in order, and begins
// to count again.
func (f *Faults) Calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

// begin notes a call, and returns what is to be called before and after it, or
// the error that it fails with.
func (f *Faults) begin(method string) (before, after []func(context.Context) error, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, method)
	for _, name := range []string{method, ""} {
		if hook := f.before[name]; hook != nil {
			before = append(before, hook)
		}
		if hook := f.after[name]; hook != nil {
			after = append(after, hook)
		}
		switch failure := f.failures[name]; {
		case failure == nil:
		case failure.next > 0:
			failure.next--
		case err == nil:
			err = failure.err
		}
	}
	return before, after, err
}

// ask makes a call that returns a value.
func ask[T any](ctx context.Context, f *Faults, method string, call func() (T, error)) (T, error) {
	var none T
	before, after, err := f.begin(method)
	if err != nil {
		return none, err
	}
	if err := callAll(ctx, before); err != nil {
		return none, err
	}
	v, err := call()
	if lost := callAll(ctx, after); lost != nil {
		return none, lost
	}
	return v, err
}

// callAll calls hooks until one returns an error.
func callAll(ctx context.Context, hooks []func(context.Context) error) error {
	for _, hook := range hooks {
		if err := hook(ctx); err != nil {
			return err
		}
	}
	return nil
}

// do makes a call that returns an error alone.
func (f *Faults) do(ctx context.Context, method string, call func() error) error {
	_, err := ask(ctx, f, method, func() (struct{}, error) { return struct{}{}, call() })
	return err
}
