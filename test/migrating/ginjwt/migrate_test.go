package ginjwt_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/test/migrating/internal/sides"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	m.Run()
}

func newUsers(t *testing.T) userTable {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("correct horse"), bcrypt.MinCost)
	require.NoError(t, err)
	return userTable{
		"ann@acme.example": {ID: "7", Email: "ann@acme.example", Role: "admin", Version: "1", PasswordHash: hash},
		"bob@acme.example": {ID: "8", Email: "bob@acme.example", Role: "member", Version: "1", PasswordHash: hash},
	}
}

// signed returns a token with the claims.
func signed(t *testing.T, secret []byte, method jwt.SigningMethod, claims jwt.MapClaims) string {
	t.Helper()
	token, err := jwt.NewWithClaims(method, claims).SignedString(secret)
	require.NoError(t, err)
	return token
}

// claims returns those of gin-jwt after step 1, with others in place of some; a
// nil value removes one.
func claims(others jwt.MapClaims) jwt.MapClaims {
	all := namedPayload(&user{ID: "7", Role: "admin"})
	all["exp"] = time.Now().Add(time.Hour).Unix()
	all["orig_iat"] = time.Now().Unix()
	for name, value := range others {
		all[name] = value
		if value == nil {
			delete(all, name)
		}
	}
	return all
}

type grant struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"`
}

// login logs in, and returns the answer with its cookies.
func login(t *testing.T, app http.Handler, email string) (grant, []*http.Cookie) {
	t.Helper()
	w := sides.Serve(app, sides.Post("/login", `{"email":"`+email+`","password":"correct horse"}`))
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	var g grant
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &g))
	return g, w.Result().Cookies()
}

func TestAnswers(t *testing.T) {
	secret, users := make([]byte, 32), newUsers(t)
	_, _ = rand.Read(secret)
	old, err := before(users, secret, namedPayload)
	require.NoError(t, err)
	app, err := after(users, secret, issuer.NewSigningKey("HS256"))
	require.NoError(t, err)

	hs256 := func(others jwt.MapClaims) string { return signed(t, secret, jwt.SigningMethodHS256, claims(others)) }
	get := func(token string) *http.Request { return sides.Get("/v1/wallets", token) }
	post := func(token string) *http.Request {
		return sides.With(sides.Post("/v1/wallets", "{}"), "Authorization", "Bearer "+token)
	}
	cookie := func(cookie string) *http.Request { return sides.With(sides.Post("/refresh", ""), "Cookie", cookie) }
	oldGrant, _ := login(t, old, "ann@acme.example")
	spare, cookies := login(t, old, "ann@acme.example")
	newGrant, _ := login(t, app, "ann@acme.example")
	refresh := sides.Post("/refresh", `{"refresh_token":"`+newGrant.Refresh+`"}`)
	require.Equal(t, "refresh_token", cookies[1].Name)
	logouts := []*http.Request{
		sides.With(sides.Post("/logout", `{"refresh_token":"`+oldGrant.Refresh+`"}`), "Authorization", "Bearer "+oldGrant.Access),
		sides.With(sides.Post("/logout", ""), "Authorization", "Bearer "+newGrant.Access),
	}
	sides.Compare(t, "From gin-jwt", old, app, []sides.Row{
		{Name: "a token of gin-jwt, with `iss`, `aud`, `sub` (step 1)", Before: get(oldGrant.Access)},
		{Name: "a token of its own login", Before: get(oldGrant.Access), After: get(newGrant.Access)},
		{Name: "a token of gin-jwt from before step 1", Before: get(hs256(jwt.MapClaims{"iss": nil, "aud": nil, "sub": nil}))},
		{Name: "a token in the cookie `jwt`", Before: sides.With(get(""), "Cookie", "jwt="+oldGrant.Access)},
		{Name: "no credential", Before: get("")},
		{Name: "`bearer` in lower case", Before: sides.With(get(""), "Authorization", "bearer "+oldGrant.Access)},
		{Name: "an expired token", Before: get(hs256(jwt.MapClaims{"exp": time.Now().Add(-time.Minute).Unix()}))},
		{Name: "a token without `exp`", Before: get(hs256(jwt.MapClaims{"exp": nil}))},
		{Name: "a token that HS512 signed", Before: get(signed(t, secret, jwt.SigningMethodHS512, claims(nil)))},
		{Name: "a member writes", Before: post(hs256(jwt.MapClaims{"role": "member"}))},
		{Name: "a login with a wrong password", Before: sides.Post("/login", `{"email":"ann@acme.example","password":"wrong"}`)},
		{Name: "a login without an email", Before: sides.Post("/login", `{}`)},
		{Name: "a refresh by its token in the body", Before: sides.Post("/refresh", `{"refresh_token":"`+oldGrant.Refresh+`"}`), After: refresh},
		{Name: "a refresh token of gin-jwt: in its cookie, in the body", Before: cookie("refresh_token=" + spare.Refresh), After: sides.Post("/refresh", `{"refresh_token":"`+spare.Refresh+`"}`)},
		{Name: "a logout", Before: logouts[0], After: logouts[1]},
		{Name: "the access token after the logout", Before: get(oldGrant.Access), After: get(newGrant.Access)},
	})
}

// The rest of what the guide says.
func TestDifferences(t *testing.T) {
	users := newUsers(t)
	weak := []byte("sixteen bytes...")
	_, err := before(users, weak, payload)
	assert.NoError(t, err)
	_, err = after(users, weak, issuer.NewSigningKey("HS256"))
	assert.ErrorContains(t, err, "32")

	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	old, err := before(users, secret, payload)
	require.NoError(t, err)
	app, err := after(users, secret, issuer.NewSigningKey("HS256"))
	require.NoError(t, err)

	oldGrant, oldCookies := login(t, old, "ann@acme.example")
	newGrant, newCookies := login(t, app, "ann@acme.example")
	assert.Equal(t, [2]any{oldGrant.Type, oldGrant.Expires}, [2]any{newGrant.Type, newGrant.Expires}, "the same members")
	assert.NotEmpty(t, newGrant.Refresh)
	assert.Len(t, oldCookies, 2)
	assert.Empty(t, newCookies)

	body := func(app http.Handler, token string) string {
		return sides.Serve(app, sides.Get("/v1/wallets", token)).Body.String()
	}
	assert.Equal(t, "wallets of 7", body(old, oldGrant.Access))
	assert.Equal(t, "wallets of 7", body(app, newGrant.Access), "a user's ID is the owner")
	assert.Equal(t, "wallets of 7", body(app, signed(t, secret, jwt.SigningMethodHS256, claims(nil))))

	member := sides.With(sides.Post("/v1/wallets", "{}"), "Authorization", "Bearer "+signed(t, secret, jwt.SigningMethodHS256, claims(jwt.MapClaims{"role": "member"})))
	assert.Equal(t, `Bearer realm="gin jwt"`, sides.Serve(old, member).Header().Get("WWW-Authenticate"))
	assert.Contains(t, sides.Serve(app, member).Header().Get("WWW-Authenticate"), `error="insufficient_scope", scope="wallets:write"`)
}

// Who may do what changes at the next refresh, and not when the token expires.
func TestDemotion(t *testing.T) {
	secret, users := make([]byte, 32), newUsers(t)
	_, _ = rand.Read(secret)
	old, err := before(users, secret, payload)
	require.NoError(t, err)
	app, err := after(users, secret, issuer.NewSigningKey("HS256"))
	require.NoError(t, err)
	oldGrant, _ := login(t, old, "ann@acme.example")
	newGrant, _ := login(t, app, "ann@acme.example")
	delete(users, "ann@acme.example")
	refresh := func(g grant) *http.Request { return sides.Post("/refresh", `{"refresh_token":"`+g.Refresh+`"}`) }
	assert.Equal(t, http.StatusOK, sides.Serve(old, refresh(oldGrant)).Code, "gin-jwt keeps what the user was at the login")
	assert.Equal(t, http.StatusUnauthorized, sides.Serve(app, refresh(newGrant)).Code)
}
