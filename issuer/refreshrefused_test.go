package issuer_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/issuer"
)

func TestRefreshRefused(t *testing.T) { // S4.6, S4.9, S4.14: one body; what is made up ends nothing
	w := newLoginWorld(t)
	mine, other := w.alice().member("refresh_token"), w.alice().member("refresh_token")
	access := w.alice().member("access_token")
	text, _ := w.key()
	keySession := w.token(loginOf(text))
	const part = 26
	tests := []struct{ name, token string }{
		{"empty", ""},
		{"a word", "x"},
		{"an access token", access},
		{"an API key", text},
		{"unknown", "rt_" + strings.Repeat("a", 3*part)},
		{"made up with a real session", mine[:3+part] + strings.Repeat("a", 2*part)},
		{"the family of another", mine[:3+part] + other[3+part:]},
		{"a key's session", "rt_" + strings.TrimPrefix(sidOf(t, keySession), "se_") + mine[3+part:]},
		{"a letter more", mine + "a"},
		{"in upper case", strings.ToUpper(mine)},
		{"with a space", mine + " "},
		{"not ASCII", "é"},
	}
	w.told()
	var bodies []string
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := w.refresh(tt.token)
			assert.Equal(t, http.StatusUnauthorized, r.code)
			assert.Equal(t, `Bearer realm="api"`, r.header.Get("WWW-Authenticate"), "a bare challenge")
			assert.Equal(t, "no-store", r.header.Get("Cache-Control"))
			bodies = append(bodies, r.text)
			assert.Equal(t, bodies[0], r.text, "one body for all")
		})
	}
	assert.Empty(t, w.told())
	assert.Equal(t, http.StatusOK, w.refresh(mine).code)
	assert.Equal(t, http.StatusOK, w.refresh(other).code)
	assert.Equal(t, "ok", w.verdict(keySession))

	reused := mine[:3+2*part] + strings.Repeat("a", part) // the right family, a step that never was
	assert.Equal(t, bodies[0], w.refresh(reused).text)
	assert.Contains(t, typesOf(w.told()), "refresh.reused")
}

func TestRefreshBodies(t *testing.T) { // 4xx, and nothing is touched
	w := newLoginWorld(t)
	token := w.alice().member("refresh_token")
	tests := []struct {
		name, body string
		code       int
		param      string
	}{
		{"missing", `{}`, 400, "refresh_token"},
		{"null", `{"refresh_token":null}`, 400, "refresh_token"},
		{"a number", `{"refresh_token":1}`, 400, "refresh_token"},
		{"a list", `{"refresh_token":["` + token + `"]}`, 400, "refresh_token"},
		{"twice", `{"refresh_token":"` + token + `","refresh_token":"` + token + `"}`, 400, "refresh_token"},
		{"no JSON", token, 400, ""},
		{"two values", `{"refresh_token":"` + token + `"}{}`, 400, ""},
		{"too large", `{"refresh_token":"` + strings.Repeat("a", 64<<10) + `"}`, 413, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.store.Calls()
			r := w.do(http.MethodPost, "/auth/refresh", tt.body)
			assert.Equal(t, tt.code, r.code, r.text)
			assert.Equal(t, tt.param, r.member("param"))
			assert.Empty(t, r.header.Get("WWW-Authenticate"))
			assert.Empty(t, w.store.Calls())
		})
	}
	assert.Equal(t, http.StatusOK, w.refresh(token).code)
}

func TestRefreshOfChangedUser(t *testing.T) { // who was demoted or is gone loses the session
	outage := errors.New("connection refused")
	tests := []struct {
		name    string
		change  func(*loginWorld)
		restore func(*loginWorld) // nil: the session has ended
		code    int
	}{
		{"another version", func(w *loginWorld) { w.setAlice(func(u *issuer.User) { u.Version = "2" }) }, nil, 401},
		{"gone", func(w *loginWorld) { w.users.Remove("alice") }, nil, 401},
		{"out of order", func(w *loginWorld) { w.users.Fail(outage) }, func(w *loginWorld) { w.users.Fail(nil) }, 503},
		{
			"with malformed scopes",
			func(w *loginWorld) { w.setAlice(func(u *issuer.User) { u.Scopes = "a  b" }) },
			func(w *loginWorld) { w.setAlice(func(*issuer.User) {}) }, 503,
		},
	}
	for _, spent := range []bool{false, true} {
		for _, tt := range tests {
			name := tt.name
			if spent {
				name += ", with a spent token within the grace"
			}
			t.Run(name, func(t *testing.T) {
				w := newLoginWorld(t)
				login := w.alice()
				token := login.member("refresh_token")
				if spent {
					w.refresh(token)
				}
				tt.change(w)
				assert.Equal(t, tt.code, w.refresh(token).code)
				if tt.restore != nil {
					tt.restore(w)
					assert.Equal(t, http.StatusOK, w.refresh(token).code)
					assert.Equal(t, "ok", w.verdict(login.member("access_token")))
					return
				}
				assert.Equal(t, "token_revoked", w.verdict(login.member("access_token")))
				w.setAlice(func(*issuer.User) {})
				assert.Equal(t, http.StatusUnauthorized, w.refresh(token).code, "for good")
			})
		}
	}
}

func TestRefreshOfChangedUserWhoseSessionStays(t *testing.T) { // it could not be ended: 503, not 401
	w := newLoginWorld(t)
	token := w.alice().member("refresh_token")
	w.users.Remove("alice")
	w.store.Fail("ReplaceSession", errors.New("connection refused"))
	assert.Equal(t, http.StatusServiceUnavailable, w.refresh(token).code)
	w.store.Fail("ReplaceSession", nil)
	assert.Equal(t, http.StatusUnauthorized, w.refresh(token).code)
}

func TestRefreshIsChargedOnce(t *testing.T) { // however often it meets another
	w := newLoginWorld(t)
	token := w.alice().member("refresh_token")
	conflicts := 0
	w.store.Before("ReplaceSession", func(context.Context) error {
		conflicts++
		if conflicts%10 != 0 {
			return issuer.ErrConflict
		}
		return nil
	})
	for range 30 {
		r := w.refresh(token)
		require.Equal(t, http.StatusOK, r.code, r.text)
		token = r.member("refresh_token")
	}
}

func TestRefreshIsLimited(t *testing.T) { // S4.15: 30 a minute of a family
	synctest.Test(t, func(t *testing.T) {
		w := newLoginWorld(t)
		token, other := w.alice().member("refresh_token"), w.alice().member("refresh_token")
		madeUp := token[:3+26] + strings.Repeat("a", 52)
		for range 31 {
			require.Equal(t, http.StatusUnauthorized, w.refresh(madeUp).code, "takes nothing")
		}
		for range 30 {
			r := w.refresh(token)
			require.Equal(t, http.StatusOK, r.code, r.text)
			token = r.member("refresh_token")
		}
		r := w.refresh(token)
		assert.Equal(t, http.StatusTooManyRequests, r.code)
		assert.Equal(t, "rate_limit_exceeded", r.member("code"))
		assert.Equal(t, "2", r.header.Get("Retry-After"))
		assert.Equal(t, http.StatusOK, w.refresh(other).code, "another family has its own")
		time.Sleep(2 * time.Second)
		assert.Equal(t, http.StatusOK, w.refresh(token).code, "it was not spent")
	})
}

func TestRefreshThatNeverWins(t *testing.T) { // ten attempts, then 503
	for _, err := range []error{issuer.ErrConflict, issuer.ErrNotFound} {
		w := newLoginWorld(t)
		token := w.alice().member("refresh_token")
		w.store.Fail("ReplaceSession", err)
		w.store.Calls()
		assert.Equal(t, http.StatusServiceUnavailable, w.refresh(token).code)
		assert.Len(t, w.store.Calls(), 20, "a look and an attempt each")
		w.store.Fail("ReplaceSession", nil)
		assert.Equal(t, http.StatusOK, w.refresh(token).code)
	}
}

func TestRefreshOfBrokenStore(t *testing.T) { // 503, and the old state or the new one
	broken := errors.New("connection refused")
	tests := []struct {
		name, method   string
		isLost, reused bool
	}{
		{"read fails", "GetSession", false, false},
		{"read is lost", "GetSession", true, false},
		{"write fails", "ReplaceSession", false, false},
		{"write is lost", "ReplaceSession", true, false},
		{"the end of a reused one fails", "ReplaceSession", false, true},
		{"the end of a reused one is lost", "ReplaceSession", true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newLoginWorld(t)
				login := w.alice()
				token := login.member("refresh_token")
				if tt.reused {
					w.refresh(token)
					time.Sleep(time.Minute)
				}
				fault := w.store.Fail
				if tt.isLost {
					fault = w.store.Lose
				}
				fault(tt.method, broken)
				r := w.refresh(token)
				assert.Equal(t, http.StatusServiceUnavailable, r.code, r.text)
				assert.NotContains(t, r.text, broken.Error())
				fault(tt.method, nil)
				again := w.refresh(token)
				if tt.reused {
					assert.Equal(t, http.StatusUnauthorized, again.code)
					assert.Equal(t, "token_revoked", w.verdict(login.member("access_token")))
					return
				}
				require.Equal(t, http.StatusOK, again.code, again.text)
				assert.Equal(t, http.StatusOK, w.refresh(again.member("refresh_token")).code)
			})
		})
	}
}
