package issuer_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each peer has to do what is measured: a comparison with one that does less
// would not be honest.
func TestTokenPeersDoTheWork(t *testing.T) {
	for _, peer := range tokenPeers {
		t.Run(peer.name, func(t *testing.T) {
			e := peer.open(t, 2)
			s := newSender(e.handler, tokenPath, formMedia)
			first := tokenOf(t, s, e.fields[0], tokenForm)
			assert.NoError(t, e.check(first))
			assert.Error(t, e.check(first+"x"))
			again := tokenOf(t, s, e.fields[0], tokenForm)
			assert.NoError(t, e.check(again))
			assert.NoError(t, e.check(tokenOf(t, s, e.fields[1], tokenForm)))
			for _, row := range []struct {
				name, field, body string
			}{
				{"a wrong secret", basicField(clientID(0), newSecret()), tokenForm},
				{"another's secret", basicField(clientID(1), newSecret()), tokenForm},
				{"an unknown client", basicField("nobody", newSecret()), tokenForm},
				{"another scope", e.fields[0], "grant_type=client_credentials&scope=write"},
				{"another grant", e.fields[0], "grant_type=magic&scope=" + scope},
			} {
				assert.GreaterOrEqual(t, s.send(row.field, row.body), 400, row.name)
			}
		})
	}
}

func TestLoginPeersDoTheWork(t *testing.T) {
	for _, peer := range loginPeers {
		t.Run(peer.name, func(t *testing.T) {
			p := peer.open(t)
			s := newSender(p.handler, p.loginPath, p.media)
			assert.GreaterOrEqual(t, s.send(p.field, p.login(email(0), newSecret())), 400, "a wrong password")
			first := tokenOf(t, s, p.field, p.login(email(0), password))
			assert.NoError(t, p.check(first))
			assert.Error(t, p.check(first+"x"))
			again := p.refresh(s)
			for range 3 {
				require.Equal(t, http.StatusOK, again(), "%s", s.answer.body)
				assert.NoError(t, p.check(accessToken(t, s)))
			}
		})
	}
}

func TestOneSession(t *testing.T) {
	h, body := oneSession(t)
	first := tokenOf(t, newSender(h, "/auth/login", jsonMedia), "", body)
	assert.Equal(t, first, tokenOf(t, newSender(h, "/auth/login", jsonMedia), "", body))
}

// tokenOf sends a request, and returns the access token of the answer.
func tokenOf(t *testing.T, s *sender, field, body string) string {
	t.Helper()
	require.Equal(t, http.StatusOK, s.send(field, body), "%s", s.answer.body)
	return accessToken(t, s)
}

// accessToken returns the access token of the last answer.
func accessToken(t *testing.T, s *sender) string {
	t.Helper()
	var got map[string]any
	require.NoError(t, json.Unmarshal(s.answer.body, &got))
	token, _ := got["access_token"].(string)
	if token == "" {
		token, _ = got["token"].(string)
	}
	require.NotEmpty(t, token)
	return token
}
