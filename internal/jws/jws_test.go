package jws_test

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/internal/jws"
)

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// The rows are the members of the payload. The names "a" and "b" stand for any.
func TestParseRefusesNamesThatStandTwice(t *testing.T) {
	for _, row := range []struct {
		name, payload string
		good          bool
	}{
		{"distinct names", `{"a":1,"b":{"a":2}}`, true},
		{"no members", `{}`, true},
		{"a name twice", `{"a":1,"a":2}`, false},
		{"a name twice, written in another way", `{"a":1,"\u0061":2}`, false},
		{"a name twice in an object of an object", `{"b":{"a":1,"a":2}}`, false},
		{"an object that is lost with its name", `{"a":{"b":1},"a":{"b":1,"c":2}}`, false},
		{"a name twice in an object of an array", `{"b":[{"a":1},{"a":1,"a":2}]}`, false},
		{"the same name in two objects", `{"b":[{"a":1},{"a":1}]}`, true},
		{"colons within strings", `{"a:b":"c:d"}`, true},
		{"a quote and a colon within a string", `{"a\":":"\":"}`, true},
		{"a backslash before the end of a string", `{"a\\":"\\"}`, true},
		{"no object", `["a"]`, false},
		{"null", `null`, false},
		{"two objects", `{}{}`, false},
		{"not UTF-8", "{\"a\":\"\xff\"}", false},
	} {
		text := encode(`{"alg":"HS256"}`) + "." + encode(row.payload) + "." + encode("signature")
		token, err := jws.Parse(text)
		assert.Equal(t, row.good, err == nil, "%s: %v", row.name, err)
		assert.Equal(t, row.good, token != nil, row.name)
	}
}

func TestVerify(t *testing.T) {
	secret, other := make([]byte, 32), make([]byte, 32)
	_, _ = rand.Read(secret)
	_, _ = rand.Read(other)
	text, err := jwt.New(jwt.SigningMethodHS256).SignedString(secret)
	require.NoError(t, err)
	set := func(keys ...jwt.VerificationKey) any { return jwt.VerificationKeySet{Keys: keys} }
	for _, row := range []struct {
		name   string
		answer any
		good   bool
	}{
		{"the secret", secret, true},
		{"another secret", other, false},
		{"a secret that is too short", secret[:31], false},
		{"the secret as a string", string(secret), false},
		{"the secret among others", set(other, secret), true},
		{"other secrets", set(other, other), false},
		{"no keys", set(), false},
		{"nil", nil, false},
	} {
		token, err := jws.Parse(text)
		require.NoError(t, err)
		require.NoError(t, jws.NewRules([]string{"HS256"}, []string{"JWT"}).Check(token))
		assert.Equal(t, row.good, token.Verify(row.answer) == nil, row.name)
		assert.Equal(t, row.good, token.VerifiedBy(row.answer), row.name)
		if row.good {
			token.KeepKey()
			assert.True(t, token.VerifiedBy(secret), row.name)
			assert.False(t, token.VerifiedBy(other), row.name)
		}
	}
}

func TestFamily(t *testing.T) {
	for alg, want := range map[string]string{
		"HS256": "HMAC", "RS512": "RSA", "PS256": "RSA", "ES384": "ECDSA", "EdDSA": "EdDSA", "Ed25519": "EdDSA",
		"none": "", "hs256": "", "": "",
	} {
		assert.Equal(t, want, jws.Family(alg), alg)
	}
}

// A typ header compares without case and without "application/".
func TestTypes(t *testing.T) {
	for _, row := range []struct {
		types, typ string
		good       bool
	}{
		{"JWT", "jwt", true},
		{"at+jwt", "application/AT+JWT", true},
		{"application/at+jwt", "at+jwt", true},
		{"JWT", "at+jwt", false},
		{"JWT", "application/", false},
	} {
		text := strings.Join([]string{encode(`{"alg":"HS256","typ":"` + row.typ + `"}`), encode("{}"), encode("s")}, ".")
		token, err := jws.Parse(text)
		require.NoError(t, err)
		err = jws.NewRules([]string{"HS256"}, []string{row.types}).Check(token)
		assert.Equal(t, row.good, err == nil, "%v: %v", row, err)
	}
}

// A lone half is lost by the decoder; a pair, and what only looks like a half, is
// not. Where a half stands in the header or in a name, the token is refused.
func TestHalfSurrogatePairs(t *testing.T) {
	for _, row := range []struct {
		text  string
		lossy bool
	}{
		{`abc`, false},
		{`\ud83d\ude00`, false},
		{`\uD83D\uDE00\n\u0041\uFFFD`, false},
		{`\\ud800`, false},
		{`\\\ud800`, true},
		{`\ud800`, true},
		{`\uDFFF`, true},
		{`a\udc00b`, true},
		{`\ud83dx\ude00`, true},
		{`\ud83d\u0041`, true},
		{`\ud83d\ud83d\ude00`, true},
		{`\ude00\ud83d`, true},
		{`\ud83d\ude00\ude00`, true},
		{`\ud83d\\ude00`, true},
		{`\"\ud800\"`, true},
	} {
		token, err := jws.Parse(encode(`{"alg":"HS256"}`) + "." + encode(`{"a":["`+row.text+`"]}`) + "." + encode("s"))
		if assert.NoError(t, err, row.text) {
			assert.Equal(t, row.lossy, token.Lossy, row.text)
		}
		for _, inner := range []string{`{"` + row.text + `":1}`, `{"a":[{"` + row.text + `":1}]}`} {
			_, err = jws.Parse(encode(`{"alg":"HS256"}`) + "." + encode(inner) + "." + encode("s"))
			assert.Equal(t, row.lossy, err != nil, inner)
		}
		_, err = jws.Parse(encode(`{"kid":"`+row.text+`"}`) + "." + encode(`{}`) + "." + encode("s"))
		assert.Equal(t, row.lossy, err != nil, row.text)
	}
}

// Both names of Ed25519 are accepted where one is configured, and nothing else.
func TestNamesOfEd25519(t *testing.T) {
	for _, configured := range []string{"EdDSA", "Ed25519"} {
		for alg, want := range map[string]bool{"EdDSA": true, "Ed25519": true, "Ed448": false, "ed25519": false, "ES256": false} {
			token, err := jws.Parse(encode(`{"alg":"`+alg+`"}`) + "." + encode("{}") + "." + encode("s"))
			require.NoError(t, err)
			err = jws.NewRules([]string{configured}, []string{""}).Check(token)
			assert.Equal(t, want, err == nil, "%s at %s", alg, configured)
			if want {
				assert.Equal(t, jwt.SigningMethodEdDSA, token.JWT.Method)
			}
		}
	}
}
