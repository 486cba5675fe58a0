package issuer

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func mintedToken() refreshToken {
	return refreshToken{session: mint(sessionPrefix), family: mint(""), step: mint("")}
}

func TestParseRefreshToken(t *testing.T) {
	text := mintedToken().String()
	tests := []struct {
		name, text string
		isToken    bool
	}{
		{"as made", text, true},
		{"empty", "", false},
		{"its prefix alone", "rt_", false},
		{"another prefix", "se_" + text[3:], false},
		{"no prefix", text[3:], false},
		{"upper case", strings.ToUpper(text), false},
		{"one in upper case", text[:10] + "A" + text[11:], false},
		{"too short", text[:len(text)-1], false},
		{"too long", text + "a", false},
		{"a digit that is not minted", text[:10] + "1" + text[11:], false},
		{"a space before", " " + text, false},
		{"a space after", text + " ", false},
		{"a space for a letter", text[:10] + " " + text[11:], false},
		{"two bytes of UTF-8", text[:10] + "é" + text[12:], false},
		{"invalid UTF-8", text[:10] + "\xff" + text[11:], false},
		{"NUL", text[:10] + "\x00" + text[11:], false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			token, isToken := parseRefreshToken(tt.text)
			assert.Equal(t, tt.isToken, isToken)
			if isToken {
				assert.Equal(t, tt.text, token.String())
			}
		})
	}
}

func TestSeal(t *testing.T) { // S4.14: a database alone gives no refresh token away
	token, next := mintedToken(), mintedToken()
	next.session = token.session
	sealed, err := seal(token.step, next)
	require.NoError(t, err)
	again, err := seal(token.step, next)
	require.NoError(t, err)
	assert.NotEqual(t, sealed, again, "the nonce is random")
	assert.NotContains(t, string(sealed), next.step)

	opened, err := unseal(token, sealed)
	require.NoError(t, err)
	assert.Equal(t, next, opened)

	otherStep, otherSession := token, token
	otherStep.step, otherSession.session = mint(""), mint(sessionPrefix)
	changed := append([]byte{}, sealed...)
	changed[len(changed)-1] ^= 1
	tests := []struct {
		name   string
		token  refreshToken
		sealed []byte
	}{
		{"another step", otherStep, sealed},
		{"another session", otherSession, sealed},
		{"changed", token, changed},
		{"cut", token, sealed[:8]},
		{"nothing", token, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := unseal(tt.token, tt.sealed)
			require.ErrorIs(t, err, errSealed)
			assert.NotContains(t, err.Error(), tt.token.step)
		})
	}
}

func FuzzParseRefreshToken(f *testing.F) {
	text := mintedToken().String()
	for _, seed := range []string{text, "", "rt_", text[1:], text + text, strings.ToUpper(text)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		token, isToken := parseRefreshToken(text)
		if !isToken {
			assert.Zero(t, token)
			return
		}
		assert.Equal(t, text, token.String(), "a token has one spelling")
		assert.True(t, isID(token.session))
	})
}
