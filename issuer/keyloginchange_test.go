package issuer_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/issuer"
)

func TestConcurrentKeyLoginsAfterChange(t *testing.T) { // S3.4: who loses gets the winner's bytes
	w := newLoginWorld(t)
	text, key := w.key()
	before := w.token(loginOf(text, "s"))
	w.update(key.ID, func(k *issuer.APIKey) { k.Scopes = "read" })
	tokens := w.loginsAtOnce(text, func(int) string { return "s" })
	assert.Len(t, tokens, 1)
	assert.NotContains(t, tokens, before)
}

func (w *loginWorld) update(id string, change func(*issuer.APIKey)) issuer.APIKey {
	w.t.Helper()
	key, err := w.UpdateKey(w.t.Context(), issuer.Operator("acme"), id, func(k *issuer.APIKey) error {
		change(k)
		return nil
	})
	require.NoError(w.t, err)
	return key
}

func TestRevokedKeySession(t *testing.T) { // S3.5
	w := newLoginWorld(t)
	text, _ := w.key()
	ended, other := w.token(loginOf(text, "a")), w.token(loginOf(text, "b"))
	assert.Equal(t, "ok", w.verdict(ended))
	require.NoError(t, w.EndSession(t.Context(), issuer.Operator("acme"), sidOf(t, ended)))
	assert.Equal(t, "token_revoked", w.verdict(ended))
	assert.Equal(t, "ok", w.verdict(other))
	assert.Equal(t, other, w.token(loginOf(text, "b")))
	fresh := w.token(loginOf(text, "a"))
	assert.NotEqual(t, ended, fresh)
	assert.Equal(t, "ok", w.verdict(fresh))
	assert.Equal(t, "token_revoked", w.verdict(ended))
}

func TestKeyLoginEndsWithTheKey(t *testing.T) { // S3.6
	synctest.Test(t, func(t *testing.T) {
		w := newLoginWorld(t)
		end := time.Now().Add(30*time.Second + 500*time.Millisecond)
		text, _ := w.key(func(k *issuer.APIKey) { k.ExpiresAt = end })
		r := w.login(loginOf(text))
		assert.Equal(t, 30, r.expiresIn())
		time.Sleep(30*time.Second - 1)
		assert.Equal(t, r.member("access_token"), w.token(loginOf(text)))
		time.Sleep(time.Nanosecond)
		last := w.login(loginOf(text)) // the key is good for half a second, which is no second
		assert.Equal(t, http.StatusForbidden, last.code)
		assert.Equal(t, "key_expired", last.member("code"))
		time.Sleep(time.Second)
		assert.Equal(t, "key_expired", w.login(loginOf(text)).member("code"))
	})
}

func TestKeyLoginEndsWithTheSecret(t *testing.T) { // S4.11, S3.6
	synctest.Test(t, func(t *testing.T) {
		w := newLoginWorld(t)
		old, key := w.key()
		before := w.token(loginOf(old, "s"))
		fresh, _, err := w.RotateKey(t.Context(), issuer.Operator("acme"), key.ID, time.Minute)
		require.NoError(t, err)
		r := w.login(loginOf(old, "s"))
		assert.Equal(t, 60, r.expiresIn(), "no longer than the secret")
		assert.Equal(t, sidOf(t, before), sidOf(t, r.member("access_token")))
		after := w.token(loginOf(fresh, "s"))
		assert.NotEqual(t, sidOf(t, before), sidOf(t, after), "each secret has its sessions")

		time.Sleep(time.Minute)
		assert.Equal(t, "key_revoked", w.login(loginOf(old, "s")).member("reason"))
		assert.NotEqual(t, "ok", w.verdict(before))
		assert.NotEqual(t, "ok", w.verdict(r.member("access_token")))
		assert.Equal(t, "ok", w.verdict(after))
		assert.Equal(t, after, w.token(loginOf(fresh, "s")))

		_, err = w.RevokeKey(t.Context(), issuer.Operator("acme"), key.ID, "leaked")
		require.NoError(t, err)
		assert.Equal(t, "key_revoked", w.login(loginOf(fresh, "s")).member("reason"))
		assert.NotEqual(t, "ok", w.verdict(after))
	})
}

func TestKeyLoginInTheLastSecond(t *testing.T) { // refused as the key will be a second later
	operator := issuer.Operator("acme")
	tests := []struct {
		name   string
		end    func(w *loginWorld, id string) error // half a second after a whole one
		reason string
	}{
		{"of the key", func(w *loginWorld, id string) error {
			w.update(id, func(k *issuer.APIKey) { k.ExpiresAt = time.Now().Add(2 * time.Second) })
			return nil
		}, "key_expired"},
		{"of the secret", func(w *loginWorld, id string) error {
			_, _, err := w.RotateKey(w.t.Context(), operator, id, 2*time.Second)
			return err
		}, "key_revoked"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newLoginWorld(t)
				text, key := w.key()
				time.Sleep(500 * time.Millisecond)
				require.NoError(t, tt.end(w, key.ID))
				time.Sleep(1499 * time.Millisecond)
				last := w.login(loginOf(text))
				assert.Equal(t, 1, last.expiresIn(), last.text)
				time.Sleep(time.Millisecond)
				assert.Equal(t, tt.reason, w.login(loginOf(text)).member("reason"), "half a second before")
				time.Sleep(500 * time.Millisecond)
				assert.Equal(t, tt.reason, w.login(loginOf(text)).member("reason"))
			})
		})
	}
}

func TestKeyLoginAfterChange(t *testing.T) { // S3.6: a token says no more than the key may
	tests := []struct {
		name   string
		change func(*issuer.APIKey)
		isSame bool
	}{
		{"nothing", func(*issuer.APIKey) {}, true},
		{"another name", func(k *issuer.APIKey) { k.Name = "n" }, true},
		{"more scopes", func(k *issuer.APIKey) { k.Scopes = "read write more" }, true},
		{"all scopes", func(k *issuer.APIKey) { k.Scopes = "*" }, true},
		{"other order", func(k *issuer.APIKey) { k.Scopes = "write read" }, true},
		{"fewer scopes", func(k *issuer.APIKey) { k.Scopes = "read" }, false},
		{"other scopes", func(k *issuer.APIKey) { k.Scopes = "read admin" }, false},
		{"a later end", func(k *issuer.APIKey) { k.ExpiresAt = time.Now().Add(3 * time.Hour) }, true},
		{"an earlier end", func(k *issuer.APIKey) { k.ExpiresAt = time.Now().Add(time.Hour) }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newLoginWorld(t)
			text, key := w.key()
			before := w.token(loginOf(text))
			key = w.update(key.ID, tt.change)
			after := w.token(loginOf(text))
			assert.Equal(t, tt.isSame, before == after)
			assert.Equal(t, sidOf(t, before), sidOf(t, after), "one session")
			assert.Equal(t, after, w.token(loginOf(text)), "and one token from then on")
			if !tt.isSame {
				assert.Equal(t, string(key.Scopes), payload(t, after)["scope"])
			}
			assert.Equal(t, "ok", w.verdict(after))
		})
	}
}

func TestKeyLoginAfterOtherSigningKeys(t *testing.T) { // S3.2
	for _, algorithm := range algorithms {
		t.Run(algorithm, func(t *testing.T) {
			old, next := issuer.NewSigningKey(algorithm), issuer.NewSigningKey(algorithm)
			w := newLoginWorld(t, func(c *issuer.Config) { c.Tokens.SigningKeys = []issuer.SigningKey{old} })
			text, _ := w.key()
			before := w.token(loginOf(text))
			require.NoError(t, w.SetSigningKeys(next, old))
			assert.Equal(t, before, w.token(loginOf(text)), "the same bytes after a key was put in front")
			require.NoError(t, w.SetSigningKeys(next))
			after := w.token(loginOf(text))
			assert.NotEqual(t, before, after)
			assert.Equal(t, sidOf(t, before), sidOf(t, after))
			assert.Equal(t, after, w.token(loginOf(text)))
			assert.Equal(t, "ok", w.verdict(after))
		})
	}
}

func TestKeyLoginOfBrokenStore(t *testing.T) { // 503, and the old state or the new one
	broken := errors.New("connection refused")
	tests := []struct {
		name, method string
		isLost       bool // the answer, not the call
		isChanged    bool // the key, so that its session needs another token
	}{
		{"look-up fails", "KeyByHash", false, false},
		{"look-up is lost", "KeyByHash", true, false},
		{"open fails", "OpenSession", false, false},
		{"open is lost", "OpenSession", true, false},
		{"replace fails", "ReplaceSession", false, true},
		{"replace is lost", "ReplaceSession", true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newLoginWorld(t)
			text, key := w.key()
			before := w.token(loginOf(text))
			if tt.isChanged {
				w.update(key.ID, func(k *issuer.APIKey) { k.Scopes = "read" })
			}
			fault := w.store.Fail
			if tt.isLost {
				fault = w.store.Lose
			}
			fault(tt.method, broken)
			r := w.login(loginOf(text))
			assert.Equal(t, http.StatusServiceUnavailable, r.code, r.text)
			assert.NotEmpty(t, r.header.Get("Retry-After"))
			assert.NotContains(t, r.text, broken.Error())
			fault(tt.method, nil)
			after := w.token(loginOf(text))
			assert.Equal(t, !tt.isChanged, before == after)
			assert.Equal(t, after, w.token(loginOf(text)))
			assert.Equal(t, "ok", w.verdict(after))
			assert.Equal(t, "ok", w.verdict(before), "bound by the key, not dead")
		})
	}
}

func TestKeyLoginStoreCalls(t *testing.T) { // the common case: one look-up, one session
	w := newLoginWorld(t)
	text, _ := w.key()
	w.token(loginOf(text))
	w.store.Calls()
	w.token(loginOf(text))
	assert.Equal(t, []string{"KeyByHash", "OpenSession"}, w.store.Calls())
}

func TestKeyLoginOfAnotherIssuer(t *testing.T) { // a token of other names is not handed out again
	for name, change := range map[string]func(*issuer.Tokens){
		"iss": func(c *issuer.Tokens) { c.Issuer = "https://other.example" },
		"aud": func(c *issuer.Tokens) { c.Audience = "other" },
	} {
		w := newLoginWorld(t)
		text, _ := w.key()
		before := w.token(loginOf(text))
		tokens := *w.config.Tokens
		change(&tokens)
		w.config.Tokens = &tokens
		renamed := w.replica()
		after := renamed.token(loginOf(text))
		assert.NotEqual(t, payload(t, before)[name], payload(t, after)[name])
		assert.Equal(t, "ok", renamed.verdict(after))
		assert.Equal(t, sidOf(t, before), sidOf(t, after))
	}
}

func TestRenewedKeySession(t *testing.T) { // what is stored is that of the new token
	synctest.Test(t, func(t *testing.T) {
		w := newLoginWorld(t)
		text, key := w.key()
		before := w.token(loginOf(text))
		time.Sleep(time.Minute)
		w.update(key.ID, func(k *issuer.APIKey) { k.ExpiresAt = time.Now().Add(time.Hour) })
		after := w.token(loginOf(text))
		require.NotEqual(t, before, after)
		s, err := w.store.GetSession(t.Context(), sidOf(t, after))
		require.NoError(t, err)
		assert.True(t, s.ExpiresAt.Equal(time.Now().Add(time.Hour)))
		assert.True(t, s.RefreshedAt.Equal(time.Now()))
	})
}
