package main_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// S3.1: a key and a session_id become a token of two hours.
func TestS3_1(t *testing.T) {
	p := sharedPlatform(t)
	for _, body := range []object{
		{"api_key": p.SecretKey}, {"api_key": p.SecretKey, "session_id": nil},
		{"api_key": p.SecretKey, "session_id": "s3.1"}, {"api_key": p.SecretKey, "session_id": "s3.1b", "other": 1},
	} {
		a := p.post(t, "/auth/login", "", body).is(t, http.StatusOK)
		assert.Len(t, a.object(t), 3)
		assert.Equal(t, "Bearer", a.str(t, "token_type"))
		assert.InDelta(t, 7200, a.num(t, "expires_in"), 600, "another test may have opened the session")
		p.get(t, "/auth/me", a.str(t, "access_token")).is(t, http.StatusOK)
	}
	p.session(t, "sk_test_unknown", "").refuses(t, http.StatusUnauthorized, "unauthorized")
	for name, body := range map[string]object{
		"both forms": {"api_key": p.SecretKey, "email": p.Email, "password": p.Password},
		"a number":   {"api_key": 1}, "no members": {}, "no password": {"email": p.Email},
	} {
		t.Run(name, func(t *testing.T) {
			p.post(t, "/auth/login", "", body).refuses(t, http.StatusBadRequest, "invalid_request")
		})
	}
}

// S3.2: while the token is valid, login returns the same bytes, and what remains.
func TestS3_2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform(t)
		first := p.session(t, p.SecretKey, "one").is(t, http.StatusOK)
		defaults := p.session(t, p.SecretKey, "").is(t, http.StatusOK)
		assert.EqualValues(t, 7200, first.num(t, "expires_in"))
		time.Sleep(1000 * time.Second)
		again := p.session(t, p.SecretKey, "one").is(t, http.StatusOK)
		assert.Equal(t, first.str(t, "access_token"), again.str(t, "access_token"))
		assert.EqualValues(t, 6200, again.num(t, "expires_in"))
		assert.Equal(t, defaults.str(t, "access_token"), p.session(t, p.SecretKey, "").str(t, "access_token"))
		assert.NotEqual(t, defaults.str(t, "access_token"), again.str(t, "access_token"))
	})
}

// S3.3: another session_id has another token, and so has another key; all are good.
func TestS3_3(t *testing.T) {
	p := sharedPlatform(t)
	seen := map[string]bool{}
	for _, key := range []string{p.SecretKey, p.PublishableKey} {
		for _, id := range []string{"", "s3.3a", "s3.3b", "S3.3A", " s3.3a"} {
			token := p.session(t, key, id).is(t, http.StatusOK).str(t, "access_token")
			seen[token] = true
		}
	}
	assert.Len(t, seen, 10)
	for token := range seen {
		p.works(t, token, true)
	}
}

// S3.4: after it expired, a session has a fresh token.
func TestS3_4(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform(t)
		first := p.session(t, p.SecretKey, "one").str(t, "access_token")
		time.Sleep(2*time.Hour - time.Second)
		p.works(t, first, true)
		assert.Equal(t, first, p.session(t, p.SecretKey, "one").str(t, "access_token"))
		time.Sleep(time.Second)
		p.get(t, "/auth/me", first).refuses(t, http.StatusUnauthorized, "token_expired")
		fresh := p.session(t, p.SecretKey, "one").is(t, http.StatusOK)
		assert.NotEqual(t, first, fresh.str(t, "access_token"))
		assert.EqualValues(t, 7200, fresh.num(t, "expires_in"))
		p.works(t, fresh.str(t, "access_token"), true)
	})
}

// S3.4: 100 logins of one session at once yield one token, and those of 100
// sessions 100 tokens.
func TestS3_4Concurrently(t *testing.T) {
	p := sharedPlatform(t)
	for name, want := range map[string]int{"one session": 1, "100 sessions": 100} {
		t.Run(name, func(t *testing.T) {
			var (
				all   sync.WaitGroup
				mu    sync.Mutex
				token = map[string]bool{}
			)
			for n := range 100 {
				id := fmt.Sprintf("s3.4-%d-%d", want, n%want)
				all.Go(func() {
					a := p.session(t, p.SecretKey, id)
					if assert.Equal(t, http.StatusOK, a.StatusCode, "%s", a.text) {
						mu.Lock()
						defer mu.Unlock()
						token[a.str(t, "access_token")] = true
					}
				})
			}
			all.Wait()
			assert.Len(t, token, want)
		})
	}
}

// S3.5: one session is revoked, others go on, and its next login has a new token.
func TestS3_5(t *testing.T) {
	p := sharedPlatform(t)
	admin := p.admin(t)
	text, id := p.key(t, admin, nil)
	one, other := p.session(t, text, "one").str(t, "access_token"), p.session(t, text, "other").str(t, "access_token")
	sessionID := p.findSession(t, admin, "key:"+id, "one")
	assert.Equal(t, claims(t, one)["sid"], sessionID)
	_, stranger, _ := p.register(t)
	p.delete(t, "/auth/sessions/"+sessionID, stranger).refuses(t, http.StatusNotFound, "not_found")
	p.works(t, one, true)
	p.delete(t, "/auth/sessions/"+sessionID, admin).is(t, http.StatusNoContent)
	p.get(t, "/auth/me", one).refuses(t, http.StatusUnauthorized, "unauthorized")
	p.works(t, other, true)
	fresh := p.session(t, text, "one").is(t, http.StatusOK).str(t, "access_token")
	assert.NotEqual(t, one, fresh)
	p.works(t, fresh, true)

	// Logout ends the session of the token that asks.
	p.do(t, request{method: http.MethodPost, path: "/auth/logout", token: fresh}).is(t, http.StatusNoContent)
	p.works(t, fresh, false)
	p.works(t, other, true)
}

// findSession returns the ID of a session that the caller's list has, on whatever
// page.
func (p platformAPI) findSession(t *testing.T, token, subject, name string) string {
	t.Helper()
	for query := "?limit=100"; ; {
		page := p.get(t, "/auth/sessions"+query, token).is(t, http.StatusOK)
		for _, s := range page.list(t) {
			if s["subject"] == subject && s["name"] == name {
				return s["id"].(string)
			}
		}
		next, ok := page.member(t, "next_cursor").(string)
		require.True(t, ok, "no page has the session %q", name)
		query = "?limit=100&cursor=" + url.QueryEscape(next)
	}
}

// S3.6: the token has what the key has. It dies with the key, and does not outlive
// it.
func TestS3_6(t *testing.T) {
	p := sharedPlatform(t)
	admin := p.admin(t)
	text, id := p.key(t, admin, object{
		"type": "publishable", "environment": "live", "scopes": []string{"tokens:read", "wallets:read"},
	})
	token := p.session(t, text, "").is(t, http.StatusOK).str(t, "access_token")
	me := p.get(t, "/auth/me", token).is(t, http.StatusOK)
	assert.Equal(t, []any{"tokens:read", "wallets:read"}, me.member(t, "scopes"))
	assert.Equal(t, "live", me.member(t, "environment"))
	assert.Equal(t, true, me.member(t, "read_only"))
	assert.Equal(t, "key:"+id, me.member(t, "id"))
	p.patch(t, "/v1/api_keys/"+id, admin, object{"scopes": []string{"tokens:read"}}).is(t, http.StatusOK)
	assert.Equal(t, []any{"tokens:read"}, p.get(t, "/auth/me", token).member(t, "scopes"), "never more than the key may now")
	p.delete(t, "/v1/api_keys/"+id, admin).is(t, http.StatusOK)
	p.works(t, token, false)
	p.session(t, text, "").refuses(t, http.StatusUnauthorized, "unauthorized")

	soon := time.Now().Add(10 * time.Minute).UTC().Truncate(time.Second)
	text, _ = p.key(t, admin, object{"expires_at": soon.Format(time.RFC3339)})
	a := p.session(t, text, "").is(t, http.StatusOK)
	assert.InDelta(t, 600, a.num(t, "expires_in"), 5)
	assert.EqualValues(t, soon.Unix(), claims(t, a.str(t, "access_token"))["exp"])

	// A token of a key makes no other key.
	text, _ = p.key(t, admin, nil)
	p.newKey(t, p.session(t, text, "").str(t, "access_token"), nil).refuses(t, http.StatusForbidden, "forbidden")
}

// S3.7: a session_id has 1 to 256 bytes; a key has 1000 sessions.
func TestS3_7(t *testing.T) {
	p := sharedPlatform(t)
	for _, id := range []string{
		"0b5a1d3e-8f3a-4c64-9d0f-6f2f1c2b3a49", strings.Repeat("0f", 32), "x", strings.Repeat("x", 256), "ü/ %",
	} {
		p.session(t, p.SecretKey, id).is(t, http.StatusOK)
	}
	for _, id := range []any{"", strings.Repeat("x", 257), strings.Repeat("ü", 129), "a\x00b", 1, []string{"x"}} {
		a := p.post(t, "/auth/login", "", object{"api_key": p.SecretKey, "session_id": id}).
			refuses(t, http.StatusBadRequest, "invalid_request")
		assert.Contains(t, string(a.text), "session_id")
	}
	text, _ := p.key(t, p.admin(t), nil)
	for n := range 1000 {
		body := object{"api_key": text, "session_id": fmt.Sprint(n)}
		p.doOnly(t, request{method: http.MethodPost, path: "/auth/login", json: body}).is(t, http.StatusOK)
	}
	p.session(t, text, "one more").refuses(t, http.StatusConflict, "conflict")
	p.session(t, text, "999").is(t, http.StatusOK)
}
