package unkey_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/test/migrating/internal/sides"
)

// A fakeUnkey answers as the description of Unkey's HTTP API says.
type fakeUnkey struct {
	keys  map[string]map[string]any // by the SHA-256 of the text in base64
	spent map[string]string         // codes of refusals, by key ID
	calls int
}

// add adds a key with what differs from a good one, and returns its text.
func (f *fakeUnkey) add(id string, differs map[string]any) string {
	text := "acme_" + rand.Text()
	sum := sha256.Sum256([]byte(text))
	key := map[string]any{
		"keyId": id, "name": "a key", "enabled": true, "permissions": []string{"wallets.read"},
		"identity": map[string]string{"externalId": "acme"},
	}
	maps.Copy(key, differs)
	f.keys[base64.StdEncoding.EncodeToString(sum[:])] = key
	return text
}

func (f *fakeUnkey) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.calls++
	var body struct{ Key, Permissions string }
	_ = json.NewDecoder(r.Body).Decode(&body)
	sum := sha256.Sum256([]byte(body.Key))
	key := f.keys[base64.StdEncoding.EncodeToString(sum[:])]
	if r.URL.Path == "/v2/keys.whoami" {
		if key == nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": key})
		return
	}
	code := f.verify(key, body.Permissions)
	data := map[string]any{"valid": code == "VALID", "code": code}
	if key != nil {
		data["identity"], data["keyId"] = key["identity"], key["keyId"]
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
}

// verify returns the code that keys.verifyKey answers.
func (f *fakeUnkey) verify(key map[string]any, permission string) string {
	if key == nil {
		return "NOT_FOUND"
	}
	expires, _ := key["expires"].(int64)
	id, _ := key["keyId"].(string)
	permissions, _ := key["permissions"].([]string)
	switch {
	case key["enabled"] == false:
		return "DISABLED"
	case expires > 0 && time.Now().UnixMilli() >= expires:
		return "EXPIRED"
	case !slices.Contains(permissions, permission):
		return "INSUFFICIENT_PERMISSIONS"
	case f.spent[id] != "":
		return f.spent[id]
	}
	return "VALID"
}

func TestAnswers(t *testing.T) {
	fake := &fakeUnkey{keys: make(map[string]map[string]any), spent: map[string]string{"key_5": "USAGE_EXCEEDED", "key_6": "RATE_LIMITED"}}
	server := httptest.NewServer(fake)
	defer server.Close()
	u := unkey{server.Client(), server.URL, "root"}
	good := fake.add("key_1", nil)
	disabled := fake.add("key_2", map[string]any{"enabled": false})
	expires := time.Now().Add(time.Hour)
	expired := fake.add("key_3", map[string]any{"expires": time.Now().Add(-time.Hour).UnixMilli()})
	few := fake.add("key_4", map[string]any{"permissions": []string{}})
	spent := fake.add("key_5", nil)
	limited := fake.add("key_6", map[string]any{
		"ratelimits": []map[string]any{{"limit": 1, "duration": 60_000, "name": "requests", "autoApply": true}},
		"expires":    expires.UnixMilli(),
	})
	store := issuer.NewMemoryStore()
	app, err := after(store, u)
	require.NoError(t, err)
	old := before(u)
	get := func(key string) *http.Request { return sides.Get("/v1/wallets", key) }
	require.Equal(t, 200, sides.Serve(app, get(limited)).Code)
	sides.Compare(t, "From Unkey", old, app, []sides.Row{
		{Name: "a key, at its first use", Before: get(good)},
		{Name: "the same key again", Before: get(good)},
		{Name: "no key", Before: get("")},
		{Name: "an unknown key", Before: get("acme_" + rand.Text())},
		{Name: "a key that is disabled", Before: get(disabled)},
		{Name: "a key that has expired", Before: get(expired)},
		{Name: "a key without the permission", Before: get(few)},
		{Name: "a key over its rate limit", Before: get(limited)},
		{Name: "a key without credits left", Before: get(spent)},
	})

	calls := fake.calls
	assert.Equal(t, "wallets of acme", sides.Serve(old, get(good)).Body.String())
	assert.Equal(t, calls+1, fake.calls)
	for range 5 {
		assert.Equal(t, "wallets of acme", sides.Serve(app, get(good)).Body.String())
	}
	assert.Equal(t, calls+1, fake.calls, "a key that was imported needs no call")
	key, err := store.GetKey(t.Context(), "acme", "key_6")
	require.NoError(t, err)
	assert.Equal(t, expires.UnixMilli(), key.ExpiresAt.UnixMilli())

	unused := fake.add("key_7", nil)
	server.Close()
	assert.Equal(t, 503, sides.Serve(old, get(good)).Code)
	assert.Equal(t, 200, sides.Serve(app, get(good)).Code)
	assert.Equal(t, 503, sides.Serve(app, get(unused)).Code, "not imported yet")
}
