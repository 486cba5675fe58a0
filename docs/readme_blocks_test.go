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
	plans := map[any]bearer.Limit{"pro": bearer.PerSecond(50)}
	guard, err := bearer.New(bearer.Config{
		Keys: store, // which fills in Key.Data with the plan
		Policies: []bearer.Policy{{
			Name: "plan",
			Limit: func(r *http.Request, p *bearer.Principal) bearer.Limit {
				if p.Key != nil && plans[p.Key.Data] != (bearer.Limit{}) {
					return plans[p.Key.Data]
				}
				return bearer.PerSecond(5)
			},
			Bucket: func(r *http.Request, p *bearer.Principal) string { return p.Owner },
		}},
	})
	require.NoError(t, err)
	for _, row := range []struct {
		owner string
		plan  any
		want  string
	}{
		{"acme", "pro", `"plan";r=49;t=1`},
		{"acme", "pro", `"plan";r=48;t=1`},
		{"other", nil, `"plan";r=4;t=1`},
	} {
		text, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
		require.NoError(t, store.Add(bearer.Key{
			Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live, Owner: row.owner, Data: row.plan,
		}))
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+text)
		guard.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
		assert.Equal(t, row.want, w.Header().Get("RateLimit"))
	}
}

// The README's counter of final decisions.
var decisions = new(expvar.Map)

var countingConfig = bearer.Config{
	Observe: func(r *http.Request, p *bearer.Principal, e *bearer.Error) {
		code := "ok"
		if e != nil {
			code = string(e.Code)
			slog.Info("refused", "principal", p, "id", e.ID, "error", e)
		}
		decisions.Add(bearer.Route(r)+" "+code, 1) // an expvar.Map
	},
}

func TestReadmeObserve(t *testing.T) {
	config := countingConfig
	config.Keys = new(bearer.MemoryStore)
	guard, err := bearer.New(config)
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("GET /v1/tokens", guard.Handler(http.NotFoundHandler()))
	mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/v1/tokens", nil))
	assert.JSONEq(t, `{"GET /v1/tokens unauthorized": 1}`, decisions.String())
}
