package issuer_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

func TestRefresh(t *testing.T) { // S4.6, S1.9
	w := newLoginWorld(t)
	before := w.alice()
	w.told()
	w.setAlice(func(u *issuer.User) { u.Scopes, u.Environment = "read", bearer.Test })
	after := w.refresh(before.member("refresh_token"))
	require.Equal(t, http.StatusOK, after.code, after.text)
	assert.Equal(t, 3600, after.expiresIn())
	assert.Equal(t, "Bearer", after.member("token_type"))
	assert.Len(t, after.members, 4)
	assert.Equal(t, "no-store", after.header.Get("Cache-Control"))
	assert.Regexp(t, "^rt_[a-z2-7]{78}$", after.member("refresh_token"))
	assert.NotEqual(t, before.member("refresh_token"), after.member("refresh_token"))
	assert.NotEqual(t, before.member("access_token"), after.member("access_token"))
	assert.Equal(t, "ok", w.verdict(before.member("access_token")), "it goes on until it expires")
	assert.Equal(t, "ok", w.verdict(after.member("access_token")))

	was, is := payload(t, before.member("access_token")), payload(t, after.member("access_token"))
	assert.Equal(t, was["sid"], is["sid"])
	assert.Equal(t, "user:alice", is["sub"])
	assert.Equal(t, "read", is["scope"], "as the user is now")
	assert.Equal(t, "test", is["env"])
	assert.Equal(t, []string{"refresh.rotated"}, typesOf(w.told()))
}

func TestRefreshWithoutUsers(t *testing.T) { // StartSession alone: the user is as at the login
	w := newLoginWorld(t, func(c *issuer.Config) { c.Users = nil })
	g, err := w.StartSession(t.Context(), issuer.User{ID: "bob", Scopes: "read"}, "")
	require.NoError(t, err)
	r := w.refresh(g.RefreshToken)
	require.Equal(t, http.StatusOK, r.code, r.text)
	c := payload(t, r.member("access_token"))
	assert.Equal(t, "read", c["scope"])
	assert.Equal(t, "bob", c["owner"])
}

func TestRefreshTokensExpire(t *testing.T) { // S4.6: exact to the second
	const day = 24 * time.Hour
	tests := []struct {
		name    string
		refresh []time.Duration // when it is refreshed, and that works
		last    time.Duration   // when the refresh token ends
	}{
		{"seven days", nil, 7 * day},
		{"seven days from the last refresh", []time.Duration{5 * day, 6 * day}, 13 * day},
		{"thirty days in all", []time.Duration{7*day - time.Second, 13 * day, 19 * day, 25 * day}, 30 * day},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newLoginWorld(t)
				start, token := time.Now(), w.alice().member("refresh_token")
				for _, at := range append(tt.refresh, tt.last-time.Second) {
					time.Sleep(time.Until(start.Add(at)))
					r := w.refresh(token)
					require.Equal(t, http.StatusOK, r.code, r.text)
					end := start.Add(30 * day)
					assert.False(t, time.Now().Add(time.Duration(r.expiresIn())*time.Second).After(end))
					if at != tt.last-time.Second {
						token = r.member("refresh_token")
					}
				}
			})
			synctest.Test(t, func(t *testing.T) {
				w := newLoginWorld(t)
				start, token := time.Now(), w.alice().member("refresh_token")
				for _, at := range tt.refresh {
					time.Sleep(time.Until(start.Add(at)))
					token = w.refresh(token).member("refresh_token")
				}
				time.Sleep(time.Until(start.Add(tt.last)))
				assert.Equal(t, http.StatusUnauthorized, w.refresh(token).code)
			})
		})
	}
}

func TestAccessTokensOfUsersExpire(t *testing.T) { // S4.5: one hour, exact to the second
	synctest.Test(t, func(t *testing.T) {
		w := newLoginWorld(t)
		token := w.alice().member("access_token")
		time.Sleep(time.Hour - time.Second)
		assert.Equal(t, "ok", w.verdict(token))
		time.Sleep(time.Second)
		assert.Equal(t, "token_expired", w.verdict(token))
	})
}

func TestConcurrentRefresh(t *testing.T) { // S4.14: one successor, which all get
	w := newLoginWorld(t)
	spent := w.alice().member("refresh_token")
	replicas := []*loginWorld{w, w.replica()}
	var (
		mu      sync.Mutex
		wait    sync.WaitGroup
		next    = map[string]bool{}
		access  = map[string]bool{}
		another string
	)
	for n := range 16 {
		wait.Go(func() {
			r := replicas[n%2].refresh(spent)
			assert.Equal(t, http.StatusOK, r.code, r.text)
			mu.Lock()
			defer mu.Unlock()
			another = r.member("refresh_token")
			next[another], access[r.member("access_token")] = true, true
		})
	}
	wait.Wait()
	require.Len(t, next, 1)
	assert.Len(t, access, 16)
	for token := range access {
		assert.Equal(t, "ok", w.verdict(token))
	}
	first := w.refresh(another)
	assert.Equal(t, http.StatusOK, first.code, "the first tab's next refresh works")
	second := w.refresh(another)
	assert.Equal(t, first.member("refresh_token"), second.member("refresh_token"), "and the second tab's")
	rotated := 0
	for _, e := range w.told() {
		if e.Type == "refresh.rotated" {
			rotated++
		}
	}
	assert.Equal(t, 2, rotated)
}

func TestRefreshReuse(t *testing.T) { // S4.14
	tests := []struct {
		name    string
		grace   time.Duration // of the config
		older   bool          // the spent step is not the last one
		after   time.Duration
		answers bool
	}{
		{"at once", 0, false, 0, true},
		{"just within the grace", 0, false, 10*time.Second - time.Microsecond, true},
		{"when the grace ends", 0, false, 10 * time.Second, false},
		{"just within a grace of one's own", time.Minute, false, time.Minute - time.Microsecond, true},
		{"when a grace of one's own ends", time.Minute, false, time.Minute, false},
		{"without a grace", -1, false, 0, false},
		{"older than the last, within the grace", 0, true, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newLoginWorld(t, func(c *issuer.Config) { c.Tokens.ReuseGrace = tt.grace })
				login := w.alice()
				spent := login.member("refresh_token")
				next := w.refresh(spent)
				if tt.older {
					next = w.refresh(next.member("refresh_token"))
				}
				assert.Equal(t, "ok", w.verdict(next.member("access_token")))
				time.Sleep(tt.after)
				w.told()
				r := w.refresh(spent)
				if tt.answers {
					require.Equal(t, http.StatusOK, r.code, r.text)
					assert.Equal(t, next.member("refresh_token"), r.member("refresh_token"))
					assert.Equal(t, 3600, r.expiresIn())
					assert.Empty(t, w.told())
					return
				}
				assert.Equal(t, http.StatusUnauthorized, r.code)
				assert.Equal(t, "invalid_refresh_token", r.member("code"))
				assert.Equal(t, []string{"session.ended", "refresh.reused"}, typesOf(w.told()))
				for _, token := range []reply{login, next} {
					assert.Equal(t, "token_revoked", w.verdict(token.member("access_token")), "at once")
					assert.Equal(t, http.StatusUnauthorized, w.refresh(token.member("refresh_token")).code)
				}
				assert.Equal(t, http.StatusOK, w.login(aliceLogin).code)
			})
		})
	}
}

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
