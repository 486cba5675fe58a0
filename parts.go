package bearer

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"reflect"

	"github.com/golang-jwt/jwt/v5"

	"github.com/blockauth/bearer/internal/hashmap"
)

// This file has all calls into the parts that the application brings: a KeyStore,
// a Limiter, and the Keyfunc, Scopes and Session of a JWT. A part that panics, or
// returns a nil pointer for an error, has failed: the request is refused (503), and
// its connection goes on.

var (
	errNilKey   = errors.New("the key store returned neither a key nor an error")
	errOtherKey = errors.New("the key store returned a key with another hash")
)

// findPrincipal returns the principal of the key that has the hash. If the store
// has none, the error is ErrKeyNotFound itself. The stores of this package have
// the principals of their keys ready, and find no other key than that of the hash.
func (g *Guard) findPrincipal(ctx context.Context, hash *KeyHash, d *decision) (*Principal, error) {
	switch store := g.config.Keys.(type) {
	case *MemoryStore:
		if d.timed != nil {
			d.timed.answered(FromMemory)
		}
		if held := store.keys.Load((*hashmap.Digest)(hash)); held != nil {
			d.isPlain = held.isPlain
			return &held.principal, nil
		}
		return nil, ErrKeyNotFound
	case *KeyCache:
		if p := store.principal(hash); p != nil {
			if d.timed != nil {
				d.timed.answered(FromCache)
			}
			return p, nil
		}
	}
	key, err := d.askStore(ctx, g.config.Keys, *hash)
	switch {
	case err != nil:
		return nil, err
	case key == nil:
		return nil, errNilKey
	case subtle.ConstantTimeCompare(key.Hash[:], hash[:]) != 1:
		return nil, errOtherKey
	}
	p := new(Principal)
	key.principal(p)
	return p, nil
}

// askStore asks a store, and returns ErrKeyNotFound itself if the store says so.
func askStore(ctx context.Context, store KeyStore, hash KeyHash) (key *Key, err error) {
	defer recoverTo(&err)
	key, err = store.FindKey(ctx, hash)
	if err != nil && errors.Is(err, ErrKeyNotFound) {
		return nil, ErrKeyNotFound
	}
	return key, err
}

// storeProblem says why a store can find no key, or "": it is a nil pointer, or a
// cache of one.
func storeProblem(store KeyStore) string {
	cache, ok := store.(*KeyCache)
	switch {
	case isNil(store):
		return "a nil pointer"
	case !ok:
		return ""
	case cache.store == nil:
		return "a KeyCache without a store"
	}
	if problem := storeProblem(cache.store); problem != "" {
		return "a cache of " + problem
	}
	return ""
}

// take takes what a quota costs, or refuses. Buckets, the default, is called
// directly: it neither fails nor panics, and uses the clock reading, if there is
// one.
func (g *Guard) take(ctx context.Context, d *decision, q *quota) *Error {
	if buckets, ok := g.config.Limiter.(*Buckets); ok {
		buckets.take(d.now, &q.bucket, q.cost, q.cost, q.limit, &q.usage)
		if q.usage.Allowed {
			return nil
		}
	} else if err := q.takeFrom(ctx, g.config.Limiter, q.cost, d.timed); err != nil {
		return outage(reasonLimiterUnavailable, err)
	}
	return q.judge()
}

// look refuses what take would, and takes nothing. Of a Limiter it finds out only
// what is there, and so calculates how long what is missing takes, unless the
// Limiter says so by itself.
func (g *Guard) look(ctx context.Context, d *decision, q *quota) *Error {
	if buckets, ok := g.config.Limiter.(*Buckets); ok {
		buckets.take(d.now, &q.bucket, 0, q.cost, q.limit, &q.usage)
		return q.judge()
	}
	if err := q.takeFrom(ctx, g.config.Limiter, 0, d.timed); err != nil {
		return outage(reasonLimiterUnavailable, err)
	}
	if err := q.judge(); err != nil {
		return err
	}
	if q.usage.Remaining < q.cost {
		q.usage.Allowed = false
		if q.usage.Wait <= 0 {
			q.usage.Wait = q.usage.wait(q.cost)
		}
	}
	return q.judge()
}

// takeFrom takes n tokens of a quota's bucket from a limiter.
func (q *quota) takeFrom(ctx context.Context, limiter Limiter, n int, t *timed) (err error) {
	defer t.limited(t.now())
	defer recoverTo(&err)
	q.usage, err = limiter.Take(ctx, q.bucket, n, q.limit)
	return err
}

// takeAllFrom takes what all quotas cost from a limiter, in one step.
func takeAllFrom(ctx context.Context, limiter MultiLimiter, quotas []quota) (err error) {
	defer recoverTo(&err)
	takes := make([]Take, len(quotas))
	for i := range quotas {
		takes[i] = Take{quotas[i].bucket, quotas[i].cost, quotas[i].limit}
	}
	usages, err := limiter.TakeAll(ctx, takes)
	switch {
	case err != nil:
		return err
	case len(usages) != len(quotas):
		return fmt.Errorf("the limiter returned %d usages for %d takes", len(usages), len(quotas))
	}
	for i := range quotas {
		quotas[i].usage = usages[i]
	}
	return nil
}

// returnAll returns what was taken by quotas, if the limiter is a Returner. A
// client that has gone in the meantime loses nothing by it.
func (g *Guard) returnAll(ctx context.Context, d *decision, quotas []quota) {
	returner, ok := g.config.Limiter.(Returner)
	if !ok {
		return
	}
	if _, ok := returner.(*Buckets); !ok {
		defer d.timed.limited(d.timed.now())
	}
	for i := range quotas {
		if quotas[i].cost > 0 {
			_ = quotas[i].returnTo(context.WithoutCancel(ctx), returner)
		}
	}
}

func (q *quota) returnTo(ctx context.Context, returner Returner) (err error) {
	defer recoverTo(&err)
	return returner.Return(ctx, q.bucket, q.cost, q.limit)
}

// askKeyfunc asks for the key of a token. It reports whether an error means that
// Keyfunc does not know the key, and not that it is out of order.
func askKeyfunc(keyfunc jwt.Keyfunc, t *jwt.Token) (key any, unknown bool, err error) {
	defer recoverTo(&err)
	key, err = keyfunc(t)
	if err != nil {
		for _, target := range [...]error{
			ErrKeyNotFound, jwt.ErrTokenUnverifiable, jwt.ErrTokenMalformed, jwt.ErrTokenSignatureInvalid,
			jwt.ErrInvalidKey, jwt.ErrInvalidKeyType,
		} {
			unknown = unknown || errors.Is(err, target)
		}
	}
	return key, unknown, err
}

// askSession asks what stands behind a token.
func askSession(ctx context.Context, j *JWT, p *Principal) (s Session, err error) {
	defer recoverTo(&err)
	return j.Session(ctx, p)
}

// askScopes asks what a token grants. It reports whether the function answered:
// its error then means that the token is bad, and not that the function is.
func askScopes(j *JWT, claims map[string]any) (s Scopes, answered bool, err error) {
	defer recoverTo(&err)
	s, err = j.Scopes(claims)
	return s, true, err
}

// recoverTo turns a panic into an error. It also replaces an error that is a nil
// pointer, which would panic when it is printed.
func recoverTo(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic: %v", p)
	} else if *err != nil && isNil(*err) {
		*err = fmt.Errorf("a nil %T for an error", *err)
	}
}

// isNil reports whether v holds a nil pointer or function, such as that of a
// store whose constructor failed.
func isNil(v any) bool {
	r := reflect.ValueOf(v)
	return (r.Kind() == reflect.Pointer || r.Kind() == reflect.Func) && r.IsNil()
}
