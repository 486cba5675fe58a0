package bearer_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"weak"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestScopesOfRoutes(t *testing.T) {
	const insufficient = "403 scope_insufficient"
	type scopes = []bearer.Scope
	for _, row := range []struct {
		name   string
		held   bearer.Scopes
		wanted scopes
		all    string
		one    string
	}{
		{"S2.2 the one", "tokens:read", scopes{"tokens:read"}, "passed", "passed"},
		{"S2.2 another", "tokens:read", scopes{"wallets:read"}, insufficient, insufficient},
		{"S2.2 another action", "tokens:read", scopes{"tokens:write"}, insufficient, insufficient},
		{"S2.1 no colon", "social-read-posts", scopes{"social-read-posts"}, "passed", "passed"},
		{"S2.1 no colon, a longer name", "social-read-posts", scopes{"social-read"}, insufficient, insufficient},
		{"S2.1 no colon, a shorter name", "social-read", scopes{"social-read-posts"}, insufficient, insufficient},
		{"one of two", "tokens:read", scopes{"tokens:read", "wallets:read"}, insufficient, "passed"},
		{"the other of two", "wallets:read", scopes{"tokens:read", "wallets:read"}, insufficient, "passed"},
		{"both", "wallets:read tokens:read", scopes{"tokens:read", "wallets:read"}, "passed", "passed"},
		{"case counts", "Tokens:Read", scopes{"tokens:read"}, insufficient, insufficient},
		{"S4.8 full access", bearer.FullAccess, scopes{"tokens:write", "anything"}, "passed", "passed"},
		{"a family", "tokens:*", scopes{"tokens:read", "tokens:write"}, "passed", "passed"},
		{"another family", "tokens:*", scopes{"tokensx:read"}, insufficient, insufficient},
		{"contradictions: no scopes means none", "", scopes{"tokens:read"}, insufficient, insufficient},
		{"none wanted", "", nil, "passed", insufficient},
		{"none wanted of full access", bearer.FullAccess, nil, "passed", insufficient},
	} {
		t.Run(row.name, func(t *testing.T) {
			text, key := newKey(bearer.SecretKey, bearer.Live, scoped(row.held))
			a := newAuthority()
			guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key), JWT: []bearer.JWT{a.config()}})
			for _, credential := range []string{text, a.token(t, map[string]any{"scope": string(row.held)})} {
				assert.Equal(t, row.all, verdict(get(guard.Require(row.wanted...)(pass), credential)), "Require")
				assert.Equal(t, row.one, verdict(get(guard.RequireAny(row.wanted...)(pass), credential)), "RequireAny")
				_, err := guard.Check(request(http.MethodGet, "/", credential), row.wanted...)
				assert.Equal(t, row.all == "passed", err == nil, "Check")
			}
		})
	}
}

// S4.7: each scope of the documented catalogue opens its own routes only.
func TestDocumentedCatalogue(t *testing.T) {
	catalogue := []bearer.Scope{"events:read", "gas_estimates:read", "networks:read", "batch:write"}
	for _, name := range []string{
		"tokens", "wallets", "transactions", "nfts", "identities", "compliance", "governance", "roles", "vesting", "vaults", "webhooks",
	} {
		catalogue = append(catalogue, bearer.Scope(name+":read"), bearer.Scope(name+":write"))
	}
	require.Len(t, catalogue, 26)
	store := bearer.NewMemoryStore()
	guard := newGuard(t, bearer.Config{Keys: store})
	for _, held := range catalogue {
		text, key := newKey(bearer.SecretKey, bearer.Live, scoped(bearer.Scopes(held)))
		require.NoError(t, store.Add(key))
		for _, wanted := range catalogue {
			_, err := guard.Check(request(http.MethodPost, "/", text), wanted)
			assert.Equal(t, held == wanted, err == nil, "%s at %s", held, wanted)
		}
	}
}

func TestResource(t *testing.T) {
	read, readKey := newKey(bearer.SecretKey, bearer.Live, scoped("wallets:read"))
	write, writeKey := newKey(bearer.SecretKey, bearer.Live, scoped("wallets:write"))
	both, bothKey := newKey(bearer.SecretKey, bearer.Live, scoped("wallets:read wallets:write"))
	h := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(readKey, writeKey, bothKey)}).Resource("wallets")(pass)
	for _, row := range []struct {
		name   string
		text   string
		method string
		want   string
	}{
		{"S4.7 read reads", read, "GET", "passed"},
		{"S4.7 read does not write", read, "POST", "403 scope_insufficient"},
		{"S4.7 write writes", write, "DELETE", "passed"},
		{"S4.7 write does not read", write, "GET", "403 scope_insufficient"},
		{"S4.7 both read", both, "HEAD", "passed"},
		{"S4.7 both write", both, "PUT", "passed"},
		{"get is a write", read, "get", "403 scope_insufficient"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := request(http.MethodGet, "/", row.text)
			r.Method = row.method
			assert.Equal(t, row.want, verdict(serve(h, r)))
		})
	}
	assert.Contains(t, serve(h, request("POST", "/", read)).Header().Get("WWW-Authenticate"), `scope="wallets:write"`)
	assert.Contains(t, serve(h, request("GET", "/", write)).Header().Get("WWW-Authenticate"), `scope="wallets:read"`)
}

func TestCheckRefusesWhatIsNoScope(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key)})
	for _, scope := range []bearer.Scope{"", "a b", `a"`, `\`, "\n", "é"} {
		p, err := guard.Check(request(http.MethodGet, "/", text), "tokens:read", scope)
		var refusal *bearer.Error
		require.ErrorAs(t, err, &refusal, "%q", scope)
		assert.Equal(t, "scope_insufficient", refusal.Reason, "%q", scope)
		assert.Nil(t, p)
	}
}

func TestRequireCopiesItsArgument(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live, scoped("a"))
	scopes := []bearer.Scope{"b"}
	h := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key)}).Require(scopes...)(pass)
	scopes[0] = "a"
	assert.Equal(t, "403 scope_insufficient", verdict(get(h, text)))
}

// A nest is a guard that counts what a request costs.
type nest struct {
	guard              *bearer.Guard
	lookUps, takes     int
	observed, refusals int
}

func newNest(t *testing.T, keys ...bearer.Key) *nest {
	t.Helper()
	n := new(nest)
	n.guard = newGuard(t, bearer.Config{
		Keys: counting(bearer.NewMemoryStore(keys...), &n.lookUps),
		Limiter: limiterFunc(func(_ bearer.Bucket, _ int, l bearer.Limit) (bearer.Usage, error) {
			n.takes++
			return bearer.Usage{Allowed: true, Limit: l, Remaining: l.Burst - n.takes}, nil
		}),
		Observe: func(_ *http.Request, _ *bearer.Principal, e *bearer.Error) {
			n.observed++
			if e != nil {
				n.refusals++
			}
		},
	})
	return n
}

func TestNestedGuardJudgesOnce(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live, scoped("tokens:read"))
	for _, row := range []struct {
		name string
		wrap func(*bearer.Guard) http.Handler
		want string
	}{
		{"Require", func(g *bearer.Guard) http.Handler { return g.Require("tokens:read")(pass) }, "passed"},
		{"Require, refused", func(g *bearer.Guard) http.Handler { return g.Require("nfts:read")(pass) }, "403 scope_insufficient"},
		{"RequireAny", func(g *bearer.Guard) http.Handler { return g.RequireAny("nfts:read", "tokens:read")(pass) }, "passed"},
		{"Resource", func(g *bearer.Guard) http.Handler { return g.Resource("tokens")(pass) }, "passed"},
		{"three deep", func(g *bearer.Guard) http.Handler { return g.Handler(g.Require("tokens:read")(pass)) }, "passed"},
		{"Check", func(g *bearer.Guard) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				p, err := g.Check(r, "tokens:read")
				assert.NoError(t, err)
				assert.Same(t, bearer.FromContext(r.Context()), p)
				_, err = g.Check(r, "nfts:read")
				assert.Error(t, err)
				pass(w, r)
			})
		}, "passed"},
		{"behind a ServeMux and StripPrefix", func(g *bearer.Guard) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("GET /v1/", http.StripPrefix("/v1", g.Require("tokens:read")(pass)))
			return mux
		}, "passed"},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := newNest(t, key)
			w := get(n.guard.Handler(row.wrap(n.guard)), text)
			assert.Equal(t, row.want, verdict(w))
			refused := 0
			if row.want != "passed" {
				refused = 1
			}
			assert.Equal(t, []int{1, 1, 1, refused}, []int{n.lookUps, n.takes, n.observed, n.refusals})
			assert.Equal(t, row.want == "passed", w.Header().Get("RateLimit") == `"default";r=99;t=0`)
		})
	}
}

func TestNestedAccessIsJudgedAnew(t *testing.T) {
	text, key := newKey(bearer.PublishableKey, bearer.Live)
	guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key)})
	override := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Method = http.MethodDelete // as a middleware that overrides methods would
		guard.Handler(pass).ServeHTTP(w, r)
	})
	assert.Equal(t, "403 secret_key_required", verdict(get(guard.Handler(override), text)), "S4.2")
}

func TestObserveSeesEachDecisionOnce(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live, scoped("tokens:read"))
	for _, row := range []struct {
		name       string
		credential string
		want       []int // look-ups, takes, observed, refusals
	}{
		{"passed", text, []int{1, 1, 1, 0}},
		{"missing", "", []int{0, 0, 1, 1}},
		{"malformed", "a b", []int{0, 0, 1, 1}},
		{"mistyped", mistyped(text), []int{0, 0, 1, 1}},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := newNest(t, key)
			get(n.guard.Require("tokens:read")(n.guard.Handler(pass)), row.credential)
			assert.Equal(t, row.want, []int{n.lookUps, n.takes, n.observed, n.refusals})
		})
	}
	var p *bearer.Principal
	var e *bearer.Error
	guard := newGuard(t, bearer.Config{
		Keys:    bearer.NewMemoryStore(key),
		Observe: func(_ *http.Request, q *bearer.Principal, f *bearer.Error) { p, e = q, f },
	})
	get(guard.Require("nfts:read")(pass), text)
	require.NotNil(t, p, "the credential was good")
	require.NotNil(t, e)
	assert.Equal(t, key.ID, p.ID)
	assert.Equal(t, "scope_insufficient", e.Reason)
}

func TestCheckChargesEachTime(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	n := newNest(t, key)
	r := request(http.MethodGet, "/", text)
	for range 3 {
		_, err := n.guard.Check(r)
		require.NoError(t, err)
	}
	assert.Equal(t, 3, n.takes)
}

func TestGuardsDoNotTrustEachOther(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	outer, inner, closed := newNest(t, key), newNest(t, key), newNest(t)
	assert.Equal(t, "passed", verdict(get(outer.guard.Handler(inner.guard.Handler(pass)), text)))
	assert.Equal(t, []int{1, 1, 1, 1}, []int{outer.lookUps, outer.takes, inner.lookUps, inner.takes})
	assert.Equal(t, "401 invalid_api_key", verdict(get(outer.guard.Handler(closed.guard.Handler(pass)), text)))
	outer.lookUps, inner.lookUps = 0, 0
	sandwich := outer.guard.Handler(inner.guard.Handler(outer.guard.Handler(pass)))
	assert.Equal(t, "passed", verdict(get(sandwich, text)))
	assert.Equal(t, []int{1, 1}, []int{outer.lookUps, inner.lookUps}, "the outer one is still known")
}

// A handler sees the principal of the guard in front of it, also if another guard
// or a NewContext stands between.
func TestHandlerSeesWhomItsGuardJudged(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live, named("judged"))
	other := key
	other.ID = "other"
	judge := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key)})
	another := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(other)})
	forge := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(bearer.NewContext(r.Context(), &bearer.Principal{ID: "forged"})))
		})
	}
	whoami := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, bearer.FromContext(r.Context()).ID)
	})
	for name, h := range map[string]http.Handler{
		"nothing between":    judge.Handler(judge.Require("x")(whoami)),
		"another guard":      judge.Handler(another.Handler(judge.Require("x")(whoami))),
		"NewContext":         judge.Handler(forge(judge.Require("x")(whoami))),
		"NewContext before":  forge(judge.Handler(judge.Require("x")(whoami))),
		"both, and Resource": judge.Handler(forge(another.Handler(judge.Resource("x")(whoami)))),
	} {
		assert.Equal(t, "judged", get(h, text).Body.String(), name)
	}
	optional := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key), Optional: true})
	anonymous := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Nil(t, bearer.FromContext(r.Context()))
		pass(w, r)
	})
	assert.Equal(t, "passed", verdict(get(optional.Handler(forge(optional.Handler(anonymous))), "")))
}

// A principal, a context or a header field that is kept keeps no request in
// memory: not its form, its body or its credential.
func TestPrincipalKeepsNoRequest(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key)})
	var kept []any
	var request weak.Pointer[http.Request]
	w := get(guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request = weak.Make(r)
		kept = []any{bearer.FromContext(r.Context()), r.Context()}
		pass(w, r)
	})), text)
	require.Equal(t, "passed", verdict(w))
	kept = append(kept, w.Header().Get("RateLimit"))
	runtime.GC()
	assert.Nil(t, request.Value())
	runtime.KeepAlive(kept)
}

func TestNewContextIsNotTrusted(t *testing.T) {
	guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore()})
	p := &bearer.Principal{ID: "key_1", Kind: bearer.SecretKey, Scopes: bearer.FullAccess}
	r := request(http.MethodGet, "/", "")
	r = r.WithContext(bearer.NewContext(r.Context(), p))
	assert.Equal(t, "401 missing_credentials", verdict(serve(guard.Handler(pass), r)))
	optional := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(), Optional: true})
	h := optional.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Nil(t, bearer.FromContext(r.Context()))
		pass(w, r)
	}))
	assert.Equal(t, "passed", verdict(serve(h, r)), "without a principal, whatever the context says")
}

func TestSubrequestWithAnotherCredential(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live, scoped("tokens:read"))
	other, otherKey := newKey(bearer.SecretKey, bearer.Live, scoped("nfts:read"))
	guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key, otherKey)})
	for _, row := range []struct {
		name   string
		fields []string
		want   string
	}{
		{"the same", []string{"Bearer " + text}, "passed"},
		{"none", nil, "passed"},
		{"another", []string{"Bearer " + other}, "403 scope_insufficient"},
		{"unknown", []string{"Bearer " + mistyped(text)}, "401 invalid_api_key"},
		{"empty", []string{""}, "401 missing_credentials"},
		{"two", []string{"Bearer " + text, "Bearer " + text}, "400 multiple_credentials"},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sub := httptest.NewRequestWithContext(r.Context(), http.MethodGet, "/v1/tokens", nil)
				if row.fields != nil {
					sub.Header["Authorization"] = row.fields
				}
				guard.Require("tokens:read")(pass).ServeHTTP(w, sub)
			}))
			assert.Equal(t, row.want, verdict(get(h, text)))
		})
	}
}

// After an upgrade to h2c, all requests of a connection have the context of
// the first.
func TestAdmissionEndsWithAnUpgrade(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key)})
	var upgraded error
	h := guard.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		later := request(http.MethodDelete, "/", "").WithContext(r.Context())
		later.ProtoMajor, later.ProtoMinor = 2, 0
		_, upgraded = guard.Check(later)
	}))
	get(h, text)
	assert.Equal(t, bearer.CodeUnauthorized, bearer.CodeOf(upgraded))
}

func TestOptional(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live, scoped("tokens:read"))
	a := newAuthority()
	guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key), JWT: []bearer.JWT{a.config()}, Optional: true})
	for _, row := range []struct {
		name   string
		h      http.Handler
		fields []string
		want   string
	}{
		{"no credential", guard.Handler(pass), nil, "passed"},
		{"no credential, twice", guard.Handler(guard.Handler(pass)), nil, "passed"},
		{"no credential, writes", guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Method = http.MethodPost
			guard.Handler(pass).ServeHTTP(w, r)
		})), nil, "passed"},
		{"no credential where a scope is required", guard.Require("tokens:read")(pass), nil, "401 missing_credentials"},
		{"no credential where one is required", guard.RequireAny("tokens:read")(pass), nil, "401 missing_credentials"},
		{"no credential where nothing is enough", guard.RequireAny()(pass), nil, "401 missing_credentials"},
		{"no credential at a resource", guard.Resource("tokens")(pass), nil, "401 missing_credentials"},
		{"no credential, then a scope", guard.Handler(guard.Require("tokens:read")(pass)), nil, "401 missing_credentials"},
		{"a key", guard.Require("tokens:read")(pass), []string{"Bearer " + text}, "passed"},
		{"a JWT", guard.Require("tokens:read")(pass), []string{"Bearer " + a.token(t, nil)}, "passed"},
		{"a bad key", guard.Handler(pass), []string{"Bearer " + mistyped(text)}, "401 invalid_api_key"},
		{"an expired JWT", guard.Handler(pass), []string{"Bearer " + a.token(t, map[string]any{"exp": 1})}, "401 token_expired"},
		{"malformed", guard.Handler(pass), []string{"Bearer"}, "400 malformed_credentials"},
		{"two", guard.Handler(pass), []string{"Bearer " + text, "Bearer " + text}, "400 multiple_credentials"},
		{"another scheme", guard.Handler(pass), []string{"Basic dTpw"}, "401 missing_credentials"},
		{"an empty field", guard.Handler(pass), []string{""}, "401 missing_credentials"},
		{"no credential, then one", guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+mistyped(text))
			guard.Handler(pass).ServeHTTP(w, r)
		})), nil, "401 invalid_api_key"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := request(http.MethodGet, "/", "")
			r.Header["Authorization"] = row.fields
			assert.Equal(t, row.want, verdict(serve(row.h, r)))
		})
	}
	p, err := guard.Check(request(http.MethodGet, "/", ""))
	assert.NoError(t, err)
	assert.Nil(t, p)
}

// A request with an empty field is not treated as one without the field.
func TestEmptyFieldIsNotAMissingOne(t *testing.T) {
	guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(), Optional: true})
	var admitted *http.Request
	get(guard.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { admitted = r })), "")
	require.NotNil(t, admitted)
	r := request(http.MethodGet, "/", "").WithContext(admitted.Context())
	r.Header["Authorization"] = []string{""}
	_, err := guard.Check(r)
	assert.Equal(t, bearer.CodeUnauthorized, bearer.CodeOf(err))
}

func TestResponseWriterIsNotWrapped(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key), FailureLimit: bearer.PerMinute(5), LegacyRateHeaders: true})
	recorder := httptest.NewRecorder()
	r := request(http.MethodGet, "/", text)
	r.Body = nil
	ran := false
	guard.Handler(guard.Require("a")(http.HandlerFunc(func(w http.ResponseWriter, inner *http.Request) {
		ran = true
		assert.Same(t, recorder, w)
		assert.Nil(t, inner.Body)
		assert.NotNil(t, bearer.FromContext(inner.Context()))
		assert.Equal(t, r.Header, inner.Header)
	}))).ServeHTTP(recorder, r)
	assert.True(t, ran)
	assert.Equal(t, http.StatusOK, recorder.Code)
}

func TestResponseControllerWorks(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key)})
	features := map[string]func(*http.ResponseController) error{
		"/flush":            (*http.ResponseController).Flush,
		"/write-deadline":   func(c *http.ResponseController) error { return c.SetWriteDeadline(time.Now().Add(time.Hour)) },
		"/read-deadline":    func(c *http.ResponseController) error { return c.SetReadDeadline(time.Now().Add(time.Hour)) },
		"/full-duplex":      (*http.ResponseController).EnableFullDuplex,
		"/hijack":           nil,
		"/hijack-interface": nil,
	}
	server := httptest.NewServer(guard.Handler(guard.Require("a")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		if use := features[r.URL.Path]; use != nil {
			assert.NoError(t, use(c), r.URL.Path)
			pass(w, r)
			return
		}
		hijack := c.Hijack
		if r.URL.Path == "/hijack-interface" {
			hijack = w.(http.Hijacker).Hijack
		}
		conn, _, err := hijack()
		if !assert.NoError(t, err) {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\npassed\n")
	}))))
	defer server.Close()
	for path := range features {
		raw := "GET " + path + " HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\nAuthorization: Bearer " + text + "\r\n\r\n"
		assert.Equal(t, "passed", exchange(t, server.Listener.Addr(), raw), path)
	}
}

// A WebSocket-like upgrade: bytes go both ways behind the guard.
func TestHijackedConnection(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key)})
	server := httptest.NewServer(guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if !assert.NoError(t, err) {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		line, _ := rw.ReadString('\n')
		_, _ = io.WriteString(conn, "echo "+line)
	})))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\nAuthorization: Bearer "+text+"\r\n\r\n")
	require.NoError(t, err)
	b := bufio.NewReader(conn)
	answer, err := http.ReadResponse(b, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusSwitchingProtocols, answer.StatusCode)
	_, err = io.WriteString(conn, "hello\n")
	require.NoError(t, err)
	line, err := b.ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "echo hello\n", line)
}

// S1.8 under load: requests that start after the revocation are refused.
func TestConcurrentRequestsAndRevocation(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	stays, staysKey := newKey(bearer.PublishableKey, bearer.Live)
	a := newAuthority()
	jwtConfig := a.config()
	jwtConfig.Cache = 8
	token := a.token(t, nil)
	store := bearer.NewMemoryStore(key, staysKey)
	guard := newGuard(t, bearer.Config{
		Keys: store, JWT: []bearer.JWT{jwtConfig}, Limit: bearer.Limit{Rate: 1e6, Burst: 1 << 20}, FailureLimit: bearer.Limit{Rate: 1e6, Burst: 1 << 20},
	})
	h := guard.Handler(guard.Require("tokens:read")(pass))
	var revoked atomic.Bool
	var before, late atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for after := 0; after < 20; {
				known := revoked.Load()
				got := verdict(get(h, text))
				switch {
				case known && got != "401 key_revoked":
					late.Add(1)
				case got == "passed":
					before.Add(1)
				}
				if known {
					after++
				}
				assert.Equal(t, "passed", verdict(get(h, stays)))
				assert.Equal(t, "passed", verdict(get(h, token)))
			}
		})
	}
	for before.Load() < 50 {
		time.Sleep(time.Millisecond)
	}
	key.RevokedAt = time.Now()
	assert.NoError(t, store.Update(key))
	revoked.Store(true)
	wg.Wait()
	assert.Zero(t, late.Load())
}

func TestAllocationsOfTheKeyPath(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	text, key := newKey(bearer.SecretKey, bearer.Live, scoped("tokens:read tokens:write"))
	config := bearer.Config{Keys: bearer.NewMemoryStore(key), Limit: bearer.Limit{Rate: 1e9, Burst: 1 << 20}}
	guard := newGuard(t, config)
	unlimited := config
	unlimited.Limit = bearer.Unlimited
	cached := config
	cached.Keys = bearer.CachedStore(config.Keys, bearer.CacheConfig{})
	foreign := config
	foreign.Keys = storeFunc(func(context.Context, bearer.KeyHash) (*bearer.Key, error) { return &key, nil })
	draining := config
	draining.Limit = bearer.Limit{Rate: 0.001, Burst: 1 << 30}
	empty := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for _, row := range []struct {
		name string
		h    http.Handler
		most float64
	}{
		{"Handler", guard.Handler(empty), 2},
		{"Require", guard.Require("tokens:read")(empty), 2},
		{"Resource", guard.Resource("tokens")(empty), 2},
		{"nested", guard.Handler(guard.Require("tokens:read")(empty)), 2},
		{"CachedStore", newGuard(t, cached).Require("tokens:read")(empty), 2},
		{"a store of the application's", newGuard(t, foreign).Require("tokens:read")(empty), 3},
		{"as much left as never before", newGuard(t, draining).Require("tokens:read")(empty), 3},
		{"unlimited", newGuard(t, unlimited).Require("tokens:read")(empty), 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := request(http.MethodGet, "/v1/tokens", text)
			w := &discard{make(http.Header)}
			n := testing.AllocsPerRun(200, func() { row.h.ServeHTTP(w, r) })
			assert.LessOrEqual(t, n, row.most)
		})
	}
}

// A handler prints as a function does, by any verb: it shows nothing of the guard.
func TestHandlersPrintNoSecret(t *testing.T) {
	ok := http.NotFoundHandler()
	guard := newGuard(t, bearer.Config{
		Keys: bearer.NewMemoryStore(), Format: bearer.KeyFormat{Pepper: bytes.Repeat([]byte("pepper"), 6)},
	})
	for name, handler := range map[string]http.Handler{
		"Handler":    guard.Handler(ok),
		"Require":    guard.Require("tokens:read")(ok),
		"RequireAny": guard.RequireAny("tokens:read")(ok),
		"Resource":   guard.Resource("tokens")(ok),
	} {
		assert.IsType(t, http.HandlerFunc(nil), handler, name)
		for _, verb := range "vsqdxXeEtTpUbcog" {
			for _, flag := range []string{"", "+", "#"} {
				text := fmt.Sprintf("%"+flag+string(verb), handler)
				assert.Less(t, len(text), 80, "%s: %%%s%c: %s", name, flag, verb, text)
			}
		}
	}
}
