package issuer_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

func TestPasswordLogin(t *testing.T) { // S4.5, S1.9
	w := newLoginWorld(t)
	r := w.login(aliceLogin, "User-Agent: Mozilla/5.0 (\x7fX11; é)")
	require.Equal(t, http.StatusOK, r.code, r.text)
	assert.Len(t, r.members, 4)
	assert.Equal(t, "Bearer", r.member("token_type"))
	assert.Equal(t, 3600, r.expiresIn())
	assert.Regexp(t, "^rt_[a-z2-7]{78}$", r.member("refresh_token"))
	assert.Equal(t, "no-store", r.header.Get("Cache-Control"))
	assert.Equal(t, "no-cache", r.header.Get("Pragma"))

	c := payload(t, r.member("access_token"))
	assert.Equal(t, "user:alice", c["sub"])
	assert.Equal(t, "acme", c["owner"])
	assert.Equal(t, "read write", c["scope"])
	assert.NotContains(t, c, "env")
	assert.Equal(t, "ok", w.verdict(r.member("access_token")))

	events := w.told()
	require.Equal(t, []string{"login.succeeded"}, typesOf(events))
	assert.Equal(t, "user:alice", events[0].Actor)
	assert.Equal(t, c["sid"], events[0].Target)
	assert.Equal(t, "192.0.2.1", events[0].IP.String())

	again := w.alice()
	assert.NotEqual(t, sidOf(t, r.member("access_token")), sidOf(t, again.member("access_token")), "a session each")
	s, err := w.store.GetSession(t.Context(), sidOf(t, r.member("access_token")))
	require.NoError(t, err)
	assert.Equal(t, "Mozilla/5.0 (X11; )", s.Label, "what is printable of it")
}

func TestPasswordLoginRefused(t *testing.T) { // S4.5, S4.9
	w := newLoginWorld(t)
	tests := []struct {
		name, body string
		code       int
		of         string // error.code
		param      string
	}{
		{"right", aliceLogin, 200, "", ""},
		{"another form of the email", strings.Replace(aliceLogin, "alice@example.com", " Alice@Example.COM ", 1), 200, "", ""},
		{"unknown members are ignored", `{"session_id":7,"x":null,` + aliceLogin[1:], 200, "", ""},
		{"a null key", `{"api_key":null,` + aliceLogin[1:], 200, "", ""},
		{"wrong password", `{"email":"alice@example.com","password":"wrong"}`, 401, "invalid_credentials", ""},
		{"unknown email", `{"email":"bob@example.com","password":"wrong"}`, 401, "invalid_credentials", ""},
		{"no email at all", `{"email":"","password":"wrong"}`, 401, "invalid_credentials", ""},
		{"an empty password", `{"email":"alice@example.com","password":""}`, 401, "invalid_credentials", ""},
		{"password missing", `{"email":"alice@example.com"}`, 400, "invalid_request", "password"},
		{"email missing", `{"password":"x"}`, 400, "invalid_request", "email"},
		{"a number for a password", `{"email":"alice@example.com","password":1}`, 400, "invalid_request", "password"},
		{"a list for an email", `{"email":["alice@example.com"],"password":"x"}`, 400, "invalid_request", "email"},
		{"nothing", `{}`, 400, "invalid_request", "api_key"},
	}
	bodies := map[string]bool{}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := w.login(tt.body)
			assert.Equal(t, tt.code, r.code, r.text)
			assert.Equal(t, tt.of, r.member("code"))
			assert.Equal(t, tt.param, r.member("param"))
			if r.code == http.StatusUnauthorized {
				bodies[r.text] = true
				assert.Equal(t, `Bearer realm="api"`, r.header.Get("WWW-Authenticate"))
			}
		})
	}
	assert.Len(t, bodies, 1, "the same bytes for unknown and wrong")
}

func TestPasswordLoginWithoutUsers(t *testing.T) {
	w := newLoginWorld(t, func(c *issuer.Config) { c.Users = nil })
	r := w.login(aliceLogin)
	assert.Equal(t, http.StatusBadRequest, r.code)
	assert.Equal(t, "email", r.member("param"))
}

// loginUsers answer each login as a function does.
type loginUsers func() (issuer.User, error)

func (f loginUsers) VerifyPassword(context.Context, string, string) (issuer.User, error) { return f() }
func (f loginUsers) FindUser(context.Context, string) (issuer.User, error)               { return f() }

func TestPasswordLoginByUsersOfAllKinds(t *testing.T) {
	busy := &bearer.Error{Code: bearer.CodeServiceUnavailable, RetryAfter: 7 * time.Second}
	alice := issuer.User{ID: "alice", Owner: "acme"}
	tests := []struct {
		name   string
		users  loginUsers
		code   int
		retry  string
		events []string
	}{
		{"good", func() (issuer.User, error) { return alice, nil }, 200, "", []string{"login.succeeded"}},
		{"wrong", func() (issuer.User, error) { return alice, issuer.ErrInvalidCredentials }, 401, "", []string{"login.failed"}},
		{"unknown", func() (issuer.User, error) { return issuer.User{}, issuer.ErrInvalidCredentials }, 401, "", []string{}},
		{"an outage", func() (issuer.User, error) { return alice, errors.New(alicePassword) }, 503, "1", []string{}},
		{"not found is no answer", func() (issuer.User, error) { return alice, issuer.ErrNotFound }, 503, "1", []string{}},
		{"busy", func() (issuer.User, error) { return alice, busy }, 503, "7", []string{}},
		{"a panic", func() (issuer.User, error) { panic(alicePassword) }, 503, "1", []string{}},
		{"no ID", func() (issuer.User, error) { return issuer.User{Owner: "acme"}, nil }, 503, "1", []string{}},
		{"malformed scopes", func() (issuer.User, error) { return issuer.User{ID: "a", Scopes: " "}, nil }, 503, "1", []string{}},
		{"an ID that cannot be stored", func() (issuer.User, error) { return issuer.User{ID: "\x00"}, nil }, 503, "1", []string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newLoginWorld(t, func(c *issuer.Config) { c.Users = tt.users })
			r := w.login(aliceLogin)
			assert.Equal(t, tt.code, r.code, r.text)
			assert.Equal(t, tt.retry, r.header.Get("Retry-After"))
			assert.NotContains(t, r.text, alicePassword)
			assert.Equal(t, tt.events, typesOf(w.told()))
		})
	}
}

func TestPasswordLoginByBusyUsers(t *testing.T) { // S4.12: users may say themselves that there is too much to do
	for code, want := range map[bearer.Code]int{
		bearer.CodeRateLimitExceeded: 429, bearer.CodeServiceUnavailable: 503, bearer.CodeForbidden: 503,
	} {
		w := newUserWorld(t, issuer.Config{Users: usersFunc(func(context.Context, string, string) (issuer.User, error) {
			return issuer.User{}, &bearer.Error{Code: code, RetryAfter: 9 * time.Second}
		})})
		assert.Equal(t, want, w.login(home, "ada@example.com", "correct horse").Code)
	}
}

func TestPasswordLoginOfBrokenStore(t *testing.T) {
	for _, isLost := range []bool{false, true} {
		w := newLoginWorld(t)
		fault := w.store.Fail
		if isLost {
			fault = w.store.Lose
		}
		fault("OpenSession", errors.New("connection refused"))
		assert.Equal(t, http.StatusServiceUnavailable, w.login(aliceLogin).code)
		assert.Empty(t, w.told())
		fault("OpenSession", nil)
		w.alice()
	}
}
