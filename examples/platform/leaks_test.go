//go:build unix

package main_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/blockauth/bearer/issuer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A key that is reported is revoked, with the tokens that were made from it. Of one
// that is rotated, only the secret that leaked ends.
func TestLeaks(t *testing.T) {
	p := sharedPlatform(t)
	admin := p.admin(t)
	key, id := p.key(t, admin, nil)
	token := p.session(t, key, "").is(t, http.StatusOK).str(t, "access_token")
	p.works(t, key, true)
	report := func(key string) string {
		return p.post(t, "/leaks", "", object{"key": key, "url": "https://paste.example/1", "source": "slack"}).
			is(t, http.StatusOK).str(t, "status")
	}
	assert.Equal(t, "revoked", report(key))
	p.works(t, key, false)
	p.works(t, token, false)
	assert.Equal(t, "leaked: report:slack", p.get(t, "/v1/api_keys/"+id, admin).str(t, "reason"))
	assert.Equal(t, "ended", report(key))
	assert.Equal(t, "unknown", report(key[:len(key)-1]))
	assert.Equal(t, "public", report(p.PublishableKey))
	p.works(t, p.PublishableKey, true)

	old, id := p.key(t, admin, nil)
	next := p.post(t, "/v1/api_keys/"+id+"/rotate", admin, nil).is(t, http.StatusOK).str(t, "key")
	assert.Equal(t, "revoked", report(old))
	p.works(t, old, false)
	p.works(t, next, true)

	forged := request{method: http.MethodPost, path: "/leaks/github", json: []object{{"token": next}}}
	p.do(t, forged).refuses(t, http.StatusBadRequest, "invalid_request")
	p.get(t, "/leaks", "").refuses(t, http.StatusMethodNotAllowed, "method_not_allowed")
	p.works(t, next, true)
}

// A flag is seen, and goes with the secret that leaked; of many reports at once one
// acts.
func TestLeaksAreFlagged(t *testing.T) {
	p := sharedPlatform(t)
	admin := p.admin(t)
	key, id := p.key(t, admin, nil)
	report := func(action issuer.LeakAction) issuer.LeakReport {
		found, err := p.issuer.ReportLeak(t.Context(), key, issuer.Leak{
			Decide: func(context.Context, issuer.APIKey) (issuer.LeakAction, error) { return action, nil },
		})
		assert.NoError(t, err)
		return found
	}
	flagged := report(issuer.FlagLeaked)
	assert.Equal(t, issuer.LeakFlagged, flagged.Status)
	p.works(t, key, true)
	path := "/v1/api_keys/" + id
	assert.Equal(t, flagged.Key.Reason, p.get(t, path, admin).str(t, "reason"))
	p.patch(t, path, admin, object{"name": "b"}).is(t, http.StatusOK)
	assert.Equal(t, flagged.Key.Reason, p.get(t, path, admin).str(t, "reason"))
	key = p.post(t, path+"/rotate", admin, object{"grace_period_seconds": 0}).is(t, http.StatusOK).str(t, "key")
	assert.Nil(t, p.get(t, path, admin).member(t, "reason"))

	var revoked atomic.Int32
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if report(issuer.RevokeLeaked).Status == issuer.LeakRevoked {
				revoked.Add(1)
			}
		})
	}
	all.Wait()
	assert.Equal(t, int32(1), revoked.Load())
	p.works(t, key, false)
}

// A message of GitHub's is taken by the program, if it is signed by a key that
// -github-keys names.
func TestLeaksOfGitHub(t *testing.T) {
	if isOverSQLite() {
		t.Skip("skipped: the program is in memory")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	require.NoError(t, err)
	set, err := json.Marshal(object{"public_keys": []object{{
		"key_identifier": "a", "key": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), "is_current": true,
	}}})
	require.NoError(t, err)
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) }))
	defer keys.Close()
	line, stop := start(t, "-json", "-addr", "127.0.0.1:0", "-github-keys", keys.URL)
	var made map[string]string
	require.NoError(t, json.Unmarshal([]byte(line), &made))

	body := `[{"token":"` + made["secret_key"] + `","type":"platform_key","url":"https://github.com/a/b","source":"commit"}]`
	digest := sha256.Sum256([]byte(body))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+made["addr"]+"/leaks/github", strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Github-Public-Key-Identifier", "a")
	r.Header.Set("Github-Public-Key-Signature", base64.StdEncoding.EncodeToString(signature))
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, answer.StatusCode)
	assert.Contains(t, string(text), `"label":"true_positive"`)

	login, err := http.Post("http://"+made["addr"]+"/auth/login", "application/json", strings.NewReader(`{"api_key":"`+made["secret_key"]+`"}`))
	require.NoError(t, err)
	require.NoError(t, login.Body.Close())
	assert.Equal(t, http.StatusUnauthorized, login.StatusCode)
	assert.NoError(t, stop())
}
