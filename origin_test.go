package bearer_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const refusedOrigin = "403 origin_not_allowed"

func TestAllowedOrigins(t *testing.T) {
	const app = "https://app.example"
	for _, row := range []struct {
		name    string
		allowed []string
		fields  []string // Origin, as the request has it
		want    string
	}{
		{"none named", nil, []string{"https://other.example"}, "passed"},
		{"none named, null", nil, []string{"null"}, "passed"},
		{"named", []string{app}, []string{app}, "passed"},
		{"the second of two", []string{"http://localhost:3000", app}, []string{app}, "passed"},
		{"absent", []string{app}, nil, "passed"},
		{"another", []string{app}, []string{"https://other.example"}, refusedOrigin},
		{"another scheme", []string{app}, []string{"http://app.example"}, refusedOrigin},
		{"another port", []string{app}, []string{app + ":8443"}, refusedOrigin},
		{"the default port, which browsers leave out", []string{app}, []string{app + ":443"}, refusedOrigin},
		{"a subdomain", []string{app}, []string{"https://a.app.example"}, refusedOrigin},
		{"the domain above", []string{app}, []string{"https://example"}, refusedOrigin},
		{"a prefix of it", []string{app}, []string{"https://app.exampl"}, refusedOrigin},
		{"it as a prefix", []string{app}, []string{app + ".evil"}, refusedOrigin},
		{"upper case", []string{app}, []string{"https://APP.example"}, refusedOrigin},
		{"a slash behind", []string{app}, []string{app + "/"}, refusedOrigin},
		{"a path behind", []string{app}, []string{app + "/page"}, refusedOrigin},
		{"a space behind", []string{app}, []string{app + " "}, refusedOrigin},
		{"listed with a slash", []string{app + "/"}, []string{app}, refusedOrigin},
		{"no wildcard", []string{"*"}, []string{app}, refusedOrigin},
		{"no wildcard for a part", []string{"https://*.example"}, []string{app}, refusedOrigin},
		{"null", []string{app}, []string{"null"}, refusedOrigin},
		{"null, listed", []string{app, "null"}, []string{"null"}, "passed"},
		{"NULL", []string{"null"}, []string{"NULL"}, refusedOrigin},
		{"empty", []string{app}, []string{""}, refusedOrigin},
		{"empty, as a split column lists it", []string{""}, []string{""}, refusedOrigin},
		{"a list that is empty text", []string{""}, []string{app}, refusedOrigin},
		{"two fields", []string{app}, []string{app, "https://other.example"}, refusedOrigin},
		{"the same field twice", []string{app}, []string{app, app}, refusedOrigin},
		{"a list of two", []string{app, "null"}, []string{app + " null"}, refusedOrigin},
		{"a list with a comma", []string{app}, []string{app + ", " + app}, refusedOrigin},
		{"not ASCII", []string{"https://bücher.example"}, []string{"https://xn--bcher-kva.example"}, refusedOrigin},
	} {
		t.Run(row.name, func(t *testing.T) {
			for kind, want := range map[bearer.Kind]string{bearer.PublishableKey: row.want, bearer.SecretKey: "passed"} {
				text, key := newKey(kind, bearer.Live, func(k *bearer.Key) { k.AllowedOrigins = row.allowed })
				store := bearer.NewMemoryStore(key)
				for _, keys := range []bearer.KeyStore{store, cacheOf(store), storeFunc(store.FindKey)} {
					r := request(http.MethodGet, "/v1/tokens", text)
					if row.fields != nil {
						r.Header["Origin"] = row.fields
					}
					w := serve(newGuard(t, bearer.Config{Keys: keys}).Handler(pass), r)
					assert.Equal(t, want, verdict(w), kind)
					var vary []string
					if kind == bearer.PublishableKey && len(row.allowed) > 0 {
						vary = []string{"Origin"}
					}
					assert.Equal(t, vary, w.Header()["Vary"], kind)
				}
			}
		})
	}
}

// Every answer that the Origin field had a part in says so, whatever else it says.
func TestVaryOrigin(t *testing.T) {
	const app = "https://app.example"
	text, key := newKey(bearer.PublishableKey, bearer.Live, scoped("tokens:read"), func(k *bearer.Key) {
		k.AllowedOrigins = []string{app}
	})
	revokedText, revoked := newKey(bearer.PublishableKey, bearer.Live, func(k *bearer.Key) {
		k.AllowedOrigins, k.AllowedIPs = []string{app}, prefixes("203.0.113.7/32")
	})
	keys := bearer.NewMemoryStore(key, revoked)
	limited := bearer.Limit{Rate: 1e-9, Burst: 1}
	for _, row := range []struct {
		name   string
		config bearer.Config
		text   string
		scope  bearer.Scope
		origin string
		vary   []string // of the answer before
		want   string
		then   []string
	}{
		{"accepted", bearer.Config{}, text, "tokens:read", app, nil, "passed", []string{"Origin"}},
		{"accepted without an origin", bearer.Config{}, text, "tokens:read", "", nil, "passed", []string{"Origin"}},
		{"refused", bearer.Config{}, text, "tokens:read", "null", nil, refusedOrigin, []string{"Origin"}},
		{"refused for its environment", bearer.Config{Environment: bearer.Test}, text, "tokens:read", app, nil, "403 environment_mismatch", []string{"Origin"}},
		{"refused for a scope", bearer.Config{}, text, "tokens:list", app, nil, "403 scope_insufficient", []string{"Origin"}},
		{"limited", bearer.Config{Limit: limited}, text, "tokens:read", app, nil, "429 rate_limit_exceeded", []string{"Origin"}},
		{"limiter down", bearer.Config{Limiter: limiterFunc(func(bearer.Bucket, int, bearer.Limit) (bearer.Usage, error) {
			return bearer.Usage{}, errDatabase
		})}, text, "tokens:read", app, nil, "503 limiter_unavailable", []string{"Origin"}},
		{"refused before the origin", bearer.Config{}, revokedText, "tokens:read", "null", nil, "403 ip_not_allowed", nil},
		{"an unknown key", bearer.Config{}, mistyped(text), "tokens:read", "null", nil, "401 invalid_api_key", nil},
		{"the application's own stays", bearer.Config{}, text, "tokens:read", app, []string{"Accept"}, "passed", []string{"Accept", "Origin"}},
		{"and on a refusal", bearer.Config{}, text, "tokens:read", "null", []string{"Accept, Cookie"}, refusedOrigin, []string{"Accept, Cookie", "Origin"}},
		{"there already", bearer.Config{}, text, "tokens:read", app, []string{"Accept", "Cookie ,origin"}, "passed", []string{"Accept", "Cookie ,origin"}},
		{"on everything", bearer.Config{}, text, "tokens:read", "null", []string{"*"}, refusedOrigin, []string{"*"}},
		{"a field that only has it in its name", bearer.Config{}, text, "tokens:read", app, []string{"X-Origin"}, "passed", []string{"X-Origin", "Origin"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.config.Keys = keys
			r := request(http.MethodGet, "/v1/tokens", row.text)
			if row.origin != "" {
				r.Header.Set("Origin", row.origin)
			}
			for _, layout := range []struct {
				name string
				wrap func(g *bearer.Guard) http.Handler
			}{
				{"one", func(g *bearer.Guard) http.Handler { return g.Require(row.scope)(pass) }},
				{"nested", func(g *bearer.Guard) http.Handler { return g.Handler(g.Require(row.scope)(pass)) }},
				{"Check", func(g *bearer.Guard) http.Handler { return checked(g, row.scope) }},
			} {
				guard := newGuard(t, row.config)
				if row.config.Limit == limited {
					_, _ = guard.Check(r)
				}
				w := httptest.NewRecorder()
				if row.vary != nil {
					w.Header()["Vary"] = row.vary
				}
				layout.wrap(guard).ServeHTTP(w, r)
				assert.Equal(t, row.want, verdict(w), layout.name)
				if layout.name != "Check" || row.want != "passed" {
					assert.Equal(t, row.then, w.Header()["Vary"], layout.name)
				}
			}
		})
	}
}

// checked writes what Check decided, as an application may do itself.
func checked(g *bearer.Guard, scope bearer.Scope) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := g.Check(r, scope)
		var refused *bearer.Error
		if errors.As(err, &refused) {
			bearer.WriteError(w, r, refused)
			return
		}
		pass(w, r)
	})
}

// An ErrorHandler finds Vary set, as it does the other fields of a refusal.
func TestVaryOriginWithAnErrorHandler(t *testing.T) {
	text, key := newKey(bearer.PublishableKey, bearer.Live, func(k *bearer.Key) { k.AllowedOrigins = []string{"null"} })
	for name, write := range map[string]func(http.ResponseWriter, *http.Request, *bearer.Error){
		"its own": func(w http.ResponseWriter, _ *http.Request, e *bearer.Error) {
			w.WriteHeader(e.StatusCode())
			_, _ = io.WriteString(w, e.Message())
		},
		"WriteProblem": bearer.WriteProblem,
	} {
		guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key), ErrorHandler: write})
		r := request(http.MethodGet, "/", text)
		r.Header.Set("Origin", "https://app.example")
		w := serve(guard.Handler(pass), r)
		require.Equal(t, http.StatusForbidden, w.Code, name)
		assert.Equal(t, []string{"Origin"}, w.Header()["Vary"], name)
		assert.Contains(t, w.Body.String(), "may not be used from this origin", name)
	}
}

// Each request is judged by its own field, also if the key is remembered.
func TestOriginsAreJudgedOnEachRequest(t *testing.T) {
	text, key := newKey(bearer.PublishableKey, bearer.Live, func(k *bearer.Key) { k.AllowedOrigins = []string{"https://a.example"} })
	h := newGuard(t, bearer.Config{Keys: cacheOf(bearer.NewMemoryStore(key))}).Handler(pass)
	for range 2 {
		for origin, want := range map[string]string{"https://a.example": "passed", "https://b.example": refusedOrigin} {
			r := request(http.MethodGet, "/", text)
			r.Header.Set("Origin", origin)
			assert.Equal(t, want, verdict(serve(h, r)), origin)
		}
	}
}
