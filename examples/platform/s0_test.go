package main_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// exchange exchanges a pair for a token.
func (p platformAPI) exchange(t *testing.T, apiKey, apiSecret any) answer {
	t.Helper()
	return p.post(t, "/auth/token", "", object{"apiKey": apiKey, "apiSecret": apiSecret})
}

// pairToken returns a token of the seeds' pair.
func (p platformAPI) pairToken(t *testing.T) string {
	t.Helper()
	return p.exchange(t, p.APIKey, p.APISecret).is(t, http.StatusOK).str(t, "token")
}

// S0.1: without a credential every endpoint that needs one answers 401; with one,
// its handler runs.
func TestS0_1(t *testing.T) {
	p := sharedPlatform(t)
	for _, route := range []string{
		"GET /auth/me", "GET /api/v1/users/me", "GET /auth/sessions", "DELETE /auth/sessions/se_1",
		"PUT /auth/credentials", "DELETE /auth/credentials", "POST /auth/logout",
		"GET /v1/api_keys", "POST /v1/api_keys", "GET /v1/api_keys/ak_1", "PATCH /v1/api_keys/ak_1",
		"DELETE /v1/api_keys/ak_1", "POST /v1/api_keys/ak_1/rotate", "DELETE /v1/api_keys/ak_1/secrets/1",
		"GET /v1/tokens", "POST /v1/tokens", "GET /v1/events", "POST /v1/batch",
	} {
		method, path, _ := strings.Cut(route, " ")
		q := request{method: method, path: path}
		if method == http.MethodPost || method == http.MethodPatch {
			q.json = object{}
		}
		t.Run(route, func(t *testing.T) {
			if route == "POST /auth/logout" {
				q.json = nil
			}
			a := p.do(t, q).refuses(t, http.StatusUnauthorized, "unauthorized")
			assert.Contains(t, a.Header.Get("WWW-Authenticate"), "Bearer")
		})
	}
	token := p.pairToken(t)
	p.get(t, "/auth/me", token).is(t, http.StatusOK)
	for _, scheme := range []string{"bearer ", "BEARER  ", "Bearer "} {
		p.do(t, request{method: http.MethodGet, path: "/auth/me", header: map[string]string{"Authorization": scheme + token}}).
			is(t, http.StatusOK)
	}
}

// S0.2: neither the apiKey nor the apiSecret is a credential.
func TestS0_2(t *testing.T) {
	p := sharedPlatform(t)
	for _, raw := range []string{p.APIKey, p.APISecret} {
		for _, path := range []string{"/auth/me", "/api/v1/users/me", "/v1/tokens"} {
			p.get(t, path, raw).refuses(t, http.StatusUnauthorized, "unauthorized")
		}
		basic := request{method: http.MethodGet, path: "/auth/me"}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.SetBasicAuth(p.APIKey, p.APISecret)
		basic.header = map[string]string{"Authorization": r.Header.Get("Authorization")}
		p.do(t, basic).refuses(t, http.StatusUnauthorized, "unauthorized")
	}
}

// S0.3: POST /auth/token takes JSON, and works below any prefix.
func TestS0_3(t *testing.T) {
	p := sharedPlatform(t)
	p.exchange(t, p.APIKey, p.APISecret).is(t, http.StatusOK)
	p.exchange(t, strings.ToUpper(p.APIKey), p.APISecret).is(t, http.StatusOK)

	r, _ := p.request(t, request{
		method: http.MethodPost, path: "/deep/below/auth/token", json: object{"apiKey": p.APIKey, "apiSecret": p.APISecret},
	})
	w := httptest.NewRecorder()
	http.StripPrefix("/deep/below", p.issuer.Handler()).ServeHTTP(w, r)
	assert.Equal(t, http.StatusOK, w.Code, w.Body.String())
}

// S0.4: the answer has three members, and expiresAt is the token's exp.
func TestS0_4(t *testing.T) {
	p := sharedPlatform(t)
	before := time.Now().Unix()
	a := p.exchange(t, p.APIKey, p.APISecret).is(t, http.StatusOK)
	assert.Len(t, a.object(t), 3)
	assert.Equal(t, "Bearer", a.str(t, "tokenType"))
	c := claims(t, a.str(t, "token"))
	assert.EqualValues(t, c["exp"], a.num(t, "expiresAt"))
	assert.GreaterOrEqual(t, a.num(t, "expiresAt"), before+3600-1)
	assert.LessOrEqual(t, a.num(t, "expiresAt"), time.Now().Unix()+3600+1)
	assert.Equal(t, "credential:"+p.APIKey, c["sub"])
	assert.NotContains(t, c, "nbf")
}

// S0.5: 400 if a member is missing or no string; one 401 for all that is wrong.
func TestS0_5(t *testing.T) {
	p := sharedPlatform(t)
	for _, row := range []struct {
		name, body string
		wantParam  string
	}{
		{"no members", `{}`, "apiKey"},
		{"no secret", `{"apiKey":"x"}`, "apiSecret"},
		{"no key", `{"apiSecret":"x"}`, "apiKey"},
		{"a number", `{"apiKey":1,"apiSecret":"x"}`, "apiKey"},
		{"null", `{"apiKey":"x","apiSecret":null}`, "apiSecret"},
		{"an array", `{"apiKey":["x"],"apiSecret":"x"}`, "apiKey"},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := p.do(t, request{
				method: http.MethodPost, path: "/auth/token", body: row.body, header: map[string]string{"Content-Type": "application/json"},
			}).refuses(t, http.StatusBadRequest, "invalid_request")
			assert.Equal(t, row.wantParam, a.member(t, "error", "param"))
		})
	}
	for _, body := range []string{``, `null`, `[]`, `"x"`, `{`, `{"apiKey":"x","apiSecret":"x"}{}`, `{"apiKey":"x","apiKey":"x","apiSecret":"x"}`} {
		p.do(t, request{
			method: http.MethodPost, path: "/auth/token", body: body, header: map[string]string{"Content-Type": "application/json"},
		}).refuses(t, http.StatusBadRequest, "invalid_request")
	}
	wrong := p.exchange(t, p.APIKey, p.APISecret+"x").refuses(t, http.StatusUnauthorized, "invalid_credentials")
	unknown := p.exchange(t, "7b5a1d3e-8f3a-4c64-9d0f-6f2f1c2b3a49", p.APISecret).is(t, http.StatusUnauthorized)
	noUUID := p.exchange(t, "x", "y").is(t, http.StatusUnauthorized)
	assert.Equal(t, string(wrong.text), string(unknown.text))
	assert.Equal(t, string(wrong.text), string(noUUID.text))
	assert.Equal(t, wrong.Header, unknown.Header)
	// An OAuth client is no credential, nor the other way round.
	p.exchange(t, p.ClientID, p.ClientSecret).refuses(t, http.StatusUnauthorized, "invalid_credentials")
}

// S0.6: a token in the query or in a body is ignored.
func TestS0_6(t *testing.T) {
	p := sharedPlatform(t)
	token := p.pairToken(t)
	for _, q := range []request{
		{method: http.MethodGet, path: "/auth/me?access_token=" + token},
		{method: http.MethodGet, path: "/auth/me?token=" + token},
		{method: http.MethodPut, path: "/auth/credentials", json: object{"access_token": token}},
		{method: http.MethodGet, path: "/auth/me", form: map[string][]string{"access_token": {token}}},
		{method: http.MethodGet, path: "/auth/me", header: map[string]string{"Cookie": "access_token=" + token}},
	} {
		p.do(t, q).refuses(t, http.StatusUnauthorized, "unauthorized")
	}
}

// S0.7: PUT /auth/credentials replaces the pair, by a chosen one or a minted one.
func TestS0_7(t *testing.T) {
	p := newPlatform(t)
	chosen, secret := "3F2504E0-4F89-41D3-9A0C-0305E82C3301", strings.Repeat("s", 32)
	token := p.pairToken(t)
	a := p.put(t, "/auth/credentials", token, object{"apiKey": chosen, "apiSecret": secret}).is(t, http.StatusNoContent)
	assert.Empty(t, a.text)
	p.exchange(t, p.APIKey, p.APISecret).refuses(t, http.StatusUnauthorized, "invalid_credentials")
	token = p.exchange(t, chosen, secret).is(t, http.StatusOK).str(t, "token")

	minted := p.put(t, "/auth/credentials", token, nil).is(t, http.StatusOK)
	assert.Equal(t, "no-store", minted.Header.Get("Cache-Control"))
	p.exchange(t, chosen, secret).refuses(t, http.StatusUnauthorized, "invalid_credentials")
	token = p.exchange(t, minted.str(t, "apiKey"), minted.str(t, "apiSecret")).is(t, http.StatusOK).str(t, "token")

	again := p.put(t, "/auth/credentials", token, object{}).is(t, http.StatusOK)
	assert.NotEqual(t, minted.str(t, "apiKey"), again.str(t, "apiKey"))
	token = p.exchange(t, again.str(t, "apiKey"), again.str(t, "apiSecret")).is(t, http.StatusOK).str(t, "token")
	for _, body := range []object{
		{"apiKey": chosen}, {"apiSecret": secret}, {"apiKey": "x", "apiSecret": secret}, {"apiKey": 1, "apiSecret": secret},
		{"apiKey": "7b5a1d3e-8f3a-4c64-9d0f-6f2f1c2b3a49", "apiSecret": secret, "other": "x"},
	} {
		p.put(t, "/auth/credentials", token, body).refuses(t, http.StatusBadRequest, "invalid_request")
	}
	p.put(t, "/auth/credentials", p.admin(t), nil).refuses(t, http.StatusForbidden, "forbidden")
	p.put(t, "/auth/credentials", p.SecretKey, nil).refuses(t, http.StatusUnauthorized, "unauthorized")
	p.works(t, token, true)
}

// S0.8: PUT kills every token of the old pair, that which asked too.
func TestS0_8(t *testing.T) {
	p := newPlatform(t)
	first, second := p.pairToken(t), p.pairToken(t)
	assert.NotEqual(t, first, second)
	p.works(t, first, true)
	p.works(t, second, true)
	p.put(t, "/auth/credentials", first, nil).is(t, http.StatusOK)
	p.works(t, first, false)
	p.works(t, second, false)
	p.put(t, "/auth/credentials", first, nil).refuses(t, http.StatusUnauthorized, "unauthorized")
}

// S0.9: DELETE is for good: the pair and its tokens are dead, and the apiKey is
// never used again.
func TestS0_9(t *testing.T) {
	p := newPlatform(t)
	first, second := p.pairToken(t), p.pairToken(t)
	p.delete(t, "/auth/credentials", p.admin(t)).refuses(t, http.StatusForbidden, "forbidden")
	p.delete(t, "/auth/credentials", first).is(t, http.StatusNoContent)
	p.works(t, first, false)
	p.works(t, second, false)
	p.exchange(t, p.APIKey, p.APISecret).refuses(t, http.StatusUnauthorized, "invalid_credentials")

	secret, other, err := p.issuer.CreateClient(t.Context(), issuer.Operator("another"), issuer.Client{
		Name: "Another", Credential: true, Environment: bearer.Test, Scopes: bearer.FullAccess,
	})
	require.NoError(t, err)
	token := p.exchange(t, other.ID, secret).is(t, http.StatusOK).str(t, "token")
	for _, taken := range []string{p.APIKey, strings.ToUpper(p.APIKey), other.ID} {
		p.put(t, "/auth/credentials", token, object{"apiKey": taken, "apiSecret": strings.Repeat("s", 32)}).
			refuses(t, http.StatusConflict, "conflict")
	}
	p.works(t, token, true)
}

// S0.10: a chosen secret has at least 32 characters, and is hashed with argon2id.
func TestS0_10(t *testing.T) {
	p := newPlatform(t)
	token := p.pairToken(t)
	chosen := "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
	for _, weak := range []string{"", strings.Repeat("s", 31), strings.Repeat("é", 31)} {
		a := p.put(t, "/auth/credentials", token, object{"apiKey": chosen, "apiSecret": weak}).
			refuses(t, http.StatusBadRequest, "invalid_request")
		assert.Equal(t, "apiSecret", a.member(t, "error", "param"))
	}
	p.put(t, "/auth/credentials", token, object{"apiKey": chosen, "apiSecret": strings.Repeat("s", 32)}).is(t, http.StatusNoContent)
	stored, err := p.store.FindClient(t.Context(), chosen)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(stored.SecretHash, "$argon2id$"))
	assert.Empty(t, stored.Secrets)
}

// S0.11: the pair and its tokens have an environment.
func TestS0_11(t *testing.T) {
	p := sharedPlatform(t)
	token := p.pairToken(t)
	assert.Equal(t, "test", claims(t, token)["env"])
	assert.Equal(t, "test", p.get(t, "/auth/me", token).is(t, http.StatusOK).str(t, "environment"))
}

// S0.12: a client in Go fetches, keeps and renews the token by itself.
func TestS0_12(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform(t)
		fetches, calls := 0, 0
		transport, err := client.New(client.Config{
			Source: client.Credential("https://platform.example/auth/token", p.APIKey, p.APISecret),
			Base: roundTripper(func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/auth/token" {
					fetches++
				} else {
					calls++
				}
				w := httptest.NewRecorder()
				r.RemoteAddr = "192.0.2.1:40000"
				p.handler.ServeHTTP(w, r)
				return w.Result(), nil
			}),
		})
		require.NoError(t, err)
		c := &http.Client{Transport: transport}
		get := func(wantStatus int) {
			t.Helper()
			answer, err := c.Get("https://platform.example/auth/me")
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			assert.Equal(t, wantStatus, answer.StatusCode)
			synctest.Wait()
		}
		for range 3 {
			get(http.StatusOK)
		}
		assert.Equal(t, 1, fetches)
		time.Sleep(59 * time.Minute)
		get(http.StatusOK)
		assert.Equal(t, 2, fetches, "renewed before it expires")

		require.NoError(t, p.issuer.EndSessions(t.Context(), "credential:"+p.APIKey))
		calls = 0
		get(http.StatusOK)
		assert.Equal(t, 3, fetches, "renewed after a 401")
		assert.Equal(t, 2, calls, "and tried once more")
		assert.NotContains(t, fmt.Sprintf("%+v", c), p.APISecret)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
