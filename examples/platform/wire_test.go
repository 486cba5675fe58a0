package main_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Every endpoint that takes JSON refuses a body that is something else, and does
// nothing.
func TestMalformedBodies(t *testing.T) {
	p := sharedPlatform(t)
	admin := p.admin(t)
	_, id := p.key(t, admin, nil)
	before := string(p.get(t, "/v1/api_keys?limit=10", admin).text)
	const json = "application/json"
	for _, row := range []struct {
		name, mediaType, body string
		want                  int
	}{
		{"not JSON", json, `x`, 400},
		{"half of it", json, `{"name":`, 400},
		{"two values", json, `{} {}`, 400},
		{"an array", json, `[]`, 400},
		{"null", json, `null`, 400},
		{"nested deeply", json, strings.Repeat(`{"a":`, 1000) + `1` + strings.Repeat(`}`, 1000), 400},
		{"a member twice", json, `{"name":"x","name":"x"}`, 400},
		{"a member twice, spelled otherwise", json, `{"name":"x","\u006eame":"x"}`, 400},
		{"NUL", json, `{"name":"\u0000"}`, 400},
		{"half a surrogate pair", json, `{"name":"\ud800"}`, 400},
		{"no UTF-8", json, "{\"name\":\"\xff\"}", 400},
		{"a byte order mark", json, "\ufeff{}", 400},
		{"too large", json, `{"name":"` + strings.Repeat("x", 64<<10) + `"}`, 413},
		{"no media type", "", `{"name":"x"}`, 415},
		{"another media type", "text/plain", `{"name":"x"}`, 415},
		{"another charset", json + "; charset=latin1", `{"name":"x"}`, 415},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, route := range []string{
				"POST /auth/token", "POST /auth/login", "POST /auth/refresh", "POST /auth/register", "POST /auth/logout",
				"POST /v1/api_keys", "PATCH /v1/api_keys/" + id, "POST /v1/api_keys/" + id + "/rotate",
				"PUT /auth/credentials", "POST /s2/api_keys",
			} {
				method, path, _ := strings.Cut(route, " ")
				q := request{method: method, path: path, body: row.body, header: map[string]string{"Content-Type": row.mediaType}}
				if strings.Contains(path, "api_keys") {
					q.token = admin
				}
				want := row.want
				if path == "/auth/credentials" {
					want = http.StatusUnauthorized // before the body is read
				}
				assert.Equal(t, want, p.do(t, q).StatusCode, route)
			}
		})
	}
	assert.Equal(t, before, string(p.get(t, "/v1/api_keys?limit=10", admin).text))
}

// Tokens of each algorithm are good, and other services find the public keys.
func TestAlgorithms(t *testing.T) {
	for algorithm, wantKeys := range map[string]int{"HS256": 0, "EdDSA": 1, "ES256": 1} {
		t.Run(algorithm, func(t *testing.T) {
			p := newPlatformWith(t, algorithm)
			first := p.session(t, p.SecretKey, "one").is(t, http.StatusOK).str(t, "access_token")
			assert.Equal(t, first, p.session(t, p.SecretKey, "one").str(t, "access_token"), "S3.2: the same bytes")
			p.works(t, first, true)
			keys := p.get(t, "/.well-known/jwks.json", "").is(t, http.StatusOK)
			assert.Len(t, keys.member(t, "keys"), wantKeys)
			assert.NotContains(t, string(keys.text), `"d"`)
			assert.NotContains(t, string(keys.text), `"k"`)
			server := p.get(t, "/.well-known/oauth-authorization-server", "").is(t, http.StatusOK)
			assert.Equal(t, "http://"+p.Addr, server.str(t, "issuer"))
			resource := p.get(t, "/.well-known/oauth-protected-resource", "").is(t, http.StatusOK)
			assert.Equal(t, "http://"+p.Addr, resource.str(t, "resource"))
		})
	}
}

// A wrong method is answered with those that are right.
func TestMethods(t *testing.T) {
	p := sharedPlatform(t)
	for path, want := range map[string]string{
		"/auth/token": "POST", "/auth/credentials": "DELETE, PUT", "/auth/me": "GET, HEAD",
		"/v1/api_keys": "GET, HEAD, POST", "/v1/api_keys/ak_1/rotate": "POST", "/oauth/introspect": "POST",
		"/.well-known/jwks.json": "GET, HEAD", "/v1/tokens": "GET, HEAD, POST", "/s2/posts": "GET, HEAD, POST",
	} {
		a := p.do(t, request{method: "PROPFIND", path: path}).is(t, http.StatusMethodNotAllowed)
		assert.Equal(t, want, a.Header.Get("Allow"), path)
		assert.Equal(t, "no-store", a.Header.Get("Cache-Control"), path)
	}
}
