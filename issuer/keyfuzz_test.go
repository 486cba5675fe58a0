package issuer_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// FuzzCreateKey sends bodies. Each makes a key or is refused by a 4xx that leaves
// nothing. What was made reads as it would be written: to write it again is no
// change.
func FuzzCreateKey(f *testing.F) {
	for _, body := range []string{
		`{"name":"a","type":"secret"}`, `{"name":"a","type":"publishable","allowed_origins":["https://a.example:8443"]}`,
		`{"name":"a","type":"secret","scopes":["a","b:*","*"],"environment":"live"}`, `{"name":"a","type":"secret","scopes":[]}`,
		`{"name":" é ","type":"secret","allowed_ips":["10.0.0.0/8","::ffff:10.0.0.0/104","2001:db8::1"]}`,
		`{"name":"a","type":"secret","expires_at":"2999-01-31T12:00:00.1234567+01:00","metadata":{"a":"b"}}`,
		`{"name":"\u0000","type":"secret"}`, `{"name":"a","name":"b","type":"secret"}`, `[]`, ``, `{"metadata":{"a":{}}}`,
		`{"name":"a","type":"publishable","allowed_origins":["https://[::1]"],"scopes":["a:write"]}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		w := newKeyWorld(t)
		a := w.call("POST", "/v1/api_keys", body)
		list, err := w.store.ListKeys(t.Context(), issuer.KeyQuery{Owner: "acme"})
		require.NoError(t, err)
		if a.Status != http.StatusCreated {
			assert.GreaterOrEqual(t, a.Status, 400)
			assert.Less(t, a.Status, 500)
			assert.Empty(t, list)
			return
		}
		require.Len(t, list, 1)
		members := map[string]any{"name": a.JSON["name"]}
		for _, name := range []string{"scopes", "allowed_ips", "allowed_origins", "expires_at", "metadata", "disabled"} {
			members[name] = a.JSON[name]
			if empty, isList := a.JSON[name].([]any); isList && len(empty) == 0 {
				members[name] = nil
			}
		}
		again, err := json.Marshal(members)
		require.NoError(t, err)
		b := w.call("PATCH", "/v1/api_keys/"+a.text("id"), string(again))
		require.Equal(t, http.StatusOK, b.Status, b.Text)
		assert.Equal(t, list[0], w.stored(list[0]))
	})
}

// FuzzListKeys sends queries. Each finds a part of the caller's own keys or is
// refused.
func FuzzListKeys(f *testing.F) {
	for _, query := range []string{
		"limit=1", "cursor=AAAAAAAAAAAAAAAAYQ", "include_revoked=true&limit=100", "expires_before=2000-01-01T00:00:00Z",
		"unused_since=2000-01-01T00:00:00%2B01:00", "a", "%zz", ";", "limit=1&limit=1",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		if _, err := url.ParseRequestURI("/?" + query); err != nil || strings.ContainsFunc(query, func(c rune) bool { return c <= ' ' || c > '~' || c == '#' }) {
			return // no request has it
		}
		w := newKeyWorld(t)
		_, own := w.create("acme")
		w.create("other")
		a := w.call("GET", "/v1/api_keys?"+query, "")
		if a.Status != http.StatusOK {
			assert.Equal(t, http.StatusBadRequest, a.Status, a.Text)
			return
		}
		assert.Subset(t, []string{own.ID}, a.ids())
	})
}

// FuzzNeverMore compares what a caller may give with what it holds: if it was
// given, there is no scope that the key has and the caller has not.
func FuzzNeverMore(f *testing.F) {
	f.Add("a b:*", "b:c", "b:c:d")
	f.Add("*", "*", "a")
	f.Add("a:*", "a:b:*", "a:b:c")
	f.Add("a:", "a:*", "a:b")
	f.Fuzz(func(t *testing.T, holds, asks, scope string) {
		held, asked := bearer.Scopes(holds), bearer.Scopes(asks)
		if held.Validate() != nil || asked.Validate() != nil || asks == "" {
			return
		}
		w := newKeyWorld(t)
		by := issuer.Caller{ID: "u_1", Owner: "acme", Scopes: held}
		_, key, err := w.CreateKey(t.Context(), by, issuer.APIKey{Name: "a", Kind: bearer.SecretKey, Scopes: asked})
		if err == nil && key.Scopes.Contain(bearer.Scope(scope)) {
			assert.True(t, held.Contain(bearer.Scope(scope)))
		}
		if err == nil && asked.Contain(bearer.Scope(scope)) {
			assert.True(t, key.Scopes.Contain(bearer.Scope(scope)), "it has what it asked for")
		}
	})
}
