package issuer_test

import (
	"net/http"
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

func TestRefreshTokensThatEndFirst(t *testing.T) { // before the access token
	synctest.Test(t, func(t *testing.T) {
		w := newLoginWorld(t, func(c *issuer.Config) {
			c.Tokens.RefreshTTL, c.Tokens.RefreshFamilyTTL = time.Minute, 90*time.Second
		})
		login := w.alice()
		assert.Equal(t, 90, login.expiresIn(), "no longer than the family")
		time.Sleep(59 * time.Second)
		next := w.refresh(login.member("refresh_token"))
		assert.Equal(t, 31, next.expiresIn())
		other := w.alice()
		time.Sleep(time.Minute)
		assert.Equal(t, http.StatusUnauthorized, w.refresh(other.member("refresh_token")).code)
		assert.Equal(t, "ok", w.verdict(other.member("access_token")), "an expired one ends nothing")
	})
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

func TestRefreshWithoutUsersKeepsTheEnvironment(t *testing.T) {
	w := newLoginWorld(t, func(c *issuer.Config) { c.Users = nil })
	g, err := w.StartSession(t.Context(), issuer.User{ID: "bob", Environment: bearer.Live}, "")
	require.NoError(t, err)
	assert.Equal(t, "live", payload(t, w.refresh(g.RefreshToken).member("access_token"))["env"])
}

func TestSpentTokenWithinTheGrace(t *testing.T) { // S4.14: as the user is by then, and within what is stored
	synctest.Test(t, func(t *testing.T) {
		w := newLoginWorld(t, func(c *issuer.Config) { c.Tokens.RefreshTTL = time.Minute })
		spent := w.alice().member("refresh_token")
		first := w.refresh(spent)
		assert.Equal(t, 3600, first.expiresIn())
		w.setAlice(func(u *issuer.User) { u.Owner, u.Environment = "other", bearer.Live })
		time.Sleep(10*time.Second - 1)
		second := w.refresh(spent)
		require.Equal(t, http.StatusOK, second.code, second.text)
		assert.Equal(t, first.member("refresh_token"), second.member("refresh_token"))
		assert.Equal(t, 3591, second.expiresIn(), "no longer than the session")
		assert.Equal(t, "live", payload(t, second.member("access_token"))["env"])
		assert.Equal(t, "other", payload(t, second.member("access_token"))["owner"])
		time.Sleep(time.Nanosecond)
		assert.Equal(t, http.StatusUnauthorized, w.refresh(spent).code, "ten seconds later")
		assert.Equal(t, http.StatusUnauthorized, w.refresh(first.member("refresh_token")).code, "it was reused")
	})
}

func TestSpentTokenAtTheEndOfItsFamily(t *testing.T) { // nothing of it works, and that is no reuse
	synctest.Test(t, func(t *testing.T) {
		w := newLoginWorld(t, func(c *issuer.Config) {
			c.Tokens.RefreshFamilyTTL, c.Tokens.RefreshTTL, c.Tokens.LoginTTL = time.Minute, time.Minute, time.Minute
		})
		spent := w.alice().member("refresh_token")
		time.Sleep(59 * time.Second)
		require.Equal(t, http.StatusOK, w.refresh(spent).code)
		require.Equal(t, http.StatusOK, w.refresh(spent).code)
		w.told()
		time.Sleep(time.Second)
		assert.Equal(t, http.StatusUnauthorized, w.refresh(spent).code)
		assert.Empty(t, w.told())
	})
}
