package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The documented catalogue.
var (
	bothWays = []string{
		"tokens", "wallets", "transactions", "nfts", "identities", "compliance", "governance", "roles", "vesting",
		"vaults", "webhooks",
	}
	onlyRead = []string{"events", "gas_estimates", "networks"}
)

// in returns a time from now, as a body has it.
func in(d time.Duration) string {
	return time.Now().Add(d).UTC().Truncate(time.Second).Format(time.RFC3339)
}

// S4.1: resource routes take all four kinds of keys.
func TestS4_1(t *testing.T) {
	p := sharedPlatform(t)
	admin := p.admin(t)
	for _, kind := range []string{"secret", "publishable"} {
		for _, environment := range []string{"test", "live"} {
			text, _ := p.key(t, admin, object{"type": kind, "environment": environment})
			assert.True(t, strings.HasPrefix(text, map[string]string{"secret": "sk_", "publishable": "pk_"}[kind]+environment+"_"), text)
			for _, name := range append(onlyRead, bothWays...) {
				p.get(t, "/v1/"+name, text).is(t, http.StatusOK)
			}
			if kind == "secret" {
				for _, name := range bothWays {
					p.post(t, "/v1/"+name, text, object{"name": "one"}).is(t, http.StatusCreated)
				}
				p.post(t, "/v1/batch", text, nil).is(t, http.StatusCreated)
			}
		}
	}
	a := p.delete(t, "/v1/events", p.SecretKey).refuses(t, http.StatusMethodNotAllowed, "method_not_allowed")
	assert.Equal(t, "GET, HEAD", a.Header.Get("Allow"))
	p.get(t, "/v1/unknown", p.SecretKey).refuses(t, http.StatusNotFound, "not_found")
}

// S4.2: a publishable key writes nothing, whatever its scopes, and reads.
func TestS4_2(t *testing.T) {
	p := sharedPlatform(t)
	p.get(t, "/v1/tokens", p.PublishableKey).is(t, http.StatusOK)
	p.post(t, "/v1/tokens", p.PublishableKey, object{}).refuses(t, http.StatusForbidden, "forbidden")
	p.post(t, "/v1/batch", p.PublishableKey, object{}).refuses(t, http.StatusForbidden, "forbidden")
	override := request{
		method: http.MethodGet, path: "/v1/tokens", token: p.PublishableKey,
		header: map[string]string{"X-HTTP-Method-Override": "POST"},
	}
	p.do(t, override).refuses(t, http.StatusForbidden, "forbidden")
	a := p.newKey(t, p.admin(t), object{"type": "publishable", "scopes": []string{"tokens:write"}}).
		refuses(t, http.StatusBadRequest, "invalid_request")
	assert.Equal(t, "scopes", a.member(t, "error", "param"))
}

// S4.3: the prefix binds the environment, and a guard can demand one.
func TestS4_3(t *testing.T) {
	p := sharedPlatform(t)
	admin := p.admin(t)
	config := p.issuer.KeyConfig()
	config.Environment = bearer.Live
	guard, err := bearer.New(config)
	require.NoError(t, err)
	live, _ := p.key(t, admin, object{"environment": "live"})
	for text, want := range map[string]bearer.Code{live: "", p.SecretKey: bearer.CodeForbidden} {
		r := httptest.NewRequest(http.MethodGet, "/v1/tokens", nil)
		r.Header.Set("Authorization", "Bearer "+text)
		_, err := guard.Check(r, "tokens:read")
		assert.Equal(t, want, bearer.CodeOf(err))
	}
	p.get(t, "/v1/tokens", strings.Replace(live, "_live_", "_test_", 1)).refuses(t, http.StatusUnauthorized, "unauthorized")
	// What is test data is not seen with a live key.
	p.post(t, "/v1/vaults", live, object{"name": "live"}).is(t, http.StatusCreated)
	test, _ := p.key(t, admin, nil)
	for _, item := range p.get(t, "/v1/vaults", test).list(t) {
		assert.NotEqual(t, object{"name": "live"}, item["data"])
	}
}

// S4.4: a guard takes what it was made for.
func TestS4_4(t *testing.T) {
	p := sharedPlatform(t)
	for _, path := range []string{"/auth/me", "/auth/sessions", "/v1/api_keys"} {
		a := p.get(t, path, p.SecretKey).refuses(t, http.StatusUnauthorized, "unauthorized")
		assert.Equal(t, "wrong_credential_type", a.member(t, "error", "reason"))
	}
	p.newKey(t, p.SecretKey, nil).refuses(t, http.StatusUnauthorized, "unauthorized")
	a := p.get(t, "/v1/tokens", p.admin(t)).refuses(t, http.StatusUnauthorized, "unauthorized")
	assert.Equal(t, "wrong_credential_type", a.member(t, "error", "reason"))
}

// S4.5: email and password become an access token and a refresh token.
func TestS4_5(t *testing.T) {
	p := sharedPlatform(t)
	a := p.post(t, "/auth/login", "", object{"email": p.Email, "password": p.Password}).is(t, http.StatusOK)
	assert.Len(t, a.object(t), 4)
	assert.EqualValues(t, 3600, a.num(t, "expires_in"))
	assert.Equal(t, "Bearer", a.str(t, "token_type"))
	assert.True(t, strings.HasPrefix(a.str(t, "refresh_token"), "rt_"))
	assert.NotContains(t, a.str(t, "refresh_token"), ".", "opaque")
	p.post(t, "/auth/login", "", object{"email": " " + strings.ToUpper(p.Email) + " ", "password": p.Password}).is(t, http.StatusOK)

	wrong := p.post(t, "/auth/login", "", object{"email": p.Email, "password": "wrong"}).
		refuses(t, http.StatusUnauthorized, "invalid_credentials")
	unknown := p.post(t, "/auth/login", "", object{"email": "nobody@example.com", "password": "wrong"}).
		is(t, http.StatusUnauthorized)
	assert.Equal(t, string(wrong.text), string(unknown.text))
	assert.Equal(t, wrong.Header, unknown.Header)
}

// refresh exchanges a refresh token.
func (p platformAPI) refresh(t *testing.T, token string) answer {
	t.Helper()
	return p.post(t, "/auth/refresh", "", object{"refresh_token": token})
}

// S4.6: a refresh brings new tokens. Access tokens live for an hour, refresh tokens
// for 7 days, to the second.
func TestS4_6(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform(t)
		access, refresh := p.login(t, p.Email, p.Password)
		time.Sleep(time.Hour - time.Second)
		p.get(t, "/auth/me", access).is(t, http.StatusOK)
		time.Sleep(time.Second)
		p.get(t, "/auth/me", access).refuses(t, http.StatusUnauthorized, "token_expired")

		time.Sleep(7*24*time.Hour - time.Hour - time.Second)
		a := p.refresh(t, refresh).is(t, http.StatusOK)
		assert.EqualValues(t, 3600, a.num(t, "expires_in"))
		assert.NotEqual(t, refresh, a.str(t, "refresh_token"))
		p.works(t, a.str(t, "access_token"), true)
		time.Sleep(7 * 24 * time.Hour)
		p.refresh(t, a.str(t, "refresh_token")).refuses(t, http.StatusUnauthorized, "invalid_refresh_token")
	})
}

// S4.7: the catalogue's scopes, and no others, are given to keys.
func TestS4_7(t *testing.T) {
	p := sharedPlatform(t)
	admin := p.admin(t)
	scopes := []string{"batch:write"}
	for _, name := range bothWays {
		scopes = append(scopes, name+":read", name+":write")
	}
	for _, name := range onlyRead {
		scopes = append(scopes, name+":read")
	}
	a := p.newKey(t, admin, object{"scopes": scopes}).is(t, http.StatusCreated)
	assert.Len(t, a.member(t, "scopes"), len(scopes))
	for _, unknown := range []string{"events:write", "batch:read", "nothing:read", "tokens", "", "a b", "tokens:read\""} {
		a := p.newKey(t, admin, object{"scopes": []string{"tokens:read", unknown}}).
			refuses(t, http.StatusBadRequest, "invalid_request")
		assert.Equal(t, "scopes", a.member(t, "error", "param"), unknown)
	}
	for _, name := range bothWays {
		reads, _ := p.key(t, admin, object{"scopes": []string{name + ":read"}})
		p.get(t, "/v1/"+name, reads).is(t, http.StatusOK)
		a := p.post(t, "/v1/"+name, reads, object{}).refuses(t, http.StatusForbidden, "forbidden")
		assert.Contains(t, a.Header.Get("WWW-Authenticate"), `scope="`+name+`:write"`)
	}
	// No one hands out more than they hold.
	member, _ := p.login(t, p.MemberEmail, p.MemberPassword)
	p.newKey(t, member, object{"scopes": []string{"tokens:read"}}).is(t, http.StatusCreated)
	p.newKey(t, member, object{"scopes": []string{"tokens:write"}}).refuses(t, http.StatusForbidden, "forbidden")
}

// S4.8: a key without scopes has full access, if its maker has.
func TestS4_8(t *testing.T) {
	p := sharedPlatform(t)
	for name, members := range map[string]object{"absent": nil, "null": {"scopes": nil}} {
		t.Run(name, func(t *testing.T) {
			a := p.newKey(t, p.admin(t), members).is(t, http.StatusCreated)
			assert.Equal(t, true, a.member(t, "full_access"))
			assert.Nil(t, a.member(t, "scopes"))
			p.post(t, "/v1/batch", a.str(t, "key"), object{}).is(t, http.StatusCreated)
			p.get(t, "/v1/networks", a.str(t, "key")).is(t, http.StatusOK)
		})
	}
	p.newKey(t, p.admin(t), object{"scopes": []string{}}).refuses(t, http.StatusBadRequest, "invalid_request")
	member, _ := p.login(t, p.MemberEmail, p.MemberPassword)
	p.newKey(t, member, nil).refuses(t, http.StatusForbidden, "forbidden")
}

// S4.9: the codes and their statuses.
func TestS4_9(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform(t)
		admin := p.admin(t)
		expired, _ := p.key(t, admin, object{"expires_at": in(time.Minute)})
		elsewhere, _ := p.key(t, admin, object{"allowed_ips": []string{"203.0.113.0/24"}})
		reads, _ := p.key(t, admin, object{"scopes": []string{"tokens:read"}})
		time.Sleep(time.Hour)
		for _, row := range []struct {
			name     string
			a        answer
			want     int
			wantCode string
		}{
			{"no key", p.get(t, "/v1/tokens", ""), 401, "unauthorized"},
			{"an unknown key", p.get(t, "/v1/tokens", p.SecretKey[:len(p.SecretKey)-1]+"?"), 400, "invalid_request"},
			{"a mistyped key", p.get(t, "/v1/tokens", p.SecretKey+"x"), 401, "unauthorized"},
			{"no JWT", p.get(t, "/auth/me", ""), 401, "unauthorized"},
			{"a bad JWT", p.get(t, "/auth/me", admin+"x"), 401, "unauthorized"},
			{"an expired JWT", p.get(t, "/auth/me", admin), 401, "token_expired"},
			{"a wrong password", p.post(t, "/auth/login", "", object{"email": p.Email, "password": "x"}), 401, "invalid_credentials"},
			{"no scope", p.get(t, "/v1/wallets", reads), 403, "forbidden"},
			{"an expired key", p.get(t, "/v1/tokens", expired), 403, "key_expired"},
			{"another address", p.get(t, "/v1/tokens", elsewhere), 403, "ip_not_allowed"},
			{"login with an expired key", p.session(t, expired, ""), 403, "key_expired"},
			{"login from another address", p.session(t, elsewhere, ""), 403, "ip_not_allowed"},
		} {
			t.Log(row.name)
			row.a.refuses(t, row.want, row.wantCode)
		}
	})
}

// S4.10: expires_at is exact; allowed_ips are addresses and prefixes of IPv4 and
// IPv6.
func TestS4_10(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform(t)
		admin := p.admin(t)
		end := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
		text, _ := p.key(t, admin, object{"expires_at": end.Format(time.RFC3339)})
		time.Sleep(time.Until(end) - time.Second)
		p.get(t, "/v1/tokens", text).is(t, http.StatusOK)
		time.Sleep(time.Second)
		p.get(t, "/v1/tokens", text).refuses(t, http.StatusForbidden, "key_expired")

		admin = p.admin(t)
		for _, past := range []string{in(0), in(-time.Hour), "tomorrow", "2030-01-01"} {
			p.newKey(t, admin, object{"expires_at": past}).refuses(t, http.StatusBadRequest, "invalid_request")
		}
		text, id := p.key(t, admin, object{"allowed_ips": []string{"192.0.2.7", "198.51.100.0/24", "2001:db8::7", "2001:db8:1::/48"}})
		for address, want := range map[string]int{
			"192.0.2.7": 200, "192.0.2.8": 403, "198.51.100.255": 200, "198.51.101.0": 403, "::ffff:192.0.2.7": 200,
			"2001:db8::7": 200, "2001:db8::8": 403, "2001:db8:1:2::3": 200, "2001:db8:2::": 403, "nonsense": 403,
		} {
			assert.Equal(t, want, p.at(address).get(t, "/v1/tokens", text).StatusCode, address)
		}
		p.patch(t, "/v1/api_keys/"+id, admin, object{"allowed_ips": nil}).is(t, http.StatusOK)
		p.at("203.0.113.1").get(t, "/v1/tokens", text).is(t, http.StatusOK)
		for _, wrong := range []any{[]string{}, []string{"x"}, []string{"192.0.2.0/33"}, "192.0.2.1", []int{1}} {
			p.patch(t, "/v1/api_keys/"+id, admin, object{"allowed_ips": wrong}).refuses(t, http.StatusBadRequest, "invalid_request")
		}
	})
}

// S4.11: rotation keeps all but the text; the old one works for the grace period.
func TestS4_11(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform(t)
		admin := p.admin(t)
		old, id := p.key(t, admin, object{"scopes": []string{"tokens:read"}, "allowed_ips": []string{"192.0.2.0/24"}, "metadata": object{"a": "b"}})
		before := p.get(t, "/v1/api_keys/"+id, admin).object(t)
		a := p.post(t, "/v1/api_keys/"+id+"/rotate", admin, nil).is(t, http.StatusOK)
		fresh := a.str(t, "key")
		for _, name := range []string{"id", "name", "type", "environment", "scopes", "allowed_ips", "limit", "metadata", "expires_at", "created_at"} {
			assert.Equal(t, before[name], a.object(t)[name], name)
		}
		assert.NotEqual(t, old, fresh)
		assert.Len(t, a.member(t, "secrets"), 2)
		p.post(t, "/v1/api_keys/"+id+"/rotate", admin, nil).refuses(t, http.StatusConflict, "conflict")
		time.Sleep(24*time.Hour - time.Second)
		p.get(t, "/v1/tokens", old).is(t, http.StatusOK)
		p.get(t, "/v1/tokens", fresh).is(t, http.StatusOK)
		time.Sleep(time.Second)
		p.get(t, "/v1/tokens", old).refuses(t, http.StatusUnauthorized, "unauthorized")
		p.get(t, "/v1/tokens", fresh).is(t, http.StatusOK)

		// At once, and not beyond the end of the key.
		admin = p.admin(t)
		last := p.post(t, "/v1/api_keys/"+id+"/rotate", admin, object{"grace_period_seconds": 0}).is(t, http.StatusOK).str(t, "key")
		p.get(t, "/v1/tokens", fresh).refuses(t, http.StatusUnauthorized, "unauthorized")
		p.patch(t, "/v1/api_keys/"+id, admin, object{"expires_at": in(time.Hour)}).is(t, http.StatusOK)
		newest := p.post(t, "/v1/api_keys/"+id+"/rotate", admin, nil).is(t, http.StatusOK).str(t, "key")
		time.Sleep(time.Hour)
		for _, text := range []string{last, newest} {
			assert.GreaterOrEqual(t, p.get(t, "/v1/tokens", text).StatusCode, 401)
		}
		admin = p.admin(t)
		p.post(t, "/v1/api_keys/"+id+"/rotate", admin, nil).refuses(t, http.StatusConflict, "conflict")
		for _, grace := range []any{-1, 604801, "1", 1.5} {
			p.post(t, "/v1/api_keys/"+id+"/rotate", admin, object{"grace_period_seconds": grace}).
				refuses(t, http.StatusBadRequest, "invalid_request")
		}
	})
}

// S4.11: no request is lost while a key is rotated, and the old text is ended
// before its time once no one needs it.
func TestS4_11UnderLoad(t *testing.T) {
	p := sharedPlatform(t)
	admin := p.admin(t)
	old, id := p.key(t, admin, nil)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			for range 9 {
				a := p.get(t, "/v1/tokens", old)
				assert.Equal(t, http.StatusOK, a.StatusCode, "%s", a.text)
			}
		})
	}
	a := p.post(t, "/v1/api_keys/"+id+"/rotate", admin, nil).is(t, http.StatusOK)
	all.Wait()
	secrets, ok := a.member(t, "secrets").([]any)
	require.True(t, ok)
	require.Len(t, secrets, 2)
	first, newest := secrets[0].(object)["id"].(string), secrets[1].(object)["id"].(string)
	p.delete(t, "/v1/api_keys/"+id+"/secrets/"+newest, admin).refuses(t, http.StatusConflict, "conflict")
	p.delete(t, "/v1/api_keys/"+id+"/secrets/unknown", admin).refuses(t, http.StatusNotFound, "not_found")
	p.delete(t, "/v1/api_keys/"+id+"/secrets/"+first, admin).is(t, http.StatusNoContent)
	p.get(t, "/v1/tokens", old).refuses(t, http.StatusUnauthorized, "unauthorized")
	p.get(t, "/v1/tokens", a.str(t, "key")).is(t, http.StatusOK)
}

// S4.12: the body of an error, and 429 with Retry-After.
func TestS4_12(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform(t)
		e, ok := p.get(t, "/v1/tokens", "").is(t, http.StatusUnauthorized).member(t, "error").(object)
		require.True(t, ok)
		for _, name := range []string{"type", "code", "message", "status"} {
			assert.Contains(t, e, name)
		}
		assert.EqualValues(t, http.StatusUnauthorized, e["status"])
		for range 100 {
			p.get(t, "/v1/tokens", p.SecretKey).is(t, http.StatusOK)
		}
		a := p.get(t, "/v1/tokens", p.SecretKey).refuses(t, http.StatusTooManyRequests, "rate_limit_exceeded")
		assert.Equal(t, "1", a.Header.Get("Retry-After"))
		time.Sleep(time.Second)
		p.get(t, "/v1/tokens", p.SecretKey).is(t, http.StatusOK)
	})
}

// S4.13: the calls of key management.
func TestS4_13(t *testing.T) {
	p := sharedPlatform(t)
	_, token, _ := p.register(t)
	a := p.post(t, "/v1/api_keys", token, object{
		"name": "  full  ", "type": "secret", "environment": "live", "scopes": []string{"tokens:read"},
		"allowed_ips": []string{"192.0.2.1"}, "expires_at": in(time.Hour), "metadata": object{"team": "a"},
	}).is(t, http.StatusCreated)
	id := a.str(t, "id")
	assert.Equal(t, "full", a.str(t, "name"))
	assert.True(t, strings.HasPrefix(a.str(t, "key"), "sk_live_"))

	for n := range 4 {
		p.key(t, token, object{"name": fmt.Sprint(n)})
	}
	page := p.get(t, "/v1/api_keys?limit=2", token).is(t, http.StatusOK)
	names := []any{page.list(t)[0]["name"], page.list(t)[1]["name"]}
	assert.Equal(t, []any{"3", "2"}, names, "the newest first")
	second := p.get(t, "/v1/api_keys?limit=100&cursor="+page.str(t, "next_cursor"), token).is(t, http.StatusOK)
	assert.Len(t, second.list(t), 3)
	assert.Nil(t, second.member(t, "next_cursor"))
	for _, query := range []string{"limit=0", "limit=101", "limit=x", "cursor=x", "expires_before=x", "unused_since=1", "include_revoked=maybe"} {
		a := p.get(t, "/v1/api_keys?"+query, token).refuses(t, http.StatusBadRequest, "invalid_request")
		assert.Equal(t, strings.Split(query, "=")[0], a.member(t, "error", "param"))
	}

	a = p.patch(t, "/v1/api_keys/"+id, token, object{"name": "renamed", "expires_at": nil, "disabled": true}).is(t, http.StatusOK)
	assert.Equal(t, "renamed", a.str(t, "name"))
	assert.Nil(t, a.member(t, "expires_at"))
	assert.Equal(t, []any{"tokens:read"}, a.member(t, "scopes"), "what is absent stays")
	assert.Equal(t, true, a.member(t, "disabled"))
	for _, body := range []object{{"owner": "x"}, {"name": nil}, {"name": ""}, {"type": "secret"}, {"key": "x"}, {"disabled": 1}} {
		p.patch(t, "/v1/api_keys/"+id, token, body).refuses(t, http.StatusBadRequest, "invalid_request")
	}
	for name, body := range map[string]object{
		"no name": {"type": "secret"}, "no type": {"name": "x"}, "another type": {"name": "x", "type": "public"},
		"another environment": {"name": "x", "type": "secret", "environment": "prod"},
		"an owner":            {"name": "x", "type": "secret", "owner": "acme"},
		"a limit":             {"name": "x", "type": "secret", "limit": object{"unlimited": true}},
		"a control character": {"name": "x\ny", "type": "secret"},
		"a long name":         {"name": strings.Repeat("x", 256), "type": "secret"},
		"numbers in metadata": {"name": "x", "type": "secret", "metadata": object{"a": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			p.post(t, "/v1/api_keys", token, body).refuses(t, http.StatusBadRequest, "invalid_request")
		})
	}
	for range 2 {
		a = p.delete(t, "/v1/api_keys/"+id+"?reason=gone", token).is(t, http.StatusOK)
		assert.Equal(t, true, a.member(t, "revoked"))
		assert.Equal(t, "gone", a.member(t, "reason"))
	}
	p.patch(t, "/v1/api_keys/"+id, token, object{"name": "back"}).refuses(t, http.StatusConflict, "conflict")
	p.post(t, "/v1/api_keys/"+id+"/rotate", token, nil).refuses(t, http.StatusConflict, "conflict")
	p.get(t, "/v1/api_keys/ak_unknown", token).refuses(t, http.StatusNotFound, "not_found")

	text := request{method: http.MethodPost, path: "/v1/api_keys", token: token, body: `{"name":"x","type":"secret"}`}
	p.do(t, text).refuses(t, http.StatusUnsupportedMediaType, "unsupported_media_type")
	text.header = map[string]string{"Content-Type": "application/json"}
	text.body = `{"name":"` + strings.Repeat("x", 64<<10) + `"}`
	p.do(t, text).refuses(t, http.StatusRequestEntityTooLarge, "payload_too_large")
	a = p.put(t, "/v1/api_keys/"+id, token, object{}).refuses(t, http.StatusMethodNotAllowed, "method_not_allowed")
	assert.Equal(t, "DELETE, GET, HEAD, PATCH", a.Header.Get("Allow"))
}

// S4.14: refresh tokens are stored hashed, used once, and reuse ends the family.
func TestS4_14(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform(t)
		access, first := p.login(t, p.Email, p.Password)
		stored, err := p.store.GetSession(t.Context(), claims(t, access)["sid"].(string))
		require.NoError(t, err)
		text, err := json.Marshal(stored)
		require.NoError(t, err)
		for part := range strings.SplitSeq(strings.TrimPrefix(first, "rt_"), "_") {
			assert.NotContains(t, strings.Replace(string(text), stored.ID, "", 1), part)
		}
		second := p.refresh(t, first).is(t, http.StatusOK)
		lost := p.refresh(t, first).is(t, http.StatusOK) // its answer may have been lost
		assert.Equal(t, second.str(t, "refresh_token"), lost.str(t, "refresh_token"))
		third := p.refresh(t, second.str(t, "refresh_token")).is(t, http.StatusOK)
		p.works(t, third.str(t, "access_token"), true)
		time.Sleep(11 * time.Second)
		reused := p.refresh(t, second.str(t, "refresh_token")).refuses(t, http.StatusUnauthorized, "invalid_refresh_token")
		ended := p.refresh(t, third.str(t, "refresh_token")).is(t, http.StatusUnauthorized)
		unknown := p.refresh(t, "rt_x").is(t, http.StatusUnauthorized)
		assert.Equal(t, string(reused.text), string(ended.text))
		assert.Equal(t, string(reused.text), string(unknown.text))
		for _, token := range []string{access, second.str(t, "access_token"), third.str(t, "access_token")} {
			p.works(t, token, false)
		}
		// Another login of the same user goes on.
		_, other := p.login(t, p.Email, p.Password)
		p.refresh(t, other).is(t, http.StatusOK)
	})
}

// S4.15: registration, logout, and the limits of logins and refreshes.
func TestS4_15(t *testing.T) {
	p := sharedPlatform(t)
	email, access, refresh := p.register(t)
	me := p.get(t, "/auth/me", access).is(t, http.StatusOK)
	assert.Equal(t, true, me.member(t, "full_access"))
	p.post(t, "/auth/register", "", object{"email": strings.ToUpper(email), "password": "correct horse"}).
		refuses(t, http.StatusConflict, "conflict")
	for _, password := range []any{"1234567", strings.Repeat("x", 1025), 12345678} {
		p.post(t, "/auth/register", "", object{"email": "other@example.com", "password": password}).
			refuses(t, http.StatusBadRequest, "invalid_request")
	}
	p.do(t, request{method: http.MethodPost, path: "/auth/logout", token: access}).is(t, http.StatusNoContent)
	p.works(t, access, false)
	p.refresh(t, refresh).refuses(t, http.StatusUnauthorized, "invalid_refresh_token")
	access, refresh = p.login(t, email, "correct horse")
	p.post(t, "/auth/logout", "", object{"refresh_token": refresh}).is(t, http.StatusNoContent)
	p.works(t, access, false)
	p.post(t, "/auth/logout", "", object{"refresh_token": "rt_unknown"}).is(t, http.StatusNoContent)
}

// S4.15: 10 logins a minute of an account from an address, and 30 refreshes of a
// login. No one locks out another.
func TestS4_15Limits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform(t)
		thief := p.at("203.0.113.7")
		for range 10 {
			thief.post(t, "/auth/login", "", object{"email": p.Email, "password": "wrong"}).is(t, http.StatusUnauthorized)
		}
		for _, password := range []string{"wrong", p.Password} {
			a := thief.post(t, "/auth/login", "", object{"email": p.Email, "password": password}).
				refuses(t, http.StatusTooManyRequests, "rate_limit_exceeded")
			assert.NotEmpty(t, a.Header.Get("Retry-After"))
		}
		_, refresh := p.login(t, p.Email, p.Password)
		for range 30 {
			refresh = p.refresh(t, refresh).is(t, http.StatusOK).str(t, "refresh_token")
		}
		p.refresh(t, refresh).refuses(t, http.StatusTooManyRequests, "rate_limit_exceeded")
		time.Sleep(2 * time.Second)
		p.refresh(t, refresh).is(t, http.StatusOK)
		time.Sleep(time.Minute)
		thief.login(t, p.Email, p.Password)
	})
}
