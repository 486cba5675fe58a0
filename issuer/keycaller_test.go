package issuer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A keyCall is one of the calls that concern one key.
type keyCall struct {
	name, method, path, body string
	good                     int
	reads                    bool
}

// keyCalls returns the calls that concern the key: ID and secret stand in them.
func keyCalls(id, secret string) []keyCall {
	path := "/v1/api_keys/" + id
	return []keyCall{
		{"get", "GET", path, "", 200, true},
		{"patch nothing", "PATCH", path, `{}`, 200, false},
		{"patch", "PATCH", path, `{"name":"other"}`, 200, false},
		{"disable", "PATCH", path, `{"disabled":true}`, 200, false},
		{"rotate", "POST", path + "/rotate", "", 200, false},
		{"end a secret", "DELETE", path + "/secrets/" + secret, "", 204, false},
		{"revoke", "DELETE", path, "", 200, false},
	}
}

// allKeyCalls returns all calls of /v1/api_keys.
func allKeyCalls(id, secret string) []keyCall {
	return append([]keyCall{
		{"create", "POST", "/v1/api_keys", `{"name":"a","type":"secret"}`, 201, false},
		{"list", "GET", "/v1/api_keys", "", 200, true},
	}, keyCalls(id, secret)...)
}

// TestKeyRoutes proves that the routes work below any prefix, and in routers that
// tell no handler what the path held (S0.3, for keys).
func TestKeyRoutes(t *testing.T) {
	w := newKeyWorld(t)
	_, key := w.create("acme")
	_, key, err := w.RotateKey(t.Context(), w.by, key.ID, time.Hour)
	require.NoError(t, err)
	routes := map[string]string{
		"get": "GET /v1/api_keys/{id}", "patch": "PATCH /v1/api_keys/{id}", "revoke": "DELETE /v1/api_keys/{id}",
		"rotate": "POST /v1/api_keys/{id}/rotate", "end a secret": "DELETE /v1/api_keys/{id}/secrets/{secret}",
		"create": "POST /v1/api_keys", "list": "GET /v1/api_keys",
		"patch nothing": "PATCH /v1/api_keys/{id}", "disable": "PATCH /v1/api_keys/{id}",
	}
	mux := http.NewServeMux()
	mux.Handle("/admin/", http.StripPrefix("/admin", w.Handler()))
	handler := w.Handler()
	for _, call := range allKeyCalls(key.ID, key.Secrets[0].ID) {
		if call.name == "rotate" {
			call.good = http.StatusConflict // two secrets live
		}
		w.routes = w.Route(routes[call.name])
		assert.Equal(t, call.good, w.call(call.method, "/other/prefix"+call.path, call.body).Status, call.name)
		w.routes = mux
		assert.Equal(t, call.good, w.call(call.method, "/admin"+call.path, call.body).Status, call.name)
		w.routes = handler
	}
	a := w.call("PUT", "/v1/api_keys/"+key.ID, "{}")
	assert.Equal(t, http.StatusMethodNotAllowed, a.Status)
	assert.Equal(t, "DELETE, GET, HEAD, PATCH", a.Header.Get("Allow"))
	for _, header := range []string{"text/plain", ""} {
		r := httptest.NewRequest(http.MethodPost, "/v1/api_keys", strings.NewReader(`{"name":"a","type":"secret"}`))
		r.Header.Set("Content-Type", header)
		assert.Equal(t, http.StatusUnsupportedMediaType, w.serve(r).Status)
	}
	assert.Equal(t, http.StatusRequestEntityTooLarge, w.call("POST", "/v1/api_keys", strings.Repeat(" ", 64<<10+1)).Status)
}

// TestWhoSeesKeys proves who may see, and who may change: for everyone else, a key
// is not there (404), and stays as it is.
func TestWhoSeesKeys(t *testing.T) {
	tests := []struct {
		name  string
		by    issuer.Caller
		sees  bool
		reads bool // and no more: 403
	}{
		{"who made it", issuer.Caller{ID: "alice", Owner: "acme"}, true, false},
		{"who made it, with OwnOnly", issuer.Caller{ID: "alice", Owner: "acme", OwnOnly: true}, true, false},
		{"another of the owner", issuer.Caller{ID: "bob", Owner: "acme"}, true, false},
		{"another of the owner, with OwnOnly", issuer.Caller{ID: "bob", Owner: "acme", OwnOnly: true}, false, false},
		{"ReadOnly", issuer.Caller{ID: "alice", Owner: "acme", ReadOnly: true}, true, true},
		{"ReadOnly and OwnOnly", issuer.Caller{ID: "bob", Owner: "acme", OwnOnly: true, ReadOnly: true}, false, true},
		{"another owner", issuer.Caller{ID: "alice", Owner: "other"}, false, false},
		{"another owner by case", issuer.Caller{ID: "alice", Owner: "Acme"}, false, false},
		{"another owner by a space", issuer.Caller{ID: "alice", Owner: "acme "}, false, false},
	}
	for _, test := range tests {
		for n := range keyCalls("", "") {
			name := keyCalls("", "")[n].name
			t.Run(test.name+": "+name, func(t *testing.T) {
				w := newKeyWorld(t)
				alice := issuer.Caller{ID: "alice", Owner: "acme", Scopes: "*"}
				_, key, err := w.CreateKey(t.Context(), alice, issuer.APIKey{Name: "a", Kind: bearer.SecretKey})
				require.NoError(t, err)
				if name == "end a secret" {
					_, key, err = w.RotateKey(t.Context(), alice, key.ID, time.Hour)
					require.NoError(t, err)
				}
				w.told()
				call := keyCalls(key.ID, key.Secrets[0].ID)[n]
				w.by = test.by
				w.by.Scopes = "*"

				a := w.call(call.method, call.path, call.body)

				switch {
				case test.reads && !call.reads:
					assert.Equal(t, http.StatusForbidden, a.Status)
					assert.Equal(t, "forbidden", a.code())
				case !test.sees:
					assert.Equal(t, http.StatusNotFound, a.Status)
					assert.Equal(t, "not_found", a.code())
				default:
					assert.Equal(t, call.good, a.Status, a.Text)
					return
				}
				assert.Equal(t, key, w.stored(key))
				assert.Empty(t, w.told())
				assert.NotContains(t, a.Text, key.ID)
			})
		}
		t.Run(test.name+": list", func(t *testing.T) {
			w := newKeyWorld(t)
			alice := issuer.Caller{ID: "alice", Owner: "acme", Scopes: "*"}
			_, key, err := w.CreateKey(t.Context(), alice, issuer.APIKey{Name: "a", Kind: bearer.SecretKey})
			require.NoError(t, err)
			w.by = test.by
			var want []string
			if test.sees {
				want = []string{key.ID}
			}
			assert.Equal(t, want, w.call("GET", "/v1/api_keys", "").ids())
		})
	}
}

// TestUnknownKeys proves that no ID in a path is more than unknown: it is not an
// outage either.
func TestUnknownKeys(t *testing.T) {
	for _, id := range []string{
		"ak_unknown", "%00", "a%0Ab", "%FF", "%2e%2e", strings.Repeat("a", 300), "a%2Fb", "*", "%27%20OR%201=1--", "%C3%A9",
	} {
		for _, call := range keyCalls(id, "x") {
			t.Run(call.name+" "+id, func(t *testing.T) {
				w := newKeyWorld(t)
				a := w.call(call.method, call.path, call.body)
				assert.Equal(t, http.StatusNotFound, a.Status, a.Text)
				assert.Equal(t, "not_found", a.code())
			})
		}
	}
}

// TestReadOnlyCreatesNothing proves that read-only callers make nothing.
func TestReadOnlyCreatesNothing(t *testing.T) {
	w := newKeyWorld(t)
	w.by.ReadOnly = true
	assert.Equal(t, http.StatusForbidden, w.call("POST", "/v1/api_keys", `{"name":"a","type":"secret"}`).Status)
	_, err := w.ImportKey(t.Context(), w.by, issuer.APIKey{Name: "a", Kind: bearer.SecretKey}, bearer.KeyHash{1})
	assert.Equal(t, bearer.CodeForbidden, bearer.CodeOf(err))
	_, err = w.RevokeKeys(t.Context(), w.by, issuer.KeyQuery{}, "")
	assert.Equal(t, bearer.CodeForbidden, bearer.CodeOf(err))
	assert.Empty(t, w.call("GET", "/v1/api_keys", "").ids())
}

// TestEnvironmentOfCallers proves S4.3: who is bound to an environment changes no
// key of another one, and may still take one out of use.
func TestEnvironmentOfCallers(t *testing.T) {
	for n := range keyCalls("", "") {
		name := keyCalls("", "")[n].name
		t.Run(name, func(t *testing.T) {
			w := newKeyWorld(t)
			_, key := w.create("acme", func(k *issuer.APIKey) { k.Environment = bearer.Live })
			if name == "end a secret" {
				var err error
				_, key, err = w.RotateKey(t.Context(), w.by, key.ID, time.Hour)
				require.NoError(t, err)
			}
			w.by.Environment = bearer.Test
			call := keyCalls(key.ID, key.Secrets[0].ID)[n]
			a := w.call(call.method, call.path, call.body)
			switch name {
			case "get", "revoke", "end a secret":
				assert.Equal(t, call.good, a.Status, a.Text)
			default:
				assert.Equal(t, http.StatusForbidden, a.Status)
				assert.Equal(t, "environment_mismatch", a.refusal("reason"))
				assert.Equal(t, key, w.stored(key))
			}
		})
	}
}

// TestCallers proves what is answered to what Config.Caller returns: no one, a
// refusal, an outage, a mistake. Nothing is done.
func TestCallers(t *testing.T) {
	good := issuer.Operator("acme")
	secret := "password-" + strings.Repeat("x", 20)
	tests := []struct {
		name   string
		caller issuer.Caller
		err    error
		panics any
		status int
		reason string
	}{
		{"good", good, nil, nil, 200, ""},
		{"nobody", issuer.Caller{}, issuer.ErrNoCaller, nil, 401, "missing_credentials"},
		{"nobody, wrapped", good, fmt.Errorf("no cookie: %w", issuer.ErrNoCaller), nil, 401, "missing_credentials"},
		{"a refusal", good, &bearer.Error{Code: bearer.CodeForbidden, Reason: "secret_key_required"}, nil, 403, "secret_key_required"},
		{"a refusal, wrapped", good, fmt.Errorf("x: %w", &bearer.Error{Code: bearer.CodeTokenExpired}), nil, 401, "token_expired"},
		{"no refusal, of a type of refusals", good, (*bearer.Error)(nil), nil, 503, "store_unavailable"},
		{"an outage", good, errors.New(secret), nil, 503, "store_unavailable"},
		{"an outage that another part calls a key that is not there", good, issuer.ErrNotFound, nil, 503, "store_unavailable"},
		{"a panic", good, nil, secret, 503, "store_unavailable"},
		{"no owner", issuer.Caller{ID: "u_1", Scopes: "*"}, nil, nil, 503, "store_unavailable"},
		{"no ID", issuer.Caller{Owner: "acme", Scopes: "*"}, nil, nil, 503, "store_unavailable"},
		{"nothing", issuer.Caller{}, nil, nil, 503, "store_unavailable"},
		{"scopes that are none", issuer.Caller{ID: "u_1", Owner: "acme", Scopes: "a  b"}, nil, nil, 503, "store_unavailable"},
		{"an environment that is none", issuer.Caller{ID: "u_1", Owner: "acme", Environment: 7}, nil, nil, 503, "store_unavailable"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var answered *bearer.Error
			w := newKeyWorld(t, func(c *issuer.Config) {
				c.Caller = func(*http.Request) (issuer.Caller, error) {
					if test.panics != nil {
						panic(test.panics)
					}
					return test.caller, test.err
				}
				c.ErrorHandler = func(w http.ResponseWriter, r *http.Request, e *bearer.Error) {
					answered = e
					bearer.WriteError(w, r, e)
				}
			})
			_, key := w.create("acme")
			for _, call := range allKeyCalls(key.ID, key.Secrets[0].ID) {
				a := w.call(call.method, call.path, call.body)
				if test.status == 200 {
					assert.Less(t, a.Status, 500)
					continue
				}
				assert.Equal(t, test.status, a.Status, call.name)
				assert.Equal(t, test.reason, a.refusal("reason"), call.name)
				assert.NotContains(t, a.Text, secret)
				if test.panics != nil {
					assert.NotContains(t, answered.Error(), secret)
				}
				if a.Status == 401 {
					assert.True(t, strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer "))
				}
				assert.Equal(t, key, w.stored(key))
				assert.Empty(t, w.told())
			}
		})
	}
}

// TestCallersOfGo proves that Go code without a proper caller is refused.
func TestCallersOfGo(t *testing.T) {
	for _, by := range []issuer.Caller{{}, {ID: "u_1", Scopes: "*"}, {Owner: "acme", Scopes: "*"}, issuer.Operator("")} {
		w := newKeyWorld(t)
		_, key := w.create("acme")
		ctx, wanted := t.Context(), issuer.APIKey{Name: "a", Kind: bearer.SecretKey}
		var errs []error
		note := func(err error) { errs = append(errs, err) }
		_, _, err := w.CreateKey(ctx, by, wanted)
		note(err)
		_, err = w.ImportKey(ctx, by, wanted, bearer.KeyHash{1})
		note(err)
		_, err = w.GetKey(ctx, by, key.ID)
		note(err)
		_, _, err = w.ListKeys(ctx, by, issuer.KeyQuery{Owner: "acme"})
		note(err)
		_, err = w.UpdateKey(ctx, by, key.ID, func(k *issuer.APIKey) error { k.Name = "other"; return nil })
		note(err)
		_, _, err = w.RotateKey(ctx, by, key.ID, 0)
		note(err)
		_, err = w.EndSecret(ctx, by, key.ID, key.Secrets[0].ID)
		note(err)
		_, err = w.RevokeKey(ctx, by, key.ID, "")
		note(err)
		_, err = w.RevokeKeys(ctx, by, issuer.KeyQuery{Owner: "acme"}, "")
		note(err)
		for _, err := range errs {
			assert.Equal(t, bearer.CodeServiceUnavailable, bearer.CodeOf(err))
		}
		assert.Equal(t, key, w.stored(key))
	}
}

// TestCrossOrigin proves that a page of another site changes nothing, though the
// browser sends the cookie that Caller reads.
func TestCrossOrigin(t *testing.T) {
	w := newKeyWorld(t)
	_, key := w.create("acme")
	tests := []struct {
		name   string
		method string
		header map[string]string
		status int
	}{
		{"no browser", "POST", nil, 201},
		{"own page", "POST", map[string]string{"Sec-Fetch-Site": "same-origin"}, 201},
		{"another site", "POST", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{"another subdomain", "POST", map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		{"an older browser", "POST", map[string]string{"Origin": "https://evil.example"}, 403},
		{"another site, reading", "GET", map[string]string{"Sec-Fetch-Site": "cross-site"}, 200},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path, body := "/v1/api_keys", `{"name":"a","type":"secret"}`
			if test.method == "GET" {
				path, body = path+"/"+key.ID, ""
			}
			r := httptest.NewRequest(test.method, path, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			for name, value := range test.header {
				r.Header.Set(name, value)
			}
			a := w.serve(r)
			assert.Equal(t, test.status, a.Status, a.Text)
			if test.status == 403 {
				assert.Equal(t, "forbidden", a.code())
			}
		})
	}
}

// TestSlowCaller proves that a Caller learns when to give up.
func TestSlowCaller(t *testing.T) {
	w := newKeyWorld(t, func(c *issuer.Config) {
		c.Caller = func(r *http.Request) (issuer.Caller, error) {
			_, hasDeadline := r.Context().Deadline()
			assert.True(t, hasDeadline)
			return issuer.Caller{}, context.DeadlineExceeded
		}
	})
	assert.Equal(t, http.StatusServiceUnavailable, w.call("GET", "/v1/api_keys", "").Status)
}
