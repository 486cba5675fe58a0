package issuer_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
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

func TestKeyLogin(t *testing.T) { // S3.1, S3.6, S1.9
	w := newLoginWorld(t)
	text, key := w.key(func(k *issuer.APIKey) { k.Environment = bearer.Live })
	r := w.login(loginOf(text, "tab 1"))
	require.Equal(t, http.StatusOK, r.code, r.text)
	assert.Len(t, r.members, 3, "no refresh token")
	assert.Equal(t, "Bearer", r.member("token_type"))
	assert.Equal(t, 7200, r.expiresIn())
	assert.Equal(t, "no-store", r.header.Get("Cache-Control"))
	assert.Equal(t, "no-cache", r.header.Get("Pragma"))
	assert.Equal(t, "application/json", r.header.Get("Content-Type"))

	c := payload(t, r.member("access_token"))
	assert.Equal(t, "key:"+key.ID, c["sub"])
	assert.Equal(t, "acme", c["owner"])
	assert.Equal(t, "read write", c["scope"])
	assert.Equal(t, "live", c["env"])
	assert.NotContains(t, c, "read_only")
	assert.NotContains(t, c, "nbf")
	assert.InDelta(t, 7200, c["exp"].(float64)-c["iat"].(float64), 0)
	assert.Equal(t, "ok", w.verdict(r.member("access_token")))
	assert.Equal(t, []string{"key.created", "login.succeeded"}, typesOf(w.told()))
}

func TestKeyLoginAgain(t *testing.T) { // S3.2, S3.3, S3.4
	synctest.Test(t, func(t *testing.T) {
		w := newLoginWorld(t)
		one, _ := w.key()
		two, _ := w.key()
		first := w.login(loginOf(one, "a"))
		time.Sleep(10*time.Second + time.Millisecond)
		w.told()
		for _, replica := range []*loginWorld{w, w.replica()} {
			again := replica.login(loginOf(one, "a"))
			assert.Equal(t, first.member("access_token"), again.member("access_token"), "the same bytes")
			assert.Equal(t, 7190, again.expiresIn(), "what remains")
		}
		assert.Empty(t, w.told(), "nothing was issued")

		tokens := map[string]string{}
		for _, body := range []string{
			loginOf(one, "a"), loginOf(one, "b"), loginOf(two, "a"), loginOf(one), loginOf(two),
		} {
			token := w.token(body)
			assert.Empty(t, tokens[token], "another session has another token")
			tokens[token] = body
		}
		for token, body := range tokens {
			assert.Equal(t, "ok", w.verdict(token))
			assert.Equal(t, token, w.token(body))
		}
		null := strings.Replace(loginOf(one, "null"), `"null"`, "null", 1)
		assert.Equal(t, w.token(loginOf(one)), w.token(null), "null is absent")

		time.Sleep(7190*time.Second - 2*time.Millisecond)
		last := w.login(loginOf(one, "a"))
		assert.Equal(t, first.member("access_token"), last.member("access_token"))
		assert.Equal(t, 1, last.expiresIn())
		time.Sleep(time.Millisecond)
		fresh := w.login(loginOf(one, "a"))
		assert.NotEqual(t, first.member("access_token"), fresh.member("access_token"), "a fresh one after expiry")
		assert.Equal(t, 7200, fresh.expiresIn())
		assert.Equal(t, "token_expired", w.verdict(first.member("access_token")))
	})
}

func TestConcurrentKeyLogins(t *testing.T) { // S3.4
	tests := []struct {
		name    string
		session func(n int) string
		tokens  int
	}{
		{"of one session", func(int) string { return "s" }, 1},
		{"of 100 sessions", strconv.Itoa, 100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newLoginWorld(t)
			text, _ := w.key()
			assert.Len(t, w.loginsAtOnce(text, tt.session), tt.tokens)
		})
	}
}

// loginsAtOnce returns the tokens of 100 concurrent logins at two replicas.
func (w *loginWorld) loginsAtOnce(text string, session func(int) string) map[string]bool {
	var (
		mu       sync.Mutex
		wait     sync.WaitGroup
		tokens   = map[string]bool{}
		replicas = []*loginWorld{w, w.replica()}
	)
	for n := range 100 {
		wait.Go(func() {
			r := replicas[n%2].login(loginOf(text, session(n)))
			assert.Equal(w.t, http.StatusOK, r.code, r.text)
			mu.Lock()
			defer mu.Unlock()
			tokens[r.member("access_token")] = true
		})
	}
	wait.Wait()
	return tokens
}

// update changes a key.
func TestPublishableKeyLogin(t *testing.T) { // S4.2: logs in and out, and only reads
	w := newLoginWorld(t)
	text, _ := w.key(func(k *issuer.APIKey) { k.Kind, k.Scopes = bearer.PublishableKey, "read" })
	token := w.token(loginOf(text))
	assert.Equal(t, true, payload(t, token)["read_only"])
	me := w.do(http.MethodGet, "/auth/me", "", "Authorization: Bearer "+token)
	assert.Equal(t, true, me.members["read_only"], me.text)
	out := w.do(http.MethodPost, "/auth/logout", "", "Authorization: Bearer "+token)
	assert.Equal(t, http.StatusNoContent, out.code, out.text)
	assert.Equal(t, "token_revoked", w.verdict(token))
}

func TestKeyLoginRefused(t *testing.T) { // S3.1, S3.7, S4.9
	w := newLoginWorld(t)
	good, _ := w.key()
	addressed, _ := w.key(func(k *issuer.APIKey) {
		k.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	})
	page, _ := w.key(func(k *issuer.APIKey) {
		k.Kind, k.Scopes, k.AllowedOrigins = bearer.PublishableKey, "read", []string{"https://app.example"}
	})
	revoked, dead := w.key()
	_, err := w.RevokeKey(t.Context(), issuer.Operator("acme"), dead.ID, "")
	require.NoError(t, err)
	unknown, _ := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Test)
	long := strings.Repeat("s", 257)
	tests := []struct {
		name, body   string
		code         int
		reason, of   string // error.reason and error.param
		origin, from string
	}{
		{"good", loginOf(good), 200, "", "", "", ""},
		{"unknown members are ignored", `{"x":[{}],` + loginOf(good)[1:], 200, "", "", "", ""},
		{"unknown", loginOf(unknown), 401, "invalid_api_key", "", "", ""},
		{"mistyped", loginOf(good[:len(good)-1] + "~"), 401, "invalid_api_key", "", "", ""},
		{"a space before", loginOf(" " + good), 401, "invalid_api_key", "", "", ""},
		{"a line after", loginOf(good + "\n"), 401, "invalid_api_key", "", "", ""},
		{"not ASCII", loginOf("schlüssel"), 401, "invalid_api_key", "", "", ""},
		{"a scheme", loginOf("Bearer " + good), 401, "invalid_api_key", "", "", ""},
		{"a word", loginOf("secret"), 401, "invalid_api_key", "", "", ""},
		{"a JWT", loginOf(w.token(loginOf(good))), 401, "wrong_credential_type", "", "", ""},
		{"revoked", loginOf(revoked), 401, "key_revoked", "", "", ""},
		{"another address", loginOf(addressed), 403, "ip_not_allowed", "", "", ""},
		{"its address", loginOf(addressed), 200, "", "", "", "198.51.100.7"},
		{"another origin", loginOf(page), 403, "origin_not_allowed", "", "https://evil.example", ""},
		{"its origin", loginOf(page), 200, "", "", "https://app.example", ""},
		{"empty key", `{"api_key":""}`, 400, "invalid_request", "api_key", "", ""},
		{"too long a key", loginOf(strings.Repeat("a", 8<<10+1)), 400, "invalid_request", "api_key", "", ""},
		{"no key", `{}`, 400, "invalid_request", "api_key", "", ""},
		{"null key", `{"api_key":null}`, 400, "invalid_request", "api_key", "", ""},
		{"a number for a key", `{"api_key":1}`, 400, "invalid_request", "api_key", "", ""},
		{"both forms", `{"email":"a@b.example","password":"x",` + loginOf(good)[1:], 400, "invalid_request", "api_key", "", ""},
		{"a password beside", `{"password":"x",` + loginOf(good)[1:], 400, "invalid_request", "api_key", "", ""},
		{"empty session_id", loginOf(good, ""), 400, "invalid_request", "session_id", "", ""},
		{"session_id of 256 bytes", loginOf(good, long[1:]), 200, "", "", "", ""},
		{"session_id of 257 bytes", loginOf(good, long), 400, "invalid_request", "session_id", "", ""},
		{"session_id of two-byte letters", loginOf(good, strings.Repeat("é", 129)), 400, "invalid_request", "session_id", "", ""},
		{"session_id with NUL", `{"session_id":"\u0000",` + loginOf(good)[1:], 400, "invalid_request", "session_id", "", ""},
		{"session_id no string", `{"session_id":7,` + loginOf(good)[1:], 400, "invalid_request", "session_id", "", ""},
		{"session_id with half a pair", `{"session_id":"\ud800",` + loginOf(good)[1:], 400, "invalid_request", "session_id", "", ""},
		{"no JSON", `api_key=` + good, 400, "invalid_request", "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fields := []string{}
			if tt.origin != "" {
				fields = append(fields, "Origin: "+tt.origin)
			}
			if tt.from != "" {
				fields = append(fields, "From: "+tt.from)
			}
			r := w.login(tt.body, fields...)
			assert.Equal(t, tt.code, r.code, r.text)
			assert.Equal(t, tt.reason, r.member("reason"))
			assert.Equal(t, tt.of, r.member("param"))
			assert.Equal(t, tt.code == 401, r.header.Get("WWW-Authenticate") != "")
			assert.Equal(t, "no-store", r.header.Get("Cache-Control"))
		})
	}
}

func TestKeyLoginsAreBounded(t *testing.T) { // S3.7
	synctest.Test(t, func(t *testing.T) {
		w := newLoginWorld(t, func(c *issuer.Config) { c.Tokens.MaxSessions = 2 })
		text, _ := w.key()
		other, _ := w.key()
		one := w.token(loginOf(text, "1"))
		w.token(loginOf(text, "2"))
		full := w.login(loginOf(text, "3"))
		assert.Equal(t, http.StatusConflict, full.code)
		assert.Equal(t, "conflict", full.member("code"))
		assert.Equal(t, one, w.token(loginOf(text, "1")), "those that live go on")
		w.token(loginOf(other, "3"))
		time.Sleep(2 * time.Hour)
		w.token(loginOf(text, "3"))
	})
}

func TestKeyLoginFailuresAreLimited(t *testing.T) { // S3.1; SECURITY: failures only
	synctest.Test(t, func(t *testing.T) {
		w := newLoginWorld(t)
		good, _ := w.key()
		for n := range 100 {
			w.token(loginOf(good, strconv.Itoa(n)))
		}
		for n := range 100 {
			body := loginOf("wrong")
			if n%2 == 0 {
				body = loginOf("a word with spaces")
			}
			require.Equal(t, http.StatusUnauthorized, w.login(body).code)
		}
		r := w.login(loginOf(good))
		assert.Equal(t, http.StatusTooManyRequests, r.code)
		assert.NotEmpty(t, r.header.Get("Retry-After"))
		assert.Equal(t, http.StatusOK, w.login(loginOf(good), "From: 203.0.113.9").code, "from elsewhere")
		time.Sleep(time.Minute)
		w.token(loginOf(good))
	})
}

func TestKeyLoginKeepsTheRequest(t *testing.T) { // a handler around it does not see the key in a field
	w := newLoginWorld(t)
	text, _ := w.key()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/auth/login", strings.NewReader(loginOf(text)))
	r.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	w.routes.ServeHTTP(rec, r)
	require.Equal(t, http.StatusOK, rec.Code)
	assert.Equal(t, http.Header{"Content-Type": {"application/json"}}, r.Header)
}
