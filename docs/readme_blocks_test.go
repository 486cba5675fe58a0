package docs_test

import (
	"expvar"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
)

// The README's limit by plan, which all keys of an account share.
func TestReadmePolicies(t *testing.T) {
	store := new(bearer.MemoryStore)
	planOf := func(owner string) string { return map[string]string{"acme": "pro"}[owner] }
	guard, err := bearer.New(bearer.Config{
		Keys: store,
		Policies: []bearer.Policy{{
			Name: "account",
			Limit: func(r *http.Request, p *bearer.Principal) bearer.Limit {
				if planOf(p.Owner) == "pro" {
					return bearer.PerSecond(50)
				}
				return bearer.PerSecond(5)
			},
			Bucket: func(r *http.Request, p *bearer.Principal) string {
				if p.Owner == "" {
					return "key " + p.ID
				}
				return "owner " + p.Issuer + " " + p.Owner // an issuer's JWTs have owners of their own
			},
		}},
	})
	require.NoError(t, err)
	for _, row := range []struct {
		id, owner string
		data      any
		want      string
	}{
		{"key_1", "acme", nil, `"account";r=49;t=1`},
		{"key_2", "acme", "free", `"account";r=48;t=1`},
		{"key_3", "other", "pro", `"account";r=4;t=1`},
		{"key_4", "other", []string{"pro"}, `"account";r=3;t=1`},
		{"key_5", "", nil, `"account";r=4;t=1`},
		{"key_6", "", nil, `"account";r=4;t=1`},
		{"acme", "", nil, `"account";r=4;t=1`},
	} {
		text, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
		require.NoError(t, store.Add(bearer.Key{
			ID: row.id, Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live, Owner: row.owner, Data: row.data,
		}))
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+text)
		guard.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
		assert.Equal(t, row.want, w.Header().Get("RateLimit"), row.id)
	}
}

// The README's counter of final decisions.
func TestReadmeObserve(t *testing.T) {
	store, decisions, logger := new(bearer.MemoryStore), new(expvar.Map), slog.New(slog.DiscardHandler)
	observe := func(r *http.Request, p *bearer.Principal, e *bearer.Error) {
		code := "ok"
		if e != nil {
			code = string(e.Code)
			logger.Info("refused", "principal", p, "id", e.ID, "policy", e.Policy, "error", e)
		}
		decisions.Add(bearer.Route(r)+" "+code, 1) // an expvar.Map
	}
	guard, err := bearer.New(bearer.Config{Keys: store, Observe: observe})
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("GET /v1/tokens", guard.Handler(http.NotFoundHandler()))
	mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/v1/tokens", nil))
	assert.JSONEq(t, `{"GET /v1/tokens unauthorized": 1}`, decisions.String())
}
