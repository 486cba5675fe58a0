//go:build unix

package main_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	// feedBound is how long a replica may go on with what it remembers once it
	// cannot look for changes: the default of bearersql.Config.Bound.
	feedBound = 5 * time.Second

	// slack is what a busy machine may add to a bound.
	slack = time.Second
)

// A secret is a key, or a token, that a replica has acknowledged.
type secret struct {
	id, text  string
	path      string    // where it is good
	revokedAt time.Time // when its end was acknowledged; zero: it is good
}

// use uses a secret at a replica, and notes what may not be.
func (f *fleet) use(ctx context.Context, n int, s secret) reply {
	a := f.do(ctx, n, call{path: s.path, token: s.text})
	if a.isUndecided() {
		return a
	}
	switch isOver := !s.revokedAt.IsZero(); {
	case !isOver && a.status != http.StatusOK:
		f.foundf("a good credential was refused", "replica %d: %s: %d %s", n, s.path, a.status, a.body)
	case isOver && a.status == http.StatusOK && a.began.After(s.revokedAt.Add(feedBound+slack)):
		f.foundf("a bad credential was accepted", "replica %d: %s, %v after its end was acknowledged",
			n, s.path, a.began.Sub(s.revokedAt))
	case isOver && a.status != http.StatusOK && a.status != http.StatusUnauthorized:
		f.foundf("a bad credential was not answered with 401", "replica %d: %s: %d %s", n, s.path, a.status, a.body)
	}
	return a
}

// insist uses a secret at a replica until it decides. It gives up at the end of a
// minute.
func (f *fleet) insist(ctx context.Context, n int, s secret) (a reply) {
	for range 600 {
		if a = f.use(ctx, n, s); !a.isUndecided() || ctx.Err() != nil {
			return a
		}
		time.Sleep(100 * time.Millisecond)
	}
	return a
}

// until makes a request to one replica after another, from the first, until one
// decides. It gives up at the end of a minute.
func (f *fleet) until(ctx context.Context, first int, c call) (a reply) {
	for n := range 600 {
		if a = f.do(ctx, (first+n)%replicas, c); !a.isUndecided() || ctx.Err() != nil {
			return a
		}
		time.Sleep(100 * time.Millisecond)
	}
	f.foundf("no decision", "%s %s: %d %s", c.method, c.path, a.status, a.body)
	return a
}

// expire waits until all replicas refuse a secret, and notes how long that took.
func (f *fleet) expire(ctx context.Context, s secret) {
	var all sync.WaitGroup
	for n := range replicas {
		all.Go(func() {
			for range 600 {
				if a := f.use(ctx, n, s); a.status == http.StatusUnauthorized {
					f.lagged(max(a.ended.Sub(s.revokedAt), 0))
					return
				}
				time.Sleep(50 * time.Millisecond) // well below the limit of a key, at all replicas
			}
			f.foundf("a bad credential is never refused", "replica %d: %s", n, s.path)
		})
	}
	all.Wait()
}

// wants notes an answer that has not the status. It reports whether it has.
func (f *fleet) wants(a reply, what string, want ...int) bool {
	if slices.Contains(want, a.status) {
		return true
	}
	if a.status != 0 {
		f.foundf(what+" failed", "replica %d: %d %s", a.replica, a.status, a.body)
	}
	return false
}

// register returns a new user, who is logged in.
func (f *fleet) register(ctx context.Context, n int, email string) (u account, ok bool) {
	u = account{email: email, password: "correct horse"}
	a := f.until(ctx, n, call{path: "/auth/register", body: object{"email": u.email, "password": u.password}})
	u.token = a.text("access_token")
	return u, f.wants(a, "a registration", http.StatusCreated)
}

// An account is a user of the fleet.
type account struct{ email, password, token string }

// newKey makes a key at a replica.
func (f *fleet) newKey(ctx context.Context, n int, u account) (s secret, ok bool) {
	a := f.until(ctx, n, call{path: "/v1/api_keys", token: u.token, body: object{"name": "fleet", "type": "secret"}})
	return secret{id: a.text("id"), text: a.text("key"), path: "/v1/tokens"}, f.wants(a, "a new key", http.StatusCreated)
}

// walkKey makes a key at one replica, uses it at the next, and revokes it at the
// third: all refuse it then.
func (f *fleet) walkKey(ctx context.Context, first int, u account) (s secret, ok bool) {
	s, ok = f.newKey(ctx, first, u)
	if !ok {
		return s, false
	}
	for n := range replicas {
		f.use(ctx, (first+n+1)%replicas, s)
	}
	a := f.until(ctx, first+2, call{method: http.MethodDelete, path: "/v1/api_keys/" + s.id, token: u.token})
	if !f.wants(a, "a revocation", http.StatusOK) {
		return s, false
	}
	s.revokedAt = a.ended
	f.expire(ctx, s)
	return s, true
}

// walkRotation rotates a key: the old text and the new one are good at all
// replicas, until the old one is ended at one of them. It returns both.
func (f *fleet) walkRotation(ctx context.Context, first int, u account) (before, after secret, ok bool) {
	before, ok = f.newKey(ctx, first, u)
	if !ok {
		return before, after, false
	}
	a := f.do(ctx, (first+1)%replicas, call{
		path: "/v1/api_keys/" + before.id + "/rotate", token: u.token, body: object{"grace_period_seconds": 3600},
	})
	if a.isUndecided() || !f.wants(a, "a rotation", http.StatusOK, http.StatusCreated) {
		return before, after, false // the next rotation would be a conflict if this one was done
	}
	after = secret{id: before.id, text: a.text("key"), path: before.path}
	for n := range replicas {
		f.use(ctx, n, before)
		f.use(ctx, n, after)
	}
	a = f.until(ctx, first+2, call{
		method: http.MethodDelete, path: "/v1/api_keys/" + before.id + "/secrets/" + oldestSecret(a), token: u.token,
	})
	if !f.wants(a, "the end of a secret", http.StatusNoContent) {
		return before, after, false
	}
	before.revokedAt = a.ended
	f.expire(ctx, before)
	for n := range replicas {
		f.use(ctx, n, after)
	}
	return before, after, true
}

// walkSession logs a user in at one replica, refreshes at the second and the third,
// and uses the tokens everywhere. Then a refresh token that was spent is used
// again: the session ends at all replicas.
func (f *fleet) walkSession(ctx context.Context, first int, u account) (s secret, ok bool) {
	a := f.until(ctx, first, call{path: "/auth/login", body: object{"email": u.email, "password": u.password}})
	if !f.wants(a, "a login", http.StatusOK) {
		return s, false
	}
	spent := a.text("refresh_token")
	for n := range replicas {
		if a, ok = f.refresh(ctx, first+n+1, a.text("refresh_token")); !ok {
			return s, false
		}
		s = secret{text: a.text("access_token"), path: "/s2/api_keys?limit=1"}
		for n := range replicas {
			f.use(ctx, n, s)
		}
	}
	last := a.text("refresh_token")
	a = f.until(ctx, first, call{path: "/auth/refresh", body: object{"refresh_token": spent}})
	if !f.wants(a, "the reuse of a refresh token", http.StatusUnauthorized) {
		return s, false
	}
	s.revokedAt = a.ended
	f.wants(f.until(ctx, first+1, call{path: "/auth/refresh", body: object{"refresh_token": last}}),
		"the last refresh token after a reuse", http.StatusUnauthorized)
	f.expire(ctx, s)
	return s, true
}

// refresh refreshes a session. If the answer is lost, it asks again: within the
// grace of ten seconds, a refresh token that was spent is answered once more.
func (f *fleet) refresh(ctx context.Context, n int, token string) (a reply, ok bool) {
	began := time.Now()
	for ; time.Since(began) < 8*time.Second; n++ {
		a = f.do(ctx, n%replicas, call{path: "/auth/refresh", body: object{"refresh_token": token}})
		if !a.isUndecided() && a.ended.Sub(began) < 9*time.Second {
			return a, f.wants(a, "a refresh", http.StatusOK)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return a, false
}

// oldestSecret returns the ID of the first secret of a key.
func oldestSecret(a reply) string {
	var key struct {
		Secrets []struct {
			ID string `json:"id"`
		} `json:"secrets"`
	}
	if json.Unmarshal(a.body, &key) != nil || len(key.Secrets) == 0 {
		return ""
	}
	return key.Secrets[0].ID
}
