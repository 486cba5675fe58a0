package issuertest

import (
	"context"
	"errors"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// KeyByHash implements [issuer.KeyStore].
func (f *Faults) KeyByHash(ctx context.Context, hash bearer.KeyHash) (issuer.APIKey, error) {
	return ask(ctx, f, "KeyByHash", func() (issuer.APIKey, error) { return f.Store.KeyByHash(ctx, hash) })
}

// CreateKey implements [issuer.KeyStore].
func (f *Faults) CreateKey(ctx context.Context, key issuer.APIKey) error {
	return f.do(ctx, "CreateKey", func() error { return f.Store.CreateKey(ctx, key) })
}

// GetKey implements [issuer.KeyStore].
func (f *Faults) GetKey(ctx context.Context, owner, id string) (issuer.APIKey, error) {
	return ask(ctx, f, "GetKey", func() (issuer.APIKey, error) { return f.Store.GetKey(ctx, owner, id) })
}

// ListKeys implements [issuer.KeyStore].
func (f *Faults) ListKeys(ctx context.Context, q issuer.KeyQuery) ([]issuer.APIKey, error) {
	return ask(ctx, f, "ListKeys", func() ([]issuer.APIKey, error) { return f.Store.ListKeys(ctx, q) })
}

// ReplaceKey implements [issuer.KeyStore].
func (f *Faults) ReplaceKey(ctx context.Context, key issuer.APIKey) error {
	return f.do(ctx, "ReplaceKey", func() error { return f.Store.ReplaceKey(ctx, key) })
}

// TouchKeys implements [issuer.KeyStore].
func (f *Faults) TouchKeys(ctx context.Context, used map[bearer.KeyHash]time.Time) error {
	return f.do(ctx, "TouchKeys", func() error { return f.Store.TouchKeys(ctx, used) })
}

// FindClient implements [issuer.ClientStore].
func (f *Faults) FindClient(ctx context.Context, id string) (issuer.Client, error) {
	return ask(ctx, f, "FindClient", func() (issuer.Client, error) { return f.Store.FindClient(ctx, id) })
}

// CreateClient implements [issuer.ClientStore].
func (f *Faults) CreateClient(ctx context.Context, client issuer.Client) error {
	return f.do(ctx, "CreateClient", func() error { return f.Store.CreateClient(ctx, client) })
}

// ReplaceClient implements [issuer.ClientStore].
func (f *Faults) ReplaceClient(ctx context.Context, client issuer.Client) error {
	return f.do(ctx, "ReplaceClient", func() error { return f.Store.ReplaceClient(ctx, client) })
}

// ListClients implements [issuer.ClientStore].
func (f *Faults) ListClients(ctx context.Context, q issuer.ClientQuery) ([]issuer.Client, error) {
	return ask(ctx, f, "ListClients", func() ([]issuer.Client, error) { return f.Store.ListClients(ctx, q) })
}

// OpenSession implements [issuer.SessionStore].
func (f *Faults) OpenSession(ctx context.Context, s issuer.Session, most int) (issuer.Session, error) {
	return ask(ctx, f, "OpenSession", func() (issuer.Session, error) { return f.Store.OpenSession(ctx, s, most) })
}

// GetSession implements [issuer.SessionStore].
func (f *Faults) GetSession(ctx context.Context, id string) (issuer.Session, error) {
	return ask(ctx, f, "GetSession", func() (issuer.Session, error) { return f.Store.GetSession(ctx, id) })
}

// ListSessions implements [issuer.SessionStore].
func (f *Faults) ListSessions(ctx context.Context, q issuer.SessionQuery) ([]issuer.Session, error) {
	return ask(ctx, f, "ListSessions", func() ([]issuer.Session, error) { return f.Store.ListSessions(ctx, q) })
}

// ReplaceSession implements [issuer.SessionStore].
func (f *Faults) ReplaceSession(ctx context.Context, s issuer.Session) error {
	return f.do(ctx, "ReplaceSession", func() error { return f.Store.ReplaceSession(ctx, s) })
}

// EndSessions implements [issuer.SessionStore].
func (f *Faults) EndSessions(ctx context.Context, subject, except string) error {
	return f.do(ctx, "EndSessions", func() error { return f.Store.EndSessions(ctx, subject, except) })
}

// errNoUsers is what a Store returns that keeps no users.
var errNoUsers = errors.New("issuertest: Faults: the store is no issuer.PasswordStore")

// CreateUser implements [issuer.PasswordStore].
func (f *Faults) CreateUser(ctx context.Context, user issuer.PasswordUser) error {
	return f.do(ctx, "CreateUser", func() error {
		if s, ok := f.Store.(issuer.PasswordStore); ok {
			return s.CreateUser(ctx, user)
		}
		return errNoUsers
	})
}

// UserByID implements [issuer.PasswordStore].
func (f *Faults) UserByID(ctx context.Context, id string) (issuer.PasswordUser, error) {
	return ask(ctx, f, "UserByID", func() (issuer.PasswordUser, error) {
		if s, ok := f.Store.(issuer.PasswordStore); ok {
			return s.UserByID(ctx, id)
		}
		return issuer.PasswordUser{}, errNoUsers
	})
}

// UserByEmail implements [issuer.PasswordStore].
func (f *Faults) UserByEmail(ctx context.Context, email string) (issuer.PasswordUser, error) {
	return ask(ctx, f, "UserByEmail", func() (issuer.PasswordUser, error) {
		if s, ok := f.Store.(issuer.PasswordStore); ok {
			return s.UserByEmail(ctx, email)
		}
		return issuer.PasswordUser{}, errNoUsers
	})
}

// ReplaceUser implements [issuer.PasswordStore].
func (f *Faults) ReplaceUser(ctx context.Context, user issuer.PasswordUser) error {
	return f.do(ctx, "ReplaceUser", func() error {
		if s, ok := f.Store.(issuer.PasswordStore); ok {
			return s.ReplaceUser(ctx, user)
		}
		return errNoUsers
	})
}

// Sweep implements [issuer.Sweeper].
func (f *Faults) Sweep(ctx context.Context, before time.Time, limit int) (int, error) {
	return ask(ctx, f, "Sweep", func() (int, error) {
		if s, ok := f.Store.(issuer.Sweeper); ok {
			return s.Sweep(ctx, before, limit)
		}
		return 0, nil
	})
}

// Watch implements [issuer.Watcher].
func (f *Faults) Watch(ctx context.Context, cache issuer.Cache) error {
	failed := f.nextFailure()
	return f.do(ctx, "Watch", func() error {
		inner, cancel := context.WithCancel(ctx)
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- f.watchStore(inner, cache) }()
		for {
			select {
			case err := <-ended:
				return err
			case <-failed:
			}
			failed = f.nextFailure()
			if err := f.watchFailure(); err != nil {
				cancel()
				return errors.Join(err, <-ended)
			}
		}
	})
}

// watchStore is the Watch of Store, or of a store that no one else changes.
func (f *Faults) watchStore(ctx context.Context, cache issuer.Cache) error {
	if s, ok := f.Store.(issuer.Watcher); ok {
		return s.Watch(ctx, cache)
	}
	cache.Resume()
	<-ctx.Done()
	return nil
}

// nextFailure returns a channel that is closed when Watch is to fail.
func (f *Faults) nextFailure() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed == nil {
		f.failed = make(chan struct{})
	}
	return f.failed
}

// watchFailure returns the error with which a Watch that is under way ends.
func (f *Faults) watchFailure() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range []string{"Watch", ""} {
		if failure := f.failures[name]; failure != nil && failure.next == 0 && failure.err != nil {
			return failure.err
		}
	}
	return nil
}
