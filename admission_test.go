package bearer_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/blockauth/bearer"
)

// Revalidate sees what has changed since the request was let through.
func TestRevalidate(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*bearer.Key)
		want   string // "": still good
	}{
		{"nothing", func(*bearer.Key) {}, ""},
		{"revoked", func(k *bearer.Key) { k.RevokedAt = time.Now() }, "key_revoked"},
		{"expired", func(k *bearer.Key) { k.ExpiresAt = time.Now() }, "key_expired"},
		{"another address", func(k *bearer.Key) { k.AllowedIPs = prefixes("203.0.113.7/32") }, "ip_not_allowed"},
		{"the scope of the outer handler lost", func(k *bearer.Key) { k.Scopes = "inner innermost" }, "scope_insufficient"},
		{"the scope of the inner handler lost", func(k *bearer.Key) { k.Scopes = "outer innermost" }, "scope_insufficient"},
		{"the scope of the innermost handler lost", func(k *bearer.Key) { k.Scopes = "outer inner" }, "scope_insufficient"},
		{"no limit left", func(k *bearer.Key) { k.Limit = bearer.PerSecond(0) }, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			text, key := newKey(bearer.SecretKey, bearer.Live, scoped("outer inner innermost"))
			store, calls := bearer.NewMemoryStore(key), 0
			guard := newGuard(t, bearer.Config{
				Keys: store, FailureLimit: bearer.PerMinute(1),
				Observe: func(*http.Request, *bearer.Principal, *bearer.Error) { calls++ },
			})
			stream := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.Header.Del("Authorization")
				row.change(&key)
				assert.NoError(t, store.Update(key))
				for range 200 { // more than any limit has
					err := guard.Revalidate(r)
					if row.want == "" {
						assert.NoError(t, err)
						continue
					}
					var refusal *bearer.Error
					if assert.ErrorAs(t, err, &refusal) {
						assert.Equal(t, row.want, refusal.Reason)
						assert.Equal(t, key.ID, refusal.ID)
					}
				}
				assert.Zero(t, calls)
				pass(w, r)
			})
			h := guard.Require("outer")(guard.Require("inner")(guard.Require("innermost")(stream)))
			assert.Equal(t, "passed", verdict(get(h, text)))
			assert.Equal(t, 1, calls)
		})
	}
}

func TestRevalidateElsewhere(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	store := bearer.NewMemoryStore(key)
	guard := newGuard(t, bearer.Config{Keys: store, Optional: true, Credential: bearer.HeaderCredential("X-API-Key")})
	a := newAuthority()
	tokens := newGuard(t, bearer.Config{JWT: []bearer.JWT{a.config()}})
	for _, row := range []struct {
		name          string
		guard, judges *bearer.Guard
		field, value  string
		want          string
	}{
		{"another place", guard, guard, "X-API-Key", text, ""},
		{"no credential", guard, guard, "X-API-Key", "", ""},
		{"a JWT", tokens, tokens, "Authorization", "bearer  " + a.token(t, nil), ""},
		{"a request that another guard let through", guard, tokens, "X-API-Key", text, "missing_credentials"},
		{"a guard that New did not make", guard, new(bearer.Guard), "X-API-Key", text, "store_unavailable"},
		{"nil", guard, nil, "X-API-Key", text, "store_unavailable"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := request(http.MethodGet, "/", "")
			if row.value != "" {
				r.Header.Set(row.field, row.value)
			}
			h := row.guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got := ""
				var refusal *bearer.Error
				if err := row.judges.Revalidate(r); err != nil && assert.ErrorAs(t, err, &refusal) {
					got = refusal.Reason
				}
				assert.Equal(t, row.want, got)
				pass(w, r)
			}))
			assert.Equal(t, "passed", verdict(serve(h, r)))
		})
	}
}

// After Check, Revalidate judges the credential of the request, and counts bad
// ones: it is no way around the limit of failures.
func TestRevalidateAfterCheck(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	takes := 0
	guard := newGuard(t, bearer.Config{
		Keys: bearer.NewMemoryStore(key), FailureLimit: bearer.PerMinute(2),
		Limiter: limiterFunc(func(b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
			if b.Class == "key" {
				takes += n
			}
			return bearer.Usage{Allowed: true, Remaining: 1}, nil
		}),
	})
	r := request(http.MethodGet, "/", text)
	_, err := guard.Check(r)
	assert.NoError(t, err)
	assert.NoError(t, guard.Revalidate(r))
	assert.Equal(t, 1, takes)

	guard = newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key), FailureLimit: bearer.PerMinute(2)})
	for _, want := range []bearer.Code{bearer.CodeUnauthorized, bearer.CodeUnauthorized, bearer.CodeRateLimitExceeded} {
		assert.Equal(t, want, bearer.CodeOf(guard.Revalidate(request(http.MethodGet, "/", mistyped(text)))))
	}
}

// A request whose context has ended is judged all the same.
func TestRevalidateAfterTheRequest(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key)})
	ctx, cancel := context.WithCancel(t.Context())
	h := guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cancel()
		assert.NoError(t, guard.Revalidate(r))
		pass(w, r)
	}))
	assert.Equal(t, "passed", verdict(serve(h, request(http.MethodGet, "/", text).WithContext(ctx))))
}

// A request in the context of another, with a credential of its own, is judged by
// that.
func TestRevalidateAnotherRequest(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key), Optional: true})
	for _, row := range []struct {
		name   string
		change func(*http.Request)
		want   bearer.Code
	}{
		{"the same", func(*http.Request) {}, ""},
		{"another credential", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+mistyped(text)) }, bearer.CodeUnauthorized},
		{"two", func(r *http.Request) { r.Header.Add("Authorization", "Bearer "+text) }, bearer.CodeInvalidRequest},
		{"of HTTP/2, after an upgrade", func(r *http.Request) {
			r.ProtoMajor = 2
			r.Header.Set("Authorization", "Basic YTpi")
		}, bearer.CodeUnauthorized},
	} {
		h := guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			another := request(http.MethodGet, "/", text).WithContext(r.Context())
			row.change(another)
			assert.Equal(t, row.want, bearer.CodeOf(guard.Revalidate(another)), row.name)
			pass(w, r)
		}))
		assert.Equal(t, "passed", verdict(get(h, text)), row.name)
	}
}

// Messages of a connection may each pass a handler, at once and for long: no rule
// is lost, and nothing grows.
func TestRevalidateManyMessages(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live, scoped("a b c d"))
	for _, observe := range []func(*http.Request, *bearer.Principal, *bearer.Error){
		nil, func(*http.Request, *bearer.Principal, *bearer.Error) {},
	} {
		store := bearer.NewMemoryStore(key)
		guard := newGuard(t, bearer.Config{Keys: store, Observe: observe})
		connection := guard.Require("a")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var all sync.WaitGroup
			for _, scope := range []bearer.Scope{"b", "c", "d"} {
				all.Go(func() { guard.Require(scope)(pass).ServeHTTP(httptest.NewRecorder(), r) })
			}
			all.Wait()
			for _, kept := range []bearer.Scopes{"a b c", "a c d", "b c d", "a b d"} {
				lacking := key
				lacking.Scopes = kept
				assert.NoError(t, store.Update(lacking))
				assert.Equal(t, bearer.CodeForbidden, bearer.CodeOf(guard.Revalidate(r)), "%s", kept)
			}
			assert.NoError(t, store.Update(key))
			again := guard.Require("a")(pass)
			before := heap()
			for range 10_000 {
				again.ServeHTTP(&discard{header: http.Header{}}, r)
			}
			assert.Less(t, heap()-before, int64(50_000))
			pass(w, r)
		}))
		assert.Equal(t, "passed", verdict(get(connection, text)))
	}
}
