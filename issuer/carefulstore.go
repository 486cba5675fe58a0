package issuer

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/blockauth/bearer"
)

// storeTimeout is how long a store, or the application's Users, may take.
const storeTimeout = 5 * time.Second

// ask calls a part of the application, and waits for it until the time is over or
// the context ends. One that does not heed its context goes on by itself, and
// its answer is dropped: what it may have written is read again.
func ask[T any](ctx context.Context, call func(context.Context) (T, error)) (T, error) {
	type answer struct {
		v   T
		err error
	}
	if ctx.Err() != nil {
		return answer{}.v, context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	answers := make(chan answer, 1)
	go func() {
		v, err := askHere(ctx, call)
		answers <- answer{v, err}
	}()
	select {
	case a := <-answers:
		return a.v, a.err
	case <-ctx.Done():
	}
	select {
	case a := <-answers: // it did heed its context
		return a.v, a.err
	default:
		return answer{}.v, fmt.Errorf("issuer: the application's part is late: %w", context.Cause(ctx))
	}
}

// askHere calls a part of the application, however long it takes. One that panics
// is out of order, and its panic value, which may hold a secret, is not repeated.
// An error that is a nil [bearer.Error] is an outage too.
func askHere[T any](ctx context.Context, call func(context.Context) (T, error)) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("issuer: a panic in the application's part: %s", panicText(p))
		}
	}()
	v, err = call(ctx)
	var e *bearer.Error
	if errors.As(err, &e) && e == nil {
		err = errNilError
	}
	return v, err
}

var errNilError = errors.New("issuer: the application's part returned a nil *bearer.Error")

// do is ask for calls that return an error alone.
func do(ctx context.Context, call func(context.Context) error) error {
	_, err := ask(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, call(ctx) })
	return err
}

// panicText returns what may be told of a panic value.
func panicText(p any) string {
	var e runtime.Error
	if err, ok := p.(error); ok && errors.As(err, &e) {
		return e.Error()
	}
	return fmt.Sprintf("a %T", p)
}

// A carefulStore is a Store whose every call is made by ask.
type carefulStore struct{ store Store }

// careful returns a careful store. That in memory neither waits nor panics.
func careful(s Store) Store {
	if _, inMemory := s.(*MemoryStore); inMemory {
		return s
	}
	return carefulStore{s}
}

func (s carefulStore) KeyByHash(ctx context.Context, hash bearer.KeyHash) (APIKey, error) {
	return ask(ctx, func(ctx context.Context) (APIKey, error) { return s.store.KeyByHash(ctx, hash) })
}

func (s carefulStore) CreateKey(ctx context.Context, key APIKey) error {
	return do(ctx, func(ctx context.Context) error { return s.store.CreateKey(ctx, key) })
}

func (s carefulStore) GetKey(ctx context.Context, owner, id string) (APIKey, error) {
	return ask(ctx, func(ctx context.Context) (APIKey, error) { return s.store.GetKey(ctx, owner, id) })
}

func (s carefulStore) ListKeys(ctx context.Context, q KeyQuery) ([]APIKey, error) {
	return ask(ctx, func(ctx context.Context) ([]APIKey, error) { return s.store.ListKeys(ctx, q) })
}

func (s carefulStore) ReplaceKey(ctx context.Context, key APIKey) error {
	return do(ctx, func(ctx context.Context) error { return s.store.ReplaceKey(ctx, key) })
}

func (s carefulStore) TouchKeys(ctx context.Context, used map[bearer.KeyHash]time.Time) error {
	return do(ctx, func(ctx context.Context) error { return s.store.TouchKeys(ctx, used) })
}

func (s carefulStore) FindClient(ctx context.Context, id string) (Client, error) {
	return ask(ctx, func(ctx context.Context) (Client, error) { return s.store.FindClient(ctx, id) })
}

func (s carefulStore) CreateClient(ctx context.Context, client Client) error {
	return do(ctx, func(ctx context.Context) error { return s.store.CreateClient(ctx, client) })
}

func (s carefulStore) ReplaceClient(ctx context.Context, client Client) error {
	return do(ctx, func(ctx context.Context) error { return s.store.ReplaceClient(ctx, client) })
}

func (s carefulStore) ListClients(ctx context.Context, q ClientQuery) ([]Client, error) {
	return ask(ctx, func(ctx context.Context) ([]Client, error) { return s.store.ListClients(ctx, q) })
}

func (s carefulStore) OpenSession(ctx context.Context, session Session, most int) (Session, error) {
	return ask(ctx, func(ctx context.Context) (Session, error) { return s.store.OpenSession(ctx, session, most) })
}

func (s carefulStore) GetSession(ctx context.Context, id string) (Session, error) {
	return ask(ctx, func(ctx context.Context) (Session, error) { return s.store.GetSession(ctx, id) })
}

func (s carefulStore) ListSessions(ctx context.Context, q SessionQuery) ([]Session, error) {
	return ask(ctx, func(ctx context.Context) ([]Session, error) { return s.store.ListSessions(ctx, q) })
}

func (s carefulStore) ReplaceSession(ctx context.Context, session Session) error {
	return do(ctx, func(ctx context.Context) error { return s.store.ReplaceSession(ctx, session) })
}

func (s carefulStore) EndSessions(ctx context.Context, subject, except string) error {
	return do(ctx, func(ctx context.Context) error { return s.store.EndSessions(ctx, subject, except) })
}
