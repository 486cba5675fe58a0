package main_test

import (
	"maps"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// socialToken makes a token of the second API.
func (p platformAPI) socialToken(t *testing.T, user string, members object) answer {
	t.Helper()
	body := object{"name": "a token", "type": "secret"}
	maps.Copy(body, members)
	return p.post(t, "/s2/api_keys", user, body)
}

// says asserts the status and the two members of a refusal.
func (a answer) says(t *testing.T, wantStatus int) answer {
	t.Helper()
	a.is(t, wantStatus)
	body := a.object(t)
	assert.Len(t, body, 2, "%s", a.text)
	assert.Equal(t, false, body["status"])
	assert.NotEmpty(t, body["message"])
	return a
}

const invalidToken = `{"status":false,"message":"Access token has expired or is invalid."}`

// S2.1: a token has one permission or more; their names have no colon.
func TestS2_1(t *testing.T) {
	p := sharedPlatform(t)
	user := p.admin(t)
	a := p.socialToken(t, user, object{"scopes": []string{"social-read-posts", "social-create-post"}}).is(t, http.StatusCreated)
	assert.Equal(t, []any{"social-read-posts", "social-create-post"}, a.member(t, "scopes"))
	for name, members := range map[string]object{
		"none": nil, "null": {"scopes": nil}, "empty": {"scopes": []string{}}, "unknown": {"scopes": []string{"tokens:read"}},
	} {
		t.Run(name, func(t *testing.T) { p.socialToken(t, user, members).says(t, http.StatusBadRequest) })
	}
	// Whoever may not do it cannot hand it out.
	member, _ := p.login(t, p.MemberEmail, p.MemberPassword)
	p.socialToken(t, member, object{"scopes": []string{"social-read-posts"}}).says(t, http.StatusForbidden)
	p.socialToken(t, "", nil).says(t, http.StatusUnauthorized)
	p.socialToken(t, p.SecretKey, nil).says(t, http.StatusUnauthorized)
	session := p.session(t, p.SecretKey, "").str(t, "access_token")
	p.socialToken(t, session, object{"scopes": []string{"social-read-posts"}}).says(t, http.StatusForbidden)
}

// S2.2: a token works where it has the permission.
func TestS2_2(t *testing.T) {
	p := sharedPlatform(t)
	user := p.admin(t)
	reads := p.socialToken(t, user, object{"scopes": []string{"social-read-posts"}}).str(t, "key")
	writes := p.socialToken(t, user, object{"scopes": []string{"social-create-post"}}).str(t, "key")
	p.get(t, "/s2/posts", reads).is(t, http.StatusOK)
	p.post(t, "/s2/posts", reads, object{"text": "hello"}).says(t, http.StatusForbidden)
	p.get(t, "/s2/posts", writes).says(t, http.StatusForbidden)
	p.post(t, "/s2/posts", writes, object{"text": "hello"}).is(t, http.StatusCreated)
	// The two APIs have nothing in common.
	p.get(t, "/v1/tokens", reads).refuses(t, http.StatusUnauthorized, "unauthorized")
	p.get(t, "/s2/posts", p.SecretKey).says(t, http.StatusUnauthorized)
}

// S2.3: a token never expires, or at the instant that was said.
func TestS2_3(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform(t)
		user := p.admin(t)
		week := time.Now().Add(7 * 24 * time.Hour).UTC().Truncate(time.Second)
		scopes := []string{"social-read-posts"}
		forever := p.socialToken(t, user, object{"scopes": scopes}).str(t, "key")
		a := p.socialToken(t, user, object{"scopes": scopes, "expires_at": week.Format(time.RFC3339)}).is(t, http.StatusCreated)
		assert.Equal(t, week.Format(time.RFC3339), a.str(t, "expires_at"))
		text := a.str(t, "key")
		time.Sleep(time.Until(week) - time.Second)
		p.get(t, "/s2/posts", text).is(t, http.StatusOK)
		time.Sleep(time.Second)
		a = p.get(t, "/s2/posts", text).says(t, http.StatusForbidden)
		assert.JSONEq(t, invalidToken, string(a.text))
		p.get(t, "/s2/posts", forever).is(t, http.StatusOK)
	})
}

// S2.4: 100 requests a second of each token.
func TestS2_4(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform(t)
		user := p.admin(t)
		scopes := object{"scopes": []string{"social-read-posts"}}
		one, other := p.socialToken(t, user, scopes).str(t, "key"), p.socialToken(t, user, scopes).str(t, "key")
		for range 100 {
			p.get(t, "/s2/posts", one).is(t, http.StatusOK)
		}
		a := p.get(t, "/s2/posts", one).says(t, http.StatusTooManyRequests)
		assert.NotEmpty(t, a.Header.Get("Retry-After"))
		p.get(t, "/s2/posts", other).is(t, http.StatusOK)
		time.Sleep(10 * time.Millisecond)
		p.get(t, "/s2/posts", one).is(t, http.StatusOK)
		p.get(t, "/s2/posts", one).says(t, http.StatusTooManyRequests)
	})
}

// S2.5: an error has two members, whatever it is.
func TestS2_5(t *testing.T) {
	p := sharedPlatform(t)
	user := p.admin(t)
	key := p.socialToken(t, user, object{"scopes": []string{"social-read-posts"}})
	text, id := key.str(t, "key"), key.str(t, "id")
	p.get(t, "/s2/posts", "").says(t, http.StatusUnauthorized)
	for _, wrong := range []string{"x", text + "x", "sk_live_1"} {
		assert.JSONEq(t, invalidToken, string(p.get(t, "/s2/posts", wrong).says(t, http.StatusUnauthorized).text))
	}
	p.get(t, "/s2/posts", "a,b").says(t, http.StatusBadRequest)
	p.post(t, "/s2/api_keys", user, object{}).says(t, http.StatusBadRequest)
	p.get(t, "/s2/api_keys/ak_unknown", user).says(t, http.StatusNotFound)
	p.get(t, "/s2/unknown", user).says(t, http.StatusNotFound)
	a := p.delete(t, "/s2/posts", text).says(t, http.StatusMethodNotAllowed)
	assert.Equal(t, "GET, HEAD, POST", a.Header.Get("Allow"))
	p.do(t, request{
		method: http.MethodPost, path: "/s2/api_keys", token: user, json: object{"name": "x"},
		header: map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
	}).says(t, http.StatusForbidden)
	p.delete(t, "/s2/api_keys/"+id, user).is(t, http.StatusOK)
	assert.JSONEq(t, invalidToken, string(p.get(t, "/s2/posts", text).says(t, http.StatusUnauthorized).text))
	p.post(t, "/s2/api_keys/"+id+"/rotate", user, nil).says(t, http.StatusConflict)
	p.patch(t, "/s2/api_keys/"+id, user, object{"name": 1}).says(t, http.StatusBadRequest)
}
