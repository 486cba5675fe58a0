package issuertest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/issuertest"
)

var errDown = errors.New("connection refused")

// allCalls calls each method of a store, by its name.
func allCalls(f *issuertest.Faults) map[string]func() error {
	ctx, now := context.Background(), time.Now()
	return map[string]func() error{
		"KeyByHash":   func() error { _, err := f.KeyByHash(ctx, bearer.KeyHash{}); return err },
		"CreateKey":   func() error { return f.CreateKey(ctx, issuer.APIKey{ID: "ak_1"}) },
		"GetKey":      func() error { _, err := f.GetKey(ctx, "owner", "ak_1"); return err },
		"ListKeys":    func() error { _, err := f.ListKeys(ctx, issuer.KeyQuery{Owner: "owner"}); return err },
		"ReplaceKey":  func() error { return f.ReplaceKey(ctx, issuer.APIKey{ID: "ak_1"}) },
		"TouchKeys":   func() error { return f.TouchKeys(ctx, nil) },
		"FindClient":  func() error { _, err := f.FindClient(ctx, "client"); return err },
		"ListClients": func() error { _, err := f.ListClients(ctx, issuer.ClientQuery{Owner: "owner"}); return err },
		"CreateClient": func() error {
			return f.CreateClient(ctx, issuer.Client{ID: "client"})
		},
		"ReplaceClient": func() error { return f.ReplaceClient(ctx, issuer.Client{ID: "client"}) },
		"OpenSession":   func() error { _, err := f.OpenSession(ctx, issuer.Session{ID: "se_1"}, 1); return err },
		"GetSession":    func() error { _, err := f.GetSession(ctx, "se_1"); return err },
		"ListSessions": func() error {
			_, err := f.ListSessions(ctx, issuer.SessionQuery{Owner: "owner"})
			return err
		},
		"ReplaceSession": func() error { return f.ReplaceSession(ctx, issuer.Session{ID: "se_1"}) },
		"EndSessions":    func() error { return f.EndSessions(ctx, "user:1", "") },
		"CreateUser":     func() error { return f.CreateUser(ctx, issuer.PasswordUser{ID: "1"}) },
		"UserByID":       func() error { _, err := f.UserByID(ctx, "1"); return err },
		"UserByEmail":    func() error { _, err := f.UserByEmail(ctx, ""); return err },
		"ReplaceUser":    func() error { return f.ReplaceUser(ctx, issuer.PasswordUser{ID: "1"}) },
		"Sweep":          func() error { _, err := f.Sweep(ctx, now, 1); return err },
	}
}

func TestFaults(t *testing.T) {
	for method := range allCalls(nil) {
		t.Run(method, func(t *testing.T) {
			f := &issuertest.Faults{Store: issuer.NewMemoryStore()}
			call := allCalls(f)[method]
			assert.NotErrorIs(t, call(), errDown)

			f.Fail(method, errDown)
			require.ErrorIs(t, call(), errDown)
			f.Fail(method, nil)
			assert.NotErrorIs(t, call(), errDown)

			f.FailAfter("", 1, errDown)
			assert.NotErrorIs(t, call(), errDown)
			require.ErrorIs(t, call(), errDown)
			f.Fail("", nil)

			f.Lose(method, errDown)
			require.ErrorIs(t, call(), errDown)
			f.Lose(method, nil)
			assert.NotErrorIs(t, call(), errDown)

			f.Before(method, func(context.Context) error { panic("boom") })
			assert.Panics(t, func() { _ = call() })
			f.Before(method, nil)
			assert.NotErrorIs(t, call(), errDown)
			assert.Equal(t, []string{
				method, method, method, method, method, method, method, method, method,
			}, f.Calls())
			assert.Empty(t, f.Calls())
		})
	}
}

// A call whose answer is lost has reached the store, and one that fails has not.
func TestFaultsReach(t *testing.T) {
	store, ctx := issuer.NewMemoryStore(), context.Background()
	f := &issuertest.Faults{Store: store}
	f.Fail("CreateClient", errDown)
	require.ErrorIs(t, f.CreateClient(ctx, issuer.Client{ID: "failed"}), errDown)
	f.Fail("CreateClient", nil)
	f.Lose("CreateClient", errDown)
	require.ErrorIs(t, f.CreateClient(ctx, issuer.Client{ID: "lost"}), errDown)

	_, err := store.FindClient(ctx, "failed")
	require.ErrorIs(t, err, issuer.ErrNotFound)
	_, err = store.FindClient(ctx, "lost")
	require.NoError(t, err)
}

func TestFaultsNames(t *testing.T) {
	f := &issuertest.Faults{Store: issuer.NewMemoryStore()}
	for name, set := range map[string]func(){
		"Fail":   func() { f.Fail("GetKeys", errDown) },
		"Before": func() { f.Before("getKey", nil) },
		"After":  func() { f.After("Get", nil) },
		"Lose":   func() { f.Lose("Close", errDown) },
	} {
		assert.Panics(t, set, name)
	}
}

// plainStore is a store without any extra power.
type plainStore struct{ issuer.Store }

func TestFaultsOverPlainStore(t *testing.T) {
	f := &issuertest.Faults{Store: plainStore{issuer.NewMemoryStore()}}
	for _, method := range []string{"CreateUser", "UserByID", "UserByEmail", "ReplaceUser"} {
		require.ErrorContains(t, allCalls(f)[method](), "no issuer.PasswordStore", method)
	}
	n, err := f.Sweep(context.Background(), time.Now(), 1)
	require.NoError(t, err)
	assert.Zero(t, n)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.NoError(t, f.Watch(ctx, &cacheLog{}))
}

func TestFaultsWatch(t *testing.T) {
	for _, tt := range []struct {
		name  string
		store issuer.Store
	}{
		{"a watcher", issuer.NewMemoryStore()},
		{"no watcher", plainStore{issuer.NewMemoryStore()}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &issuertest.Faults{Store: tt.store}
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				watch := func() { ended <- f.Watch(ctx, &cacheLog{}) }
				go watch()
				synctest.Wait()
				f.Fail("GetKey", errDown)
				f.FailAfter("Watch", 1, errDown)
				synctest.Wait()
				assert.Empty(t, ended, "it works on")
				f.Fail("Watch", errDown)
				require.ErrorIs(t, <-ended, errDown)
				go watch()
				require.ErrorIs(t, <-ended, errDown)
				f.Fail("Watch", nil)
				go watch()
				synctest.Wait()
				cancel()
				require.NoError(t, <-ended)
			})
		})
	}
}

// A cacheLog notes what a Watcher tells.
type cacheLog struct{ told []issuer.Change }

func (c *cacheLog) Forget(change issuer.Change) { c.told = append(c.told, change) }
func (c *cacheLog) ForgetAll()                  { c.told = append(c.told, issuer.Change{}) }
func (*cacheLog) Suspend()                      {}
func (*cacheLog) Resume()                       {}

// Fail of every method with nil ends all failures.
func TestFaultsWorkAgain(t *testing.T) {
	store := &issuertest.Faults{Store: issuer.NewMemoryStore()}
	store.Fail("GetSession", assert.AnError)
	store.Fail("", assert.AnError)
	_, err := store.GetSession(t.Context(), "se_1")
	assert.ErrorIs(t, err, assert.AnError)
	store.Fail("", nil)
	_, err = store.GetSession(t.Context(), "se_1")
	assert.ErrorIs(t, err, issuer.ErrNotFound)
}
