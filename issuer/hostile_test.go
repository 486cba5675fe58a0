package issuer_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A user of an account that is being closed makes a key in the middle: it is
// revoked too.
func TestCloseAccountWhileKeysAreMade(t *testing.T) {
	w := newLoginWorld(t)
	w.setAlice(func(u *issuer.User) { u.Scopes = "*" })
	token := w.alice().member("access_token")
	var asked atomic.Bool
	made := make(chan string, 1)
	w.store.Before("ListClients", func(context.Context) error {
		if asked.CompareAndSwap(false, true) {
			made <- w.do("POST", "/v1/api_keys", `{"name":"x","type":"secret"}`, "Authorization: Bearer "+token).member("key")
		}
		return nil
	})
	require.NoError(t, w.CloseAccount(t.Context(), "acme", "closed"))
	assert.Empty(t, <-made, "the session has ended before")
	keys, _, err := w.ListKeys(t.Context(), issuer.Operator("acme"), issuer.KeyQuery{})
	require.NoError(t, err)
	assert.Empty(t, keys)
}

// What a user makes outlives the token that made it: so the user is asked for
// again (S4.7).
func TestChangedUsersMakeNoKeys(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*loginWorld)
		want   int
		reads  int // what the token answers afterwards to a request that reads
	}{
		{"as at the login", func(*loginWorld) {}, 201, 200},
		{"demoted", func(w *loginWorld) {
			w.setAlice(func(u *issuer.User) { u.Scopes, u.Version = "read", "2" })
		}, 401, 401},
		{"gone", func(w *loginWorld) { w.users.Remove("alice") }, 401, 401},
		{"less, with the same Version", func(w *loginWorld) {
			w.setAlice(func(u *issuer.User) { u.Scopes = "read" })
		}, 403, 200},
		{"out of order", func(w *loginWorld) { w.users.Fail(assert.AnError) }, 503, 200},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newLoginWorld(t)
			w.setAlice(func(u *issuer.User) { u.Scopes = "*" })
			field := "Authorization: Bearer " + w.alice().member("access_token")
			row.change(w)
			assert.Equal(t, row.want, w.do("POST", "/v1/api_keys", `{"name":"x","type":"secret"}`, field).code)
			assert.Equal(t, row.reads, w.do("GET", "/v1/api_keys", "", field).code)
		})
	}
}

// A thief who spends the limit of a family does not hide that its holder uses a
// token again (S4.14).
func TestReuseIsSeenBeyondTheLimit(t *testing.T) {
	w := newLoginWorld(t)
	stolen := w.alice().member("refresh_token")
	last := w.refresh(stolen)
	for range 40 {
		next := w.refresh(last.member("refresh_token"))
		if next.code != http.StatusOK {
			assert.Equal(t, http.StatusTooManyRequests, next.code)
			break
		}
		last = next
	}
	assert.Equal(t, http.StatusUnauthorized, w.refresh(stolen).code)
	assert.Equal(t, "token_revoked", w.verdict(last.member("access_token")))
}

// A request that read the clock before the session was opened gets the bytes that
// the others got (S3.2, S3.4).
func TestSameBytesOverASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLoginWorld(t)
		key, _ := w.key()
		time.Sleep(999 * time.Millisecond)
		var isSlow atomic.Bool
		w.store.Before("OpenSession", func(context.Context) error {
			if isSlow.CompareAndSwap(false, true) {
				time.Sleep(10 * time.Millisecond)
			}
			return nil
		})
		first := make(chan string, 1)
		go func() { first <- w.token(loginOf(key, "one")) }()
		synctest.Wait()
		time.Sleep(2 * time.Millisecond)
		second := w.token(loginOf(key, "one"))
		assert.Equal(t, second, <-first)
		assert.Equal(t, second, w.token(loginOf(key, "one")))
	})
}

// Sessions of a secret that has ended keep no place from the new one (S3.7, S4.11).
func TestEndedSecretsKeepNoPlaces(t *testing.T) {
	w := newLoginWorld(t, func(c *issuer.Config) { c.Tokens.MaxSessions = 5 })
	old, key := w.key()
	for n := range 5 {
		w.token(loginOf(old, fmt.Sprint(n)))
	}
	assert.Equal(t, http.StatusConflict, w.login(loginOf(old, "too many")).code)
	fresh, _, err := w.RotateKey(t.Context(), issuer.Operator("acme"), key.ID, 0)
	require.NoError(t, err)
	for n := range 5 {
		assert.Equal(t, "ok", w.verdict(w.token(loginOf(fresh, fmt.Sprint(n)))))
	}
	assert.Equal(t, http.StatusConflict, w.login(loginOf(fresh, "too many")).code)
}

// nilErrors are Users and a Registrar whose errors are nil pointers.
type nilErrors struct{}

func (nilErrors) VerifyPassword(context.Context, string, string) (issuer.User, error) {
	var e *bearer.Error
	return issuer.User{}, e
}

func (n nilErrors) FindUser(ctx context.Context, _ string) (issuer.User, error) {
	return n.VerifyPassword(ctx, "", "")
}

func (n nilErrors) Register(ctx context.Context, _, _ string) (issuer.User, error) {
	return n.VerifyPassword(ctx, "", "")
}

// Parts of the application that panic, or return an error that is none, are out of
// order.
func TestBrokenPartsAreOutages(t *testing.T) {
	panics := func(*http.Request) netip.Addr { panic("broken") }
	nilCaller := func(*http.Request) (issuer.Caller, error) {
		var e *bearer.Error
		return issuer.Caller{}, e
	}
	for _, row := range []struct {
		name, path, body string
		change           func(*issuer.Config)
	}{
		{"ClientIP panics", "/auth/login", aliceLogin, func(c *issuer.Config) { c.ClientIP = panics }},
		{"ClientIP panics, OAuth", "/oauth/token", "", func(c *issuer.Config) { c.ClientIP = panics }},
		{"Users", "/auth/login", aliceLogin, func(c *issuer.Config) { c.Users = nilErrors{} }},
		{"Registrar", "/auth/register", aliceLogin, func(c *issuer.Config) { c.Registrar = nilErrors{} }},
		{"Caller", "/v1/api_keys", `{"name":"x","type":"secret"}`, func(c *issuer.Config) { c.Caller = nilCaller }},
	} {
		t.Run(row.name, func(t *testing.T) {
			assert.Equal(t, http.StatusServiceUnavailable, newLoginWorld(t, row.change).do("POST", row.path, row.body).code)
		})
	}
}

// A list of sessions tells nothing of other users', nor does its cursor.
func TestSessionCursorsAreVisible(t *testing.T) {
	w := newLoginWorld(t)
	alice := "Authorization: Bearer " + w.alice().member("access_token")
	for n := range 30 {
		_, err := w.StartSession(t.Context(), issuer.User{ID: fmt.Sprint("bob", n), Owner: "acme"}, "")
		require.NoError(t, err)
	}
	page := w.do("GET", "/auth/sessions?limit=1", "", alice)
	assert.Len(t, page.members["data"], 1)
	assert.Nil(t, page.members["next_cursor"])
}

// A path that is not clean is unknown: no other path is named.
func TestUncleanPaths(t *testing.T) {
	w := newLoginWorld(t)
	for _, path := range []string{"//auth/me", "/auth/../auth/me", "/auth/./me", "/auth/me/", "/auth//me"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path = path
		rec := httptest.NewRecorder()
		w.routes.ServeHTTP(rec, r)
		assert.Equal(t, http.StatusNotFound, rec.Code, path)
		assert.Equal(t, "not_found", refusal(t, rec, "code"), path)
		assert.Equal(t, "no-store", rec.Header().Get("Cache-Control"), path)
	}
}

// A User whose ID reads as another kind of subject is refused: EndSessions would
// end another's.
func TestUserIDsAreNoSubjects(t *testing.T) {
	w := newLoginWorld(t)
	for _, id := range []string{"user:1", "key:1", "client:1", "credential:1"} {
		_, err := w.StartSession(t.Context(), issuer.User{ID: id}, "")
		assert.Equal(t, bearer.CodeServiceUnavailable, bearer.CodeOf(err), id)
	}
}

// They keep none either if many sessions of the new secret are older.
func TestEndedSecretsKeepNoPlacesAmongMany(t *testing.T) {
	w := newLoginWorld(t, func(c *issuer.Config) { c.Tokens.MaxSessions = 150 })
	old, key := w.key()
	fresh, rotated, err := w.RotateKey(t.Context(), issuer.Operator("acme"), key.ID, time.Hour)
	require.NoError(t, err)
	for n := range 150 {
		text := fresh
		if n >= 120 {
			text = old
		}
		w.token(loginOf(text, fmt.Sprint(n)))
	}
	assert.Equal(t, http.StatusConflict, w.login(loginOf(fresh, "too many")).code)
	_, err = w.EndSecret(t.Context(), issuer.Operator("acme"), key.ID, rotated.Secrets[0].ID)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, w.login(loginOf(fresh, "again")).code)
}

// A store that does not heed its context is late like any other: 503, and no one
// waits for it.
func TestStoresThatHang(t *testing.T) {
	for _, method := range []string{"KeyByHash", "OpenSession"} {
		synctest.Test(t, func(t *testing.T) {
			w := newLoginWorld(t)
			key, _ := w.key()
			w.store.Before(method, func(context.Context) error {
				time.Sleep(time.Minute)
				return nil
			})
			began := time.Now()
			assert.Equal(t, http.StatusServiceUnavailable, w.login(loginOf(key)).code, method)
			assert.Equal(t, 5*time.Second, time.Since(began), method)
			time.Sleep(time.Minute) // it ends by itself
		})
	}
}

// A carelessStore lists the sessions and keys of everyone, ended or not, from the
// start.
type carelessStore struct{ *issuer.MemoryStore }

func (s carelessStore) ListSessions(ctx context.Context, q issuer.SessionQuery) ([]issuer.Session, error) {
	return s.MemoryStore.ListSessions(ctx, issuer.SessionQuery{Limit: q.Limit})
}

func (s carelessStore) ListKeys(ctx context.Context, q issuer.KeyQuery) ([]issuer.APIKey, error) {
	return s.MemoryStore.ListKeys(ctx, issuer.KeyQuery{Owner: "acme", IncludeRevoked: true, Limit: q.Limit})
}

// What a store lists is not ended if it was not asked for, and there is an end to
// asking.
func TestCarelessLists(t *testing.T) {
	w := newLoginWorld(t, func(c *issuer.Config) {
		c.Store, c.Tokens.MaxSessions = carelessStore{issuer.NewMemoryStore()}, 1
	})
	bob, err := w.StartSession(t.Context(), issuer.User{ID: "bob", Owner: "other"}, "")
	require.NoError(t, err)
	assert.Equal(t, bearer.CodeServiceUnavailable, bearer.CodeOf(w.CloseAccount(t.Context(), "acme", "closed")))
	assert.Equal(t, "ok", w.verdict(bob.AccessToken))

	for range 100 {
		_, _, err := w.CreateKey(t.Context(), issuer.Operator("acme"), issuer.APIKey{Name: "k", Kind: bearer.SecretKey})
		require.NoError(t, err)
	}
	_, err = w.RevokeKeys(t.Context(), issuer.Operator("acme"), issuer.KeyQuery{}, "")
	assert.Equal(t, bearer.CodeServiceUnavailable, bearer.CodeOf(err))
}
