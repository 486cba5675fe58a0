package issuer_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// TestUpdateKeyBody proves PATCH of S4.13: absent keeps, null clears, and what is
// not allowed changes nothing.
func TestUpdateKeyBody(t *testing.T) {
	end := time.Date(2000, 2, 1, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		name   string
		body   string
		want   func(*issuer.APIKey) // nil: nothing changes
		status int
		param  string
	}{
		{"nothing", `{}`, nil, 200, ""},
		{"what it has", `{"name":"a key","disabled":false,"scopes":["a","b"]}`, nil, 200, ""},
		{"name", `{"name":" other "}`, func(k *issuer.APIKey) { k.Name = "other" }, 200, ""},
		{"scopes", `{"scopes":["c"]}`, func(k *issuer.APIKey) { k.Scopes = "c" }, 200, ""},
		{"scopes: null", `{"scopes":null}`, func(k *issuer.APIKey) { k.Scopes = bearer.FullAccess }, 200, ""},
		{"allowed_ips", `{"allowed_ips":["192.0.2.1"]}`, func(k *issuer.APIKey) {
			k.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}
		}, 200, ""},
		{"allowed_ips: null", `{"allowed_ips":null}`, func(k *issuer.APIKey) { k.AllowedIPs = nil }, 200, ""},
		{"allowed_origins", `{"allowed_origins":["https://b.example"]}`, func(k *issuer.APIKey) {
			k.AllowedOrigins = []string{"https://b.example"}
		}, 200, ""},
		{"allowed_origins: null", `{"allowed_origins":null}`, func(k *issuer.APIKey) { k.AllowedOrigins = nil }, 200, ""},
		{"expires_at", `{"expires_at":"2000-01-02T00:00:00Z"}`, func(k *issuer.APIKey) {
			k.ExpiresAt = time.Date(2000, 1, 2, 0, 0, 0, 0, time.UTC)
		}, 200, ""},
		{"expires_at: null", `{"expires_at":null}`, func(k *issuer.APIKey) { k.ExpiresAt = time.Time{} }, 200, ""},
		{"metadata is replaced whole", `{"metadata":{"b":"2"}}`, func(k *issuer.APIKey) { k.Metadata = map[string]string{"b": "2"} }, 200, ""},
		{"metadata: null", `{"metadata":null}`, func(k *issuer.APIKey) { k.Metadata = nil }, 200, ""},
		{"disabled", `{"disabled":true}`, func(k *issuer.APIKey) { k.Disabled = true }, 200, ""},

		{"no body", ``, nil, 400, ""},
		{"array", `[]`, nil, 400, ""},
		{"name: null", `{"name":null}`, nil, 400, "name"},
		{"name: empty", `{"name":""}`, nil, 400, "name"},
		{"scopes: none", `{"scopes":[]}`, nil, 400, "scopes"},
		{"scopes: write, of a publishable key", `{"scopes":["a:write"]}`, nil, 400, "scopes"},
		{"allowed_ips: none", `{"allowed_ips":[]}`, nil, 400, "allowed_ips"},
		{"allowed_origins: none", `{"allowed_origins":[]}`, nil, 400, "allowed_origins"},
		{"expires_at: past", `{"expires_at":"1999-01-01T00:00:00Z"}`, nil, 400, "expires_at"},
		{"disabled: null", `{"disabled":null}`, nil, 400, "disabled"},
		{"disabled: string", `{"disabled":"true"}`, nil, 400, "disabled"},
		{"disabled: number", `{"disabled":1}`, nil, 400, "disabled"},
		{"one good, one bad", `{"name":"other","disabled":1}`, nil, 400, "disabled"},
		{"type", `{"type":"secret"}`, nil, 400, "type"},
		{"environment", `{"environment":"live"}`, nil, 400, "environment"},
		{"owner", `{"owner":"other"}`, nil, 400, "owner"},
		{"limit", `{"limit":null}`, nil, 400, "limit"},
		{"revoked_at", `{"revoked_at":null}`, nil, 400, "revoked_at"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newKeyWorld(t)
				text, before := w.create("acme", func(k *issuer.APIKey) {
					k.Kind, k.Scopes, k.Limit = bearer.PublishableKey, "a b", bearer.PerSecond(5)
					k.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
					k.AllowedOrigins = []string{"https://a.example"}
					k.Metadata, k.ExpiresAt = map[string]string{"a": "1"}, end
				})
				want := before
				if test.want != nil {
					test.want(&want)
					want.Version++
				}

				a := w.call("PATCH", "/v1/api_keys/"+before.ID, test.body)

				require.Equal(t, test.status, a.Status, a.Text)
				assert.Equal(t, test.param, a.param())
				assert.Equal(t, want, w.stored(before))
				assert.NotContains(t, a.Text, text)
				var types []string
				for _, e := range w.told() {
					types = append(types, e.Type)
				}
				if test.want == nil {
					assert.Empty(t, types)
					return
				}
				assert.Equal(t, []string{"key.updated"}, types)
				assert.Equal(t, a.Text, w.call("GET", "/v1/api_keys/"+before.ID, "").Text)
			})
		})
	}
}

// TestUpdateKeyIsSeen proves that this process sees a change at once (S1.8), and
// that a key can be enabled again.
func TestUpdateKeyIsSeen(t *testing.T) {
	w := newKeyWorld(t)
	text, key := w.create("acme")
	guard := w.guard()
	assert.Empty(t, guard(text))
	for range 2 {
		require.Equal(t, 200, w.call("PATCH", "/v1/api_keys/"+key.ID, `{"disabled":true}`).Status)
		assert.Equal(t, "key_revoked", guard(text))
		require.Equal(t, 200, w.call("PATCH", "/v1/api_keys/"+key.ID, `{"disabled":false}`).Status)
		assert.Empty(t, guard(text))
	}
	told := w.told()
	assert.Equal(t, map[string]string{"changed": "disabled"}, told[0].Detail)
}

// TestUpdateKeyAsks proves what a change asks of a caller who does not hold the
// key: "a b" of live, with what the rows say.
func TestUpdateKeyAsks(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2000, 1, 1+n, 0, 0, 0, 0, time.UTC) }
	networks := func(texts ...string) (list []netip.Prefix) {
		for _, text := range texts {
			list = append(list, netip.MustParsePrefix(text))
		}
		return list
	}
	free := func(k *issuer.APIKey) { k.ExpiresAt, k.AllowedIPs, k.AllowedOrigins = time.Time{}, nil, nil }
	tests := []struct {
		name   string
		before func(*issuer.APIKey) // nil: it expires on day 10, and has addresses and origins
		change func(*issuer.APIKey)
		free   bool // asks for nothing
	}{
		{"name", nil, func(k *issuer.APIKey) { k.Name = "other" }, true},
		{"metadata", nil, func(k *issuer.APIKey) { k.Metadata = map[string]string{"a": "b"} }, true},
		{"fewer scopes", nil, func(k *issuer.APIKey) { k.Scopes = "b" }, true},
		{"no scopes", nil, func(k *issuer.APIKey) { k.Scopes = "" }, true},
		{"the same scopes, in another order", nil, func(k *issuer.APIKey) { k.Scopes = "b a" }, true},
		{"disabling", nil, func(k *issuer.APIKey) { k.Disabled = true }, true},
		{"an earlier expiry", nil, func(k *issuer.APIKey) { k.ExpiresAt = day(5) }, true},
		{"an expiry", free, func(k *issuer.APIKey) { k.ExpiresAt = day(5) }, true},
		{"fewer addresses", nil, func(k *issuer.APIKey) { k.AllowedIPs = networks("192.0.2.0/25") }, true},
		{"addresses", free, func(k *issuer.APIKey) { k.AllowedIPs = networks("0.0.0.0/0") }, true},
		{"fewer origins", nil, func(k *issuer.APIKey) { k.AllowedOrigins = k.AllowedOrigins[:1] }, true},
		{"origins", free, func(k *issuer.APIKey) { k.AllowedOrigins = []string{"https://c.example"} }, true},

		{"a name while disabled", func(k *issuer.APIKey) { k.Disabled = true }, func(k *issuer.APIKey) { k.Name = "b" }, true},
		{"another scope", nil, func(k *issuer.APIKey) { k.Scopes = "a b c" }, false},
		{"all scopes", nil, func(k *issuer.APIKey) { k.Scopes = "*" }, false},
		{"enabling", func(k *issuer.APIKey) { k.Disabled = true }, func(k *issuer.APIKey) { k.Disabled = false }, false},
		{"a later expiry", nil, func(k *issuer.APIKey) { k.ExpiresAt = day(11) }, false},
		{"no expiry", nil, func(k *issuer.APIKey) { k.ExpiresAt = time.Time{} }, false},
		{"more addresses", nil, func(k *issuer.APIKey) { k.AllowedIPs = networks("192.0.2.0/24", "198.51.100.1/32") }, false},
		{"a wider network", nil, func(k *issuer.APIKey) { k.AllowedIPs = networks("192.0.2.0/23") }, false},
		{"any address", nil, func(k *issuer.APIKey) { k.AllowedIPs = nil }, false},
		{"more origins", nil, func(k *issuer.APIKey) { k.AllowedOrigins = append(k.AllowedOrigins, "https://c.example") }, false},
		{"any origin", nil, func(k *issuer.APIKey) { k.AllowedOrigins = nil }, false},
		{"fewer scopes, but no expiry", nil, func(k *issuer.APIKey) { k.Scopes, k.ExpiresAt = "b", time.Time{} }, false},
	}
	for _, test := range tests {
		for _, by := range []struct {
			name     string
			caller   issuer.Caller
			isHolder bool
			reason   string
		}{
			{"with all", issuer.Caller{Scopes: "*"}, true, ""},
			{"with the scopes", issuer.Caller{Scopes: "a b c", Environment: bearer.Live}, true, ""},
			{"without one", issuer.Caller{Scopes: "a c"}, false, "scope_insufficient"},
			{"without any", issuer.Caller{}, false, "scope_insufficient"},
		} {
			t.Run(test.name+" "+by.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newKeyWorld(t)
					_, key := w.create("acme", func(k *issuer.APIKey) {
						k.Kind, k.Environment, k.Scopes = bearer.PublishableKey, bearer.Live, "a b"
						k.ExpiresAt, k.AllowedIPs = day(10), networks("192.0.2.0/24")
						k.AllowedOrigins = []string{"https://a.example", "https://b.example"}
						if test.before != nil {
							test.before(k)
						}
					})
					by.caller.ID, by.caller.Owner = "u_1", "acme"
					_, err := w.UpdateKey(t.Context(), by.caller, key.ID, func(k *issuer.APIKey) error {
						test.change(k)
						return nil
					})
					// No one but the holder of all gives all.
					if test.free || by.isHolder && (test.name != "all scopes" || by.caller.Scopes == "*") {
						assert.NoError(t, err)
						return
					}
					assert.Equal(t, "scope_insufficient", keyReason(err))
					assert.Equal(t, key, w.stored(key))
				})
			})
		}
	}
}

// TestDeadKeys proves that a revoked or expired key stays so (S4.10, S4.11).
func TestDeadKeys(t *testing.T) {
	calls := []struct {
		name, method, path, body string
		revoked, expired         int
	}{
		{"GET", "GET", "", "", 200, 200},
		{"PATCH", "PATCH", "", `{"name":"other"}`, 409, 409},
		{"PATCH: expires_at", "PATCH", "", `{"expires_at":null}`, 409, 409},
		{"PATCH: disabled", "PATCH", "", `{"disabled":false}`, 409, 409},
		{"PATCH: nothing", "PATCH", "", `{}`, 409, 409},
		{"rotate", "POST", "/rotate", "", 409, 409},
		{"DELETE", "DELETE", "", "", 200, 200},
	}
	for _, call := range calls {
		t.Run(call.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newKeyWorld(t)
				_, revoked := w.create("acme")
				_, expired := w.create("acme", func(k *issuer.APIKey) { k.ExpiresAt = time.Now().Add(time.Hour) })
				revoked, err := w.RevokeKey(t.Context(), w.by, revoked.ID, "gone")
				require.NoError(t, err)
				time.Sleep(time.Hour - time.Microsecond)
				if call.method != "DELETE" && call.method != "POST" {
					assert.Equal(t, 200, w.call(call.method, "/v1/api_keys/"+expired.ID+call.path, call.body).Status, "a moment before")
				}
				expired = w.stored(expired)
				time.Sleep(time.Microsecond)

				a := w.call(call.method, "/v1/api_keys/"+revoked.ID+call.path, call.body)
				assert.Equal(t, call.revoked, a.Status, a.Text)
				if a.Status == http.StatusConflict {
					assert.Equal(t, "conflict", a.code())
				}
				assert.Equal(t, revoked, w.stored(revoked))
				if call.name == "PATCH: expires_at" {
					return // it was cleared in time
				}
				a = w.call(call.method, "/v1/api_keys/"+expired.ID+call.path, call.body)
				assert.Equal(t, call.expired, a.Status, a.Text)
				if call.method != "DELETE" {
					assert.Equal(t, expired, w.stored(expired))
				}
			})
		})
	}
}

// TestUpdateKeyFunc proves what UpdateKey makes of what a change does.
func TestUpdateKeyFunc(t *testing.T) {
	w := newKeyWorld(t)
	_, key := w.create("acme", func(k *issuer.APIKey) { k.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
	mine := errors.New("not today")

	for _, test := range []struct {
		name   string
		change func(*issuer.APIKey) error
		code   bearer.Code
	}{
		{"revokes", func(k *issuer.APIKey) error { k.RevokedAt = time.Now(); return nil }, bearer.CodeInvalidRequest},
		{"changes the owner", func(k *issuer.APIKey) error { k.Owner = "other"; return nil }, bearer.CodeInvalidRequest},
		{"changes the environment", func(k *issuer.APIKey) error { k.Environment = bearer.Live; return nil }, bearer.CodeInvalidRequest},
		{"changes the ID", func(k *issuer.APIKey) error { k.ID = "other"; return nil }, bearer.CodeInvalidRequest},
		{"changes a secret", func(k *issuer.APIKey) error { k.Secrets[0].EndsAt = time.Now(); return nil }, bearer.CodeInvalidRequest},
		{"changes the version", func(k *issuer.APIKey) error { k.Version++; return nil }, bearer.CodeInvalidRequest},
		{"changes an address in place", func(k *issuer.APIKey) error { k.AllowedIPs[0] = netip.Prefix{}; return nil }, bearer.CodeInvalidRequest},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := w.UpdateKey(t.Context(), w.by, key.ID, test.change)
			assert.Equal(t, test.code, bearer.CodeOf(err))
			assert.Equal(t, key, w.stored(key))
		})
	}
	for _, mine := range []error{mine, issuer.ErrConflict, fmt.Errorf("mine: %w", issuer.ErrNotFound)} {
		calls := 0
		_, err := w.UpdateKey(t.Context(), w.by, key.ID, func(k *issuer.APIKey) error {
			calls++
			k.Name = "other"
			return mine
		})
		assert.Equal(t, mine, err)
		assert.Equal(t, 1, calls)
		assert.Equal(t, key, w.stored(key))
	}

	t.Run("again, after another change", func(t *testing.T) {
		calls := 0
		got, err := w.UpdateKey(t.Context(), w.by, key.ID, func(k *issuer.APIKey) error {
			calls++
			if calls < 4 {
				other := w.stored(key)
				other.Name = strings.Repeat("x", calls)
				require.NoError(t, w.store.ReplaceKey(t.Context(), other))
			}
			k.Name += "!"
			return nil
		})
		require.NoError(t, err)
		assert.Equal(t, "xxx!", got.Name)
		assert.Equal(t, got, w.stored(key))
	})
	t.Run("ten times in vain", func(t *testing.T) {
		calls := 0
		_, err := w.UpdateKey(t.Context(), w.by, key.ID, func(k *issuer.APIKey) error {
			calls++
			require.NoError(t, w.store.ReplaceKey(t.Context(), w.stored(key)))
			k.Name += "?"
			return nil
		})
		assert.Equal(t, bearer.CodeServiceUnavailable, bearer.CodeOf(err))
		assert.ErrorIs(t, err, issuer.ErrConflict)
		assert.Equal(t, 10, calls)
	})
}

// TestUpdateKeyOfOldRules proves that rules that came later do not keep a key from
// being renamed, and that they hold for what changes.
func TestUpdateKeyOfOldRules(t *testing.T) {
	w := newKeyWorld(t)
	_, key := w.create("acme", func(k *issuer.APIKey) { k.Scopes = "old:read" })
	later := newKeyWorld(t, func(c *issuer.Config) {
		c.Store, c.Catalogue = w.store, []bearer.Scope{"new:read"}
		c.Rules = issuer.KeyRules{MustScope: true, MustExpire: true, MaxTTL: time.Hour}
	})
	for _, test := range []struct {
		body   string
		status int
		param  string
	}{
		{`{"name":"b"}`, 200, ""},
		{`{"scopes":["old:write"]}`, 400, "scopes"},
		{`{"scopes":["new:read"]}`, 200, ""},
		{`{"scopes":["old:read"]}`, 400, "scopes"},
		{`{"scopes":null}`, 400, "scopes"},
		{`{"expires_at":"2999-01-01T00:00:00Z"}`, 400, "expires_at"},
	} {
		a := later.call("PATCH", "/v1/api_keys/"+key.ID, test.body)
		assert.Equal(t, test.status, a.Status, test.body+a.Text)
		assert.Equal(t, test.param, a.param(), test.body)
	}
}
