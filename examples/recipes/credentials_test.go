package recipes_test

import (
	"net/http"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
	"github.com/blockauth/bearer/examples/recipes"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHeaderKeys(t *testing.T) {
	var keys bearertest.Keys
	key := keys.Issue(bearer.Key{ID: "key_1"})
	guard, err := recipes.HeaderKeys(&keys)
	require.NoError(t, err)
	for _, row := range []struct {
		name   string
		r      *http.Request
		status int
		holds  string
	}{
		{"in Authorization", get("/", key), 200, "key_1"},
		{"in X-API-Key", with(get("/", ""), "X-API-Key", key), 200, "key_1"},
		{"a wrong one in X-API-Key", with(get("/", ""), "X-API-Key", "sk_test_1"), 401, "invalid_api_key"},
		{"in both", with(get("/", key), "X-API-Key", key), 400, "multiple_credentials"},
		{"twice", with(with(get("/", ""), "X-API-Key", key), "X-API-Key", key), 400, ""},
		{"in the query", get("/?api_key="+key, ""), 401, "missing_credentials"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := serve(guard.Handler(whoami), row.r)
			assert.Equal(t, row.status, w.Code)
			assert.Contains(t, w.Body.String(), row.holds)
		})
	}
}

func TestBasicUser(t *testing.T) {
	var keys bearertest.Keys
	key := keys.Issue(bearer.Key{ID: "key_1"})
	guard := newGuard(t, bearer.Config{Keys: &keys, Credential: recipes.BasicUser})
	basic := func(user, password string) *http.Request {
		r := get("/", "")
		r.SetBasicAuth(user, password)
		return r
	}
	for _, row := range []struct {
		name   string
		r      *http.Request
		status int
	}{
		{"as the user", basic(key, ""), 200},
		{"with a password, which is not read", basic(key, "x"), 200},
		{"as the password", basic("api", key), 401},
		{"no user", basic("", ""), 401},
		{"Bearer", get("/", key), 200},
		{"both", with(basic(key, ""), "Authorization", "Bearer "+key), 400},
	} {
		t.Run(row.name, func(t *testing.T) {
			assert.Equal(t, row.status, serve(guard.Handler(whoami), row.r).Code)
		})
	}
}

func TestKeysNeed(t *testing.T) {
	var keys bearertest.Keys
	var tokens bearertest.Tokens
	limiter := new(bearertest.Limiter)
	plain, err := recipes.KeysOrUsers(&keys, tokens.JWT())
	require.NoError(t, err)
	config := bearer.Config{Keys: &keys, JWT: []bearer.JWT{tokens.JWT()}, Limiter: limiter}
	guard := newGuard(t, config)
	config.Optional = true
	optional := newGuard(t, config)
	good := keys.Issue(bearer.Key{ID: "key_1", Scopes: "tokens:read"})
	poor := keys.Issue(bearer.Key{ID: "key_2"})
	for _, row := range []struct {
		name       string
		guard      *bearer.Guard
		credential string
		status     int
		takes      int
	}{
		{"a user", guard, tokens.Token("alice", ""), 200, 1},
		{"a user at a guard of the recipe", plain, tokens.Token("alice", ""), 200, 0},
		{"a key there", plain, good, 200, 0},
		{"a key with the scope", guard, good, 200, 1},
		{"a key without", guard, poor, 403, 1},
		{"nothing", guard, "", 401, 0},
		{"nothing, where that is allowed", optional, "", 401, 1},
		{"a user there", optional, tokens.Token("alice", ""), 200, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := len(limiter.Takes())
			h := recipes.KeysNeed(row.guard, "tokens:read")(whoami)
			assert.Equal(t, row.status, serve(h, get("/", row.credential)).Code)
			assert.Len(t, limiter.Takes(), before+row.takes)
		})
	}
}
