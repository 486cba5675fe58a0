package main_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scratch is a directory for all tests.
var scratch string

// runIn runs the tests with a directory that is removed after them.
func runIn(directory *string, run func() int) int {
	var err error
	if *directory, err = os.MkdirTemp("", "platform"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(*directory)
	return run()
}

// After all tests, no key, secret, password or token of theirs stands in what the
// platforms have logged; and each answer of the OpenAPI document was got by one.
func TestMain(m *testing.M) {
	flag.Parse()
	code := runIn(&scratch, m.Run)
	if found, all := logged.leaks(); found > 0 {
		fmt.Fprintf(os.Stderr, "%d of %d secrets stand in the log\n", found, all)
		code = 1
	}
	some := flag.Lookup("test.run").Value.String() + flag.Lookup("test.skip").Value.String()
	if code == 0 && some == "" {
		for _, name := range readDocument().unseen() {
			fmt.Fprintln(os.Stderr, "no test has got the answer", name)
			code = 1
		}
	}
	os.Exit(code)
}

// Answers that no requirement speaks of.
func TestOtherRefusals(t *testing.T) {
	p := sharedPlatform(t)
	admin := p.admin(t)
	bound, _ := p.key(t, admin, object{"allowed_ips": []string{p.from}})
	token := p.session(t, bound, "").is(t, http.StatusOK).str(t, "access_token")
	key := p.session(t, p.SecretKey, "other").str(t, "access_token")
	for _, route := range []string{
		"DELETE /auth/credentials", "PUT /auth/credentials", "GET /auth/me", "GET /api/v1/users/me", "GET /auth/sessions",
		"DELETE /auth/sessions/x", "POST /auth/logout", "GET /v1/api_keys", "GET /v1/api_keys/x", "PATCH /v1/api_keys/x",
		"DELETE /v1/api_keys/x", "POST /v1/api_keys/x/rotate", "DELETE /v1/api_keys/x/secrets/y", "POST /v1/api_keys",
	} {
		method, path, _ := strings.Cut(route, " ")
		q := request{method: method, path: path, token: "a,b"}
		if method == http.MethodPatch || method == http.MethodPost && path == "/v1/api_keys" {
			q.json = object{}
		}
		p.do(t, q).refuses(t, http.StatusBadRequest, "invalid_request")
		q.token = key
		if strings.Contains(path, "me") || strings.Contains(path, "logout") {
			q.token = token
			p.at("203.0.113.9").do(t, q).refuses(t, http.StatusForbidden, "ip_not_allowed")
		} else {
			p.do(t, q).refuses(t, http.StatusForbidden, "forbidden")
		}
	}
	pair := p.pairToken(t)
	large := strings.Repeat("x", 64<<10+1)
	json := map[string]string{"Content-Type": "application/json"}
	p.do(t, request{method: http.MethodPut, path: "/auth/credentials", token: pair, body: "{}"}).is(t, http.StatusUnsupportedMediaType)
	p.do(t, request{method: http.MethodPut, path: "/auth/credentials", token: pair, body: large, header: json}).
		is(t, http.StatusRequestEntityTooLarge)
	p.works(t, pair, true)
	for _, path := range []string{"/oauth/token", "/oauth/revoke", "/oauth/introspect"} {
		p.do(t, request{method: http.MethodPost, path: path, form: url.Values{"token": {large}}}).is(t, http.StatusRequestEntityTooLarge)
		p.do(t, request{method: http.MethodPost, path: path, json: object{}}).is(t, http.StatusBadRequest)
		p.oauth(t, path, p.ClientID, "wrong", url.Values{"token": {"x"}, "grant_type": {"client_credentials"}}).
			is(t, http.StatusUnauthorized)
	}
}

// What is tried too often is answered with 429, and others are not.
func TestLimits(t *testing.T) {
	p := newPlatform(t)
	form := url.Values{"token": {"x"}, "grant_type": {"client_credentials"}}
	for i, path := range []string{"/oauth/token", "/oauth/revoke", "/oauth/introspect"} {
		thief := p.at(fmt.Sprintf("203.0.113.%d", i))
		for range 10 {
			thief.oauth(t, path, p.IntrospectClientID, "wrong", form).is(t, http.StatusUnauthorized)
		}
		a := thief.oauth(t, path, p.IntrospectClientID, p.IntrospectClientSecret, form).is(t, http.StatusTooManyRequests)
		assert.Equal(t, "temporarily_unavailable", a.str(t, "error"))
		p.oauth(t, path, p.IntrospectClientID, p.IntrospectClientSecret, form).is(t, http.StatusOK)
	}
	thief := p.at("203.0.113.9")
	for range 10 {
		thief.exchange(t, p.APIKey, "wrong").is(t, http.StatusUnauthorized)
	}
	thief.exchange(t, p.APIKey, p.APISecret).refuses(t, http.StatusTooManyRequests, "rate_limit_exceeded")
	p.exchange(t, p.APIKey, p.APISecret).is(t, http.StatusOK)
	for range 10 {
		thief.post(t, "/auth/register", "", object{"email": p.Email, "password": "correct horse"}).is(t, http.StatusConflict)
	}
	thief.post(t, "/auth/register", "", object{"email": p.Email, "password": "correct horse"}).is(t, http.StatusTooManyRequests)
}

// An owner has 1000 live keys, and can make another when one is revoked.
func TestMaxKeys(t *testing.T) {
	p := sharedPlatform(t)
	_, token, _ := p.register(t)
	_, id := p.key(t, token, nil)
	for range 999 {
		body := object{"name": "one of many", "type": "secret"}
		p.doOnly(t, request{method: http.MethodPost, path: "/v1/api_keys", token: token, json: body}).is(t, http.StatusCreated)
	}
	p.newKey(t, token, nil).refuses(t, http.StatusConflict, "conflict")
	p.delete(t, "/v1/api_keys/"+id, token).is(t, http.StatusOK)
	p.newKey(t, token, nil).is(t, http.StatusCreated)
}

// A brokenStore is a store that can be put out of order.
type brokenStore struct {
	*issuer.MemoryStore

	isBroken atomic.Bool
}

var errBroken = errors.New("connection refused")

func (s *brokenStore) KeyByHash(ctx context.Context, hash bearer.KeyHash) (issuer.APIKey, error) {
	if s.isBroken.Load() {
		return issuer.APIKey{}, errBroken
	}
	return s.MemoryStore.KeyByHash(ctx, hash)
}

func (s *brokenStore) FindClient(ctx context.Context, id string) (issuer.Client, error) {
	if s.isBroken.Load() {
		return issuer.Client{}, errBroken
	}
	return s.MemoryStore.FindClient(ctx, id)
}

func (s *brokenStore) GetSession(ctx context.Context, id string) (issuer.Session, error) {
	if s.isBroken.Load() {
		return issuer.Session{}, errBroken
	}
	return s.MemoryStore.GetSession(ctx, id)
}

func (s *brokenStore) OpenSession(ctx context.Context, session issuer.Session, most int) (issuer.Session, error) {
	if s.isBroken.Load() {
		return issuer.Session{}, errBroken
	}
	return s.MemoryStore.OpenSession(ctx, session, most)
}

// While the store is out of order, everything that needs it is 503, and then all
// is as before.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &brokenStore{MemoryStore: issuer.NewMemoryStore()}
		users := issuer.NewPasswords(store)
		i, err := issuer.New(issuer.Config{
			Store: store, Users: users, Registrar: users,
			Tokens: &issuer.Tokens{
				Issuer: "https://api.example", Audience: "https://api.example",
				SigningKeys: []issuer.SigningKey{issuer.NewSigningKey("HS256")},
			},
		})
		require.NoError(t, err)
		p := platformAPI{issuer: i, handler: i.Handler(), from: "192.0.2.1"}
		_, user, refresh := p.register(t)
		key, id := p.key(t, user, nil)
		secret, client, err := i.CreateClient(t.Context(), issuer.Operator("acme"), issuer.Client{Name: "x", Scopes: "a", Introspect: true})
		require.NoError(t, err)
		pairSecret, pair, err := i.CreateClient(t.Context(), issuer.Operator("acme"), issuer.Client{Name: "x", Scopes: "a", Credential: true})
		require.NoError(t, err)
		token := p.exchange(t, pair.ID, pairSecret).is(t, http.StatusOK).str(t, "token")

		store.isBroken.Store(true)
		form := url.Values{"token": {user}, "grant_type": {"client_credentials"}}
		for name, a := range map[string]answer{
			"me":            p.get(t, "/auth/me", user),
			"any me":        p.get(t, "/api/v1/users/me", key),
			"sessions":      p.get(t, "/auth/sessions", user),
			"end session":   p.delete(t, "/auth/sessions/x", user),
			"logout":        p.do(t, request{method: http.MethodPost, path: "/auth/logout", token: user}),
			"refresh":       p.refresh(t, refresh),
			"login":         p.session(t, key, ""),
			"register":      p.post(t, "/auth/register", "", object{"email": "b@example.com", "password": "correct horse"}),
			"exchange":      p.exchange(t, pair.ID, pairSecret),
			"replace":       p.put(t, "/auth/credentials", token, nil),
			"delete":        p.delete(t, "/auth/credentials", token),
			"oauth":         p.oauth(t, "/oauth/token", client.ID, secret, form),
			"revoke":        p.oauth(t, "/oauth/revoke", client.ID, secret, form),
			"introspect":    p.oauth(t, "/oauth/introspect", client.ID, secret, form),
			"create a key":  p.newKey(t, user, nil),
			"list keys":     p.get(t, "/v1/api_keys", user),
			"show a key":    p.get(t, "/v1/api_keys/"+id, user),
			"change a key":  p.patch(t, "/v1/api_keys/"+id, user, object{"name": "changed"}),
			"revoke a key":  p.delete(t, "/v1/api_keys/"+id, user),
			"rotate a key":  p.post(t, "/v1/api_keys/"+id+"/rotate", user, nil),
			"end a secret":  p.delete(t, "/v1/api_keys/"+id+"/secrets/x", user),
			"change a pair": p.put(t, "/auth/credentials", token, object{"apiKey": "x"}),
		} {
			a.is(t, http.StatusServiceUnavailable)
			assert.NotEmpty(t, a.Header.Get("Retry-After"), name)
			assert.NotContains(t, string(a.text), errBroken.Error(), name)
		}

		store.isBroken.Store(false)
		time.Sleep(2 * time.Second) // what guards remember of outages
		p.works(t, user, true)
		p.works(t, key, true)
		p.works(t, token, true)
		assert.Equal(t, "a key", p.get(t, "/v1/api_keys/"+id, user).str(t, "name"))
		p.refresh(t, refresh).is(t, http.StatusOK)
	})
}
