package issuer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/issuertest"
)

// flag decides to flag.
func flag(context.Context, issuer.APIKey) (issuer.LeakAction, error) { return issuer.FlagLeaked, nil }

// leaked reports a text, and returns what was said of it.
func (w *keyWorld) leaked(text string, leak issuer.Leak) issuer.LeakReport {
	w.t.Helper()
	report, err := w.ReportLeak(w.t.Context(), text, leak)
	require.NoError(w.t, err)
	return report
}

// types returns the types of the events so far, and forgets them.
func (w *keyWorld) types() (types []string) {
	for _, e := range w.told() {
		types = append(types, e.Type)
	}
	return types
}

// TestReportLeak proves that a key whose text leaked is refused by the next
// request, and that all of it is told once.
func TestReportLeak(t *testing.T) {
	w := newKeyWorld(t)
	text, key := w.create("other")
	guard := w.guard()
	require.Empty(t, guard(text))

	report := w.leaked(text, issuer.Leak{Source: "github:commit", URL: "https://user:pass@github.example/a/b.txt?q=1#L12"})

	assert.Equal(t, "key_revoked", guard(text))
	assert.Equal(t, issuer.LeakRevoked, report.Status)
	assert.Equal(t, key.Secrets[0].ID, report.Secret)
	assert.Equal(t, w.stored(key), report.Key)
	assert.Equal(t, "leaked: github:commit", report.Key.Reason)
	told := w.told()
	require.Len(t, told, 2)
	assert.Equal(t, "key.leaked", told[0].Type)
	assert.Equal(t, []string{"operator", key.ID, "other"}, []string{told[0].Actor, told[0].Target, told[0].Owner})
	assert.Equal(t, map[string]string{
		"source": "github:commit", "url": "https://github.example/a/b.txt#L12", "secret": key.Secrets[0].ID, "action": "revoked",
	}, told[0].Detail)
	assert.Equal(t, "key.revoked", told[1].Type)
	assert.Equal(t, map[string]string{"reason": "leaked: github:commit"}, told[1].Detail)

	again := w.leaked(text, issuer.Leak{})
	assert.Equal(t, issuer.LeakEnded, again.Status)
	assert.Equal(t, report.Key, again.Key)
	assert.Empty(t, w.told())
}

// TestReportLeakStatus proves what is said of each text, and that only live secret
// keys are changed.
func TestReportLeakStatus(t *testing.T) {
	ctx := t.Context()
	tests := []struct {
		name string
		text func(w *keyWorld) string
		want issuer.LeakStatus
	}{
		{"live", func(w *keyWorld) string { text, _ := w.create("acme"); return text }, issuer.LeakRevoked},
		{"disabled", func(w *keyWorld) string {
			text, _ := w.create("acme", func(k *issuer.APIKey) { k.Disabled = true })
			return text
		}, issuer.LeakRevoked},
		{"with an expiry", func(w *keyWorld) string {
			text, _ := w.create("acme", func(k *issuer.APIKey) { k.ExpiresAt = time.Now().Add(time.Hour) })
			return text
		}, issuer.LeakRevoked},
		{"publishable", func(w *keyWorld) string {
			text, _ := w.create("acme", func(k *issuer.APIKey) { k.Kind = bearer.PublishableKey })
			return text
		}, issuer.LeakPublic},
		{"publishable and revoked", func(w *keyWorld) string {
			text, key := w.create("acme", func(k *issuer.APIKey) { k.Kind = bearer.PublishableKey })
			_, err := w.RevokeKey(ctx, w.by, key.ID, "")
			require.NoError(w.t, err)
			return text
		}, issuer.LeakPublic},
		{"revoked", func(w *keyWorld) string {
			text, key := w.create("acme")
			_, err := w.RevokeKey(ctx, w.by, key.ID, "")
			require.NoError(w.t, err)
			return text
		}, issuer.LeakEnded},
		{"rotated away", func(w *keyWorld) string {
			text, key := w.create("acme")
			_, _, err := w.RotateKey(ctx, w.by, key.ID, 0)
			require.NoError(w.t, err)
			return text
		}, issuer.LeakEnded},
		{"rotated away long ago", func(w *keyWorld) string {
			text, key := w.create("acme")
			for range 3 {
				_, _, err := w.RotateKey(ctx, w.by, key.ID, 0)
				require.NoError(w.t, err)
			}
			return text
		}, issuer.LeakEnded},
		{"expired", func(w *keyWorld) string {
			text, _ := w.create("acme", func(k *issuer.APIKey) { k.ExpiresAt = time.Now().Add(time.Millisecond) })
			time.Sleep(time.Millisecond)
			return text
		}, issuer.LeakEnded},
		{"never made", func(*keyWorld) string {
			text, _ := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
			return text
		}, issuer.LeakUnknown},
		{"a wrong checksum", func(w *keyWorld) string {
			text, _ := w.create("acme")
			last := text[len(text)-1]
			return text[:len(text)-1] + string(last^1)
		}, issuer.LeakUnknown},
		{"more behind it", func(w *keyWorld) string { text, _ := w.create("acme"); return text + "x" }, issuer.LeakUnknown},
		{"another case", func(w *keyWorld) string { text, _ := w.create("acme"); return strings.ToUpper(text) }, issuer.LeakUnknown},
		{"empty", func(*keyWorld) string { return "" }, issuer.LeakUnknown},
		{"NUL", func(*keyWorld) string { return "\x00" }, issuer.LeakUnknown},
		{"no UTF-8", func(*keyWorld) string { return "\xff" }, issuer.LeakUnknown},
		{"a megabyte", func(*keyWorld) string { return strings.Repeat("s", 1<<20) }, issuer.LeakUnknown},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newKeyWorld(t)
				text := test.text(w)
				w.told()
				before, _, err := w.ListKeys(ctx, w.by, issuer.KeyQuery{IncludeRevoked: true})
				require.NoError(t, err)

				report := w.leaked(text, issuer.Leak{})

				assert.Equal(t, test.want, report.Status)
				after, _, err := w.ListKeys(ctx, w.by, issuer.KeyQuery{IncludeRevoked: true})
				require.NoError(t, err)
				if test.want == issuer.LeakRevoked {
					assert.Len(t, w.told(), 2)
					return
				}
				assert.Equal(t, before, after)
				assert.Empty(t, w.told())
			})
		})
	}
}

// TestReportLeakFindsWhatGuardsAccept proves that keys with old peppers and of
// foreign forms are found.
func TestReportLeakFindsWhatGuardsAccept(t *testing.T) {
	pepper := func(c string) []byte { return []byte(strings.Repeat(c, 32)) }
	const foreign = "legacy-0123456789"
	tests := []struct {
		name       string
		made, used bearer.KeyFormat
		isForeign  bool
		want       issuer.LeakStatus
	}{
		{"the pepper", bearer.KeyFormat{Pepper: pepper("a")}, bearer.KeyFormat{Pepper: pepper("a")}, false, issuer.LeakRevoked},
		{"another pepper", bearer.KeyFormat{Pepper: pepper("a")}, bearer.KeyFormat{Pepper: pepper("b")}, false, issuer.LeakUnknown},
		{"an old pepper", bearer.KeyFormat{Pepper: pepper("a")}, bearer.KeyFormat{
			Pepper: pepper("b"), OldPeppers: [][]byte{pepper("c"), pepper("a")},
		}, false, issuer.LeakRevoked},
		{"no pepper before", bearer.KeyFormat{}, bearer.KeyFormat{Pepper: pepper("b"), OldPeppers: [][]byte{nil}}, false, issuer.LeakRevoked},
		{"a namespace", bearer.KeyFormat{Namespace: "acme"}, bearer.KeyFormat{Namespace: "acme"}, false, issuer.LeakRevoked},
		{"a foreign text", bearer.KeyFormat{}, bearer.KeyFormat{Foreign: true}, true, issuer.LeakRevoked},
		{"a foreign text where there are none", bearer.KeyFormat{}, bearer.KeyFormat{}, true, issuer.LeakUnknown},
		{"a foreign text with an old pepper", bearer.KeyFormat{Pepper: pepper("a")}, bearer.KeyFormat{
			Foreign: true, Pepper: pepper("b"), OldPeppers: [][]byte{pepper("a")},
		}, true, issuer.LeakRevoked},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			store := issuer.NewMemoryStore()
			before := newKeyWorld(t, func(c *issuer.Config) { c.Store, c.Format = store, test.made })
			text, _ := before.create("acme")
			if test.isForeign {
				text = foreign
				_, err := before.ImportKey(t.Context(), before.by, issuer.APIKey{Name: "a", Kind: bearer.SecretKey}, test.made.Hash(text))
				require.NoError(t, err)
			}
			w := newKeyWorld(t, func(c *issuer.Config) { c.Store, c.Format = store, test.used })
			guard := w.guard()
			isGood := guard(text) == ""
			assert.Equal(t, test.want, w.leaked(text, issuer.Leak{}).Status)
			assert.Equal(t, test.want == issuer.LeakRevoked, isGood, "as the guard says")
			assert.NotEmpty(t, guard(text))
		})
	}
}

// TestReportLeakOfOneOfTwo proves that of two live secrets only the one that leaked
// ends: an application that has the other goes on.
func TestReportLeakOfOneOfTwo(t *testing.T) {
	for _, isNew := range []bool{false, true} {
		t.Run(fmt.Sprintf("the new one: %t", isNew), func(t *testing.T) {
			w := newKeyWorld(t)
			old, key := w.create("acme")
			text, rotated, err := w.RotateKey(t.Context(), w.by, key.ID, time.Hour)
			require.NoError(t, err)
			w.told()
			found, kept, secret := old, text, rotated.Secrets[0].ID
			if isNew {
				found, kept, secret = text, old, rotated.Secrets[1].ID
			}
			guard := w.guard()
			guard(found)
			guard(kept)

			report := w.leaked(found, issuer.Leak{})

			assert.Equal(t, issuer.LeakSecretEnded, report.Status)
			assert.Equal(t, secret, report.Secret)
			assert.Equal(t, "key_revoked", guard(found))
			assert.Empty(t, guard(kept))
			assert.Empty(t, report.Key.Reason)
			assert.Equal(t, []string{"key.leaked", "key.secret_ended"}, w.types())
			assert.Equal(t, issuer.LeakEnded, w.leaked(found, issuer.Leak{}).Status)
			_, again, err := w.RotateKey(t.Context(), w.by, key.ID, 0)
			require.NoError(t, err, "the owner can rotate at once")
			assert.True(t, again.RevokedAt.IsZero())
			assert.Equal(t, "key_revoked", guard(found))
		})
	}
	t.Run("both", func(t *testing.T) {
		w := newKeyWorld(t)
		old, key := w.create("acme")
		text, _, err := w.RotateKey(t.Context(), w.by, key.ID, time.Hour)
		require.NoError(t, err)
		assert.Equal(t, issuer.LeakSecretEnded, w.leaked(text, issuer.Leak{}).Status)
		assert.Equal(t, issuer.LeakRevoked, w.leaked(old, issuer.Leak{}).Status)
		assert.False(t, w.stored(key).RevokedAt.IsZero())
	})
}

// TestFlagLeaked proves that a flag refuses nothing, is seen by the owner, and goes
// when the secret has ended, by whatever ends it.
func TestFlagLeaked(t *testing.T) {
	reason := func(w *keyWorld, id string) string { return w.call("GET", "/v1/api_keys/"+id, "").text("reason") }
	ends := []struct {
		name string
		end  func(w *keyWorld, id string)
		want string
	}{
		{"nothing", func(*keyWorld, string) {}, "leaked: report; secret "},
		{"an update", func(w *keyWorld, id string) { w.call("PATCH", "/v1/api_keys/"+id, `{"name":"b"}`) }, "leaked: report; secret "},
		{"a rotation at once", func(w *keyWorld, id string) {
			w.call("POST", "/v1/api_keys/"+id+"/rotate", `{"grace_period_seconds":0}`)
		}, ""},
		{"a rotation with grace", func(w *keyWorld, id string) {
			w.call("POST", "/v1/api_keys/"+id+"/rotate", `{"grace_period_seconds":60}`)
			assert.NotEmpty(w.t, reason(w, id), "the secret is good still")
			time.Sleep(time.Minute)
			w.call("PATCH", "/v1/api_keys/"+id, `{"name":"b"}`)
			time.Sleep(time.Second)
		}, ""},
		{"time", func(w *keyWorld, id string) {
			w.call("POST", "/v1/api_keys/"+id+"/rotate", `{"grace_period_seconds":60}`)
			time.Sleep(time.Minute)
		}, ""},
		{"its end before time", func(w *keyWorld, id string) {
			w.call("POST", "/v1/api_keys/"+id+"/rotate", "")
			key, err := w.GetKey(w.t.Context(), w.by, id)
			require.NoError(w.t, err)
			w.call("DELETE", "/v1/api_keys/"+id+"/secrets/"+key.Secrets[0].ID, "")
		}, ""},
		{"a revocation", func(w *keyWorld, id string) { w.call("DELETE", "/v1/api_keys/"+id, "") }, "leaked: report; secret "},
		{"a revocation with a reason", func(w *keyWorld, id string) { w.call("DELETE", "/v1/api_keys/"+id+"?reason=mine", "") }, "mine"},
	}
	for _, test := range ends {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newKeyWorld(t)
				text, key := w.create("acme")
				report := w.leaked(text, issuer.Leak{Decide: flag})
				require.Equal(t, issuer.LeakFlagged, report.Status)
				assert.Equal(t, "leaked: report; secret "+key.Secrets[0].ID, reason(w, key.ID))
				assert.Equal(t, []string{"key.leaked"}, w.types())
				assert.Empty(t, w.guard()(text))
				assert.Equal(t, issuer.LeakFlagged, w.leaked(text, issuer.Leak{Decide: flag}).Status)
				assert.Empty(t, w.told(), "a second report")

				test.end(w, key.ID)

				want := test.want
				if strings.HasSuffix(want, " ") {
					want += key.Secrets[0].ID
				}
				assert.Equal(t, want, reason(w, key.ID))
				listed, _, err := w.ListKeys(t.Context(), w.by, issuer.KeyQuery{IncludeRevoked: true})
				require.NoError(t, err)
				assert.Equal(t, want, listed[0].Reason)
			})
		})
	}
}

// Two secrets of a key can be flagged, and one of them ends.
func TestFlagBothSecrets(t *testing.T) {
	w := newKeyWorld(t)
	old, key := w.create("acme")
	text, key, err := w.RotateKey(t.Context(), w.by, key.ID, time.Hour)
	require.NoError(t, err)
	w.leaked(old, issuer.Leak{Decide: flag})
	both := w.leaked(text, issuer.Leak{Source: "slack", Decide: flag})
	assert.Equal(t, "leaked: slack; secret "+key.Secrets[0].ID+" "+key.Secrets[1].ID, both.Key.Reason)
	assert.LessOrEqual(t, len(both.Key.Reason), 255-64+len("slack"))
	_, err = w.EndSecret(t.Context(), w.by, key.ID, key.Secrets[0].ID)
	require.NoError(t, err)
	assert.NotEmpty(t, w.stored(key).Reason, "the new one is good still")

	revoked := w.leaked(text, issuer.Leak{Source: "again"})
	assert.Equal(t, issuer.LeakRevoked, revoked.Status, "what was flagged can be revoked")
	assert.Equal(t, "leaked: again", revoked.Key.Reason)
}

// A Reason that an application wrote into its store by itself is no flag.
func TestReasonsThatAreNoFlags(t *testing.T) {
	for _, reason := range []string{"suspicious", "leaked", "leaked: by Bob", "x; secret y", "leaked: x; secret "} {
		w := newKeyWorld(t)
		_, key := w.create("acme")
		key.Reason = reason
		require.NoError(t, w.store.ReplaceKey(t.Context(), key))
		read, err := w.GetKey(t.Context(), w.by, key.ID)
		require.NoError(t, err)
		assert.Equal(t, reason, read.Reason)
	}
}

// TestDecide proves that the application decides by key, and that what it cannot
// decide is left as it is.
func TestDecide(t *testing.T) {
	byEnvironment := func(_ context.Context, key issuer.APIKey) (issuer.LeakAction, error) {
		if key.Environment == bearer.Live {
			return issuer.RevokeLeaked, nil
		}
		return issuer.FlagLeaked, nil
	}
	w := newKeyWorld(t)
	live, _ := w.create("acme", func(k *issuer.APIKey) { k.Environment = bearer.Live })
	test, _ := w.create("acme")
	assert.Equal(t, issuer.LeakRevoked, w.leaked(live, issuer.Leak{Decide: byEnvironment}).Status)
	assert.Equal(t, issuer.LeakFlagged, w.leaked(test, issuer.Leak{Decide: byEnvironment}).Status)
	odd := func(context.Context, issuer.APIKey) (issuer.LeakAction, error) { return 77, nil }
	assert.Equal(t, issuer.LeakRevoked, w.leaked(test, issuer.Leak{Decide: odd}).Status)
	w.told()

	text, key := w.create("acme")
	for name, decide := range map[string]func(context.Context, issuer.APIKey) (issuer.LeakAction, error){
		"an error": func(context.Context, issuer.APIKey) (issuer.LeakAction, error) { return issuer.FlagLeaked, errBroken },
		"a panic":  func(context.Context, issuer.APIKey) (issuer.LeakAction, error) { panic("x") },
	} {
		_, err := w.ReportLeak(t.Context(), text, issuer.Leak{Decide: decide})
		assert.Equal(t, bearer.CodeServiceUnavailable, bearer.CodeOf(err), name)
		assert.Equal(t, key, w.stored(key), name)
	}
	changing := func(_ context.Context, key issuer.APIKey) (issuer.LeakAction, error) {
		key.Secrets[0].EndsAt = time.Now() // in its own copy
		return issuer.FlagLeaked, nil
	}
	w.leaked(text, issuer.Leak{Decide: changing})
	assert.True(t, w.stored(key).Secrets[0].EndsAt.IsZero())
}

// TestLeakSource proves the bounds of a source.
func TestLeakSource(t *testing.T) {
	w := newKeyWorld(t)
	text, _ := w.create("acme")
	for _, source := range []string{"A", "a b", "a\n", "é", "http://evil.example", strings.Repeat("a", 65), "\x00"} {
		_, err := w.ReportLeak(t.Context(), text, issuer.Leak{Source: source})
		var refusal *bearer.Error
		require.ErrorAs(t, err, &refusal, source)
		assert.Equal(t, "source", refusal.Param, source)
	}
	assert.Equal(t, issuer.LeakRevoked, w.leaked(text, issuer.Leak{Source: strings.Repeat("a", 64)}).Status)
}

// TestLeakURL proves that an event holds no text of a key, and nothing that could
// forge a line of a log or run in a page.
func TestLeakURL(t *testing.T) {
	w := newKeyWorld(t)
	long := strings.Repeat("a", 300)
	for _, test := range []struct{ name, url, want string }{
		{"none", "", ""},
		{"of a file", "https://github.com/a/b/blob/0a/c%20d.txt#L1", "https://github.com/a/b/blob/0a/c%20d.txt#L1"},
		{"http", " http://a.example/b ", "http://a.example/b"},
		{"a comment", "https://a.example/issues/1#issuecomment-12", "https://a.example/issues/1#issuecomment-12"},
		{"a user", "https://me:secret@a.example/", "https://a.example/"},
		{"a query", "https://a.example/b?token=c", "https://a.example/b"},
		{"an odd fragment", "https://a.example/b#a=b", "https://a.example/b"},
		{"the key", "https://a.example/KEY/b", "https://a.example/"},
		{"the key, escaped", "https://a.example/%73KEY", "https://a.example/"},
		{"the key in a query", "https://a.example/b?KEY", "https://a.example/b"},
		{"the key in a fragment", "https://a.example/b#KEY", "https://a.example/b"},
		{"the key as a host", "https://KEY/", ""},
		{"the key as a user", "https://KEY@a.example/", "https://a.example/"},
		{"a script", "javascript:alert(1)", ""},
		{"a file", "file:///etc/passwd", ""},
		{"no scheme", "//a.example/", ""},
		{"no host", "https:///b", ""},
		{"a line break", "https://a.example/a\nlevel=error", ""},
		{"an escaped line break", "https://a.example/a%0Ab", "https://a.example/a%0Ab"},
		{"a mark that turns text around", "https://a.example/\u202egpj", "https://a.example/%E2%80%AEgpj"},
		{"markup", `https://a.example/"><b>`, "https://a.example/%22%3E%3Cb%3E"},
		{"NUL", "https://a.example/\x00", ""},
		{"no UTF-8", "https://a.example/\xff", "https://a.example/%FF"},
		{"long", "https://a.example/" + strings.Repeat(long+"/", 4), "https://a.example/" + strings.Repeat(long+"/", 3)},
		{"very long", "https://a.example/" + strings.Repeat(long, 100), ""},
		{"long without an end", "https://a.example/" + strings.Repeat(long, 5), "https://a.example/"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text, _ := w.create("acme")
			place := strings.ReplaceAll(test.url, "%73KEY", "%73"+text[1:])
			w.leaked(text, issuer.Leak{URL: strings.ReplaceAll(place, "KEY", text)})
			told := w.told()
			require.NotEmpty(t, told)
			assert.Equal(t, test.want, told[0].Detail["url"])
			said, err := json.Marshal(told)
			require.NoError(t, err)
			assert.NotContains(t, string(said), text)
		})
	}
}

// TestReportLeakAtOnce proves that of a hundred reports at once one acts.
func TestReportLeakAtOnce(t *testing.T) {
	for _, decide := range []func(context.Context, issuer.APIKey) (issuer.LeakAction, error){nil, flag} {
		w := newKeyWorld(t)
		text, key := w.create("acme")
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				_, err := w.ReportLeak(t.Context(), text, issuer.Leak{Decide: decide})
				assert.NoError(t, err)
			})
		}
		all.Wait()
		types := w.types()
		assert.Equal(t, "key.leaked", types[0])
		assert.Len(t, slices.DeleteFunc(types, func(s string) bool { return s != "key.leaked" }), 1)
		assert.Equal(t, int64(2), w.stored(key).Version)
	}
}

// A rotation that comes between a report's reading and its writing is seen.
func TestReportLeakAgainstRotation(t *testing.T) {
	store := &issuertest.Faults{Store: issuer.NewMemoryStore()}
	w := newKeyWorld(t, func(c *issuer.Config) { c.Store = store })
	text, key := w.create("acme")
	var isRotated atomic.Bool
	store.Before("ReplaceKey", func(ctx context.Context) (err error) {
		if isRotated.CompareAndSwap(false, true) {
			_, _, err = w.RotateKey(ctx, w.by, key.ID, time.Hour)
		}
		return err
	})
	report := w.leaked(text, issuer.Leak{})
	assert.Equal(t, issuer.LeakSecretEnded, report.Status, "there are two now")
	assert.True(t, w.stored(key).RevokedAt.IsZero())
}

// TestReportLeakFaults proves that a store that fails is an outage, after which the
// report can be repeated; and that what was written is told, though the store's
// answer was lost.
func TestReportLeakFaults(t *testing.T) {
	for _, method := range []string{"KeyByHash", "GetKey", "ReplaceKey"} {
		t.Run(method, func(t *testing.T) {
			store := &issuertest.Faults{Store: issuer.NewMemoryStore()}
			w := newKeyWorld(t, func(c *issuer.Config) { c.Store = store })
			text, key := w.create("acme")
			store.Fail(method, errBroken)
			_, err := w.ReportLeak(t.Context(), text, issuer.Leak{})
			assert.Equal(t, bearer.CodeServiceUnavailable, bearer.CodeOf(err))
			require.ErrorIs(t, err, errBroken)
			store.Fail(method, nil)
			assert.Equal(t, key, w.stored(key))
			assert.Empty(t, w.told())
			assert.Equal(t, issuer.LeakRevoked, w.leaked(text, issuer.Leak{}).Status)
		})
	}
	for name, decide := range map[string]func(context.Context, issuer.APIKey) (issuer.LeakAction, error){"revoke": nil, "flag": flag} {
		t.Run("a lost answer: "+name, func(t *testing.T) {
			store := &issuertest.Faults{Store: issuer.NewMemoryStore()}
			w := newKeyWorld(t, func(c *issuer.Config) { c.Store = store })
			text, key := w.create("acme")
			store.Lose("ReplaceKey", errBroken)
			report := w.leaked(text, issuer.Leak{Decide: decide})
			store.After("ReplaceKey", nil)
			assert.Equal(t, w.stored(key), report.Key)
			assert.Contains(t, w.types(), "key.leaked")
		})
	}
	t.Run("a lost answer, and then none", func(t *testing.T) {
		store := &issuertest.Faults{Store: issuer.NewMemoryStore()}
		w := newKeyWorld(t, func(c *issuer.Config) { c.Store = store })
		text, _ := w.create("acme")
		store.FailAfter("KeyByHash", 1, errBroken)
		store.Lose("ReplaceKey", errBroken)
		_, err := w.ReportLeak(t.Context(), text, issuer.Leak{})
		assert.Equal(t, bearer.CodeServiceUnavailable, bearer.CodeOf(err))
	})
	t.Run("a context that has ended", func(t *testing.T) {
		store := &issuertest.Faults{Store: issuer.NewMemoryStore()}
		w := newKeyWorld(t, func(c *issuer.Config) { c.Store = store })
		text, _ := w.create("acme")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errBroken)
		_, err := w.ReportLeak(ctx, text, issuer.Leak{})
		assert.True(t, errors.Is(err, errBroken) && bearer.CodeOf(err) == bearer.CodeServiceUnavailable)
	})
}

// TestReportLeakEndsSessions proves that the tokens end that were made from a key.
func TestReportLeakEndsSessions(t *testing.T) {
	w := newClientWorld(t)
	text, _, err := w.CreateKey(t.Context(), w.by, issuer.APIKey{Name: "k", Kind: bearer.SecretKey, Scopes: "a"})
	require.NoError(t, err)
	token := w.keyLogin(text)
	me := func() int { return w.send(http.MethodGet, "/auth/me", "", "Authorization: Bearer "+token).Code }
	require.Equal(t, http.StatusOK, me())
	_, err = w.ReportLeak(t.Context(), text, issuer.Leak{})
	require.NoError(t, err)
	assert.Equal(t, http.StatusUnauthorized, me())
}

// The statuses have texts, also one that is none.
func TestLeakStatus(t *testing.T) {
	for status, want := range map[issuer.LeakStatus]string{
		issuer.LeakUnknown: "unknown", issuer.LeakPublic: "public", issuer.LeakEnded: "ended",
		issuer.LeakFlagged: "flagged", issuer.LeakRevoked: "revoked", issuer.LeakSecretEnded: "secret_ended", -1: "unknown", 99: "unknown",
	} {
		text, err := json.Marshal(status)
		require.NoError(t, err)
		assert.Equal(t, `"`+want+`"`, string(text))
	}
}
