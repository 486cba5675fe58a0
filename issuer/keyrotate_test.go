package issuer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// TestRotateKeyGrace proves the bounds of a grace for Go code.
func TestRotateKeyGrace(t *testing.T) {
	const longest = 7 * 24 * time.Hour
	for grace, want := range map[time.Duration]bearer.Code{
		-1: bearer.CodeInvalidRequest, 0: "", longest: "", longest + 1: bearer.CodeInvalidRequest,
	} {
		w := newKeyWorld(t)
		_, key := w.create("acme")
		_, _, err := w.RotateKey(t.Context(), w.by, key.ID, grace)
		assert.Equal(t, want, bearer.CodeOf(err), grace)
		assert.Equal(t, want != "", w.stored(key).Version == key.Version)
	}
}

// TestEndSecretOfRevokedKey proves that an old secret of a key that was revoked
// within its grace has ended: there is nothing to do.
func TestEndSecretOfRevokedKey(t *testing.T) {
	w := newKeyWorld(t)
	_, key := w.create("acme")
	_, _, err := w.RotateKey(t.Context(), w.by, key.ID, time.Hour)
	require.NoError(t, err)
	revoked, err := w.RevokeKey(t.Context(), w.by, key.ID, "")
	require.NoError(t, err)
	w.told()
	a := w.call("DELETE", "/v1/api_keys/"+key.ID+"/secrets/"+key.Secrets[0].ID, "")
	assert.Equal(t, http.StatusNoContent, a.Status, a.Text)
	assert.Equal(t, revoked, w.stored(key))
	assert.Empty(t, w.told())
}

// TestRotateKey proves S4.11: the policy stays, a new text is shown once, and the
// old one works for the grace period, to the instant, behind the cache too.
func TestRotateKey(t *testing.T) {
	const day = 24 * time.Hour
	tests := []struct {
		name  string
		body  string
		life  time.Duration // of the key; 0: for ever
		grace time.Duration
	}{
		{"no body: 24 hours", ``, 0, day},
		{"empty body: 24 hours", `{}`, 0, day},
		{"null: 24 hours", `{"grace_period_seconds":null}`, 0, day},
		{"an hour", `{"grace_period_seconds":3600}`, 0, time.Hour},
		{"7 days", `{"grace_period_seconds":604800}`, 0, 7 * day},
		{"0: at once", `{"grace_period_seconds":0}`, 0, 0},
		{"never beyond the key's end", `{"grace_period_seconds":3600}`, time.Minute, time.Minute},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newKeyWorld(t)
				old, before := w.create("acme", func(k *issuer.APIKey) {
					k.Scopes, k.Limit, k.Metadata = "a b", bearer.PerSecond(5), map[string]string{"a": "b"}
					if test.life > 0 {
						k.ExpiresAt = time.Now().Add(test.life)
					}
				})
				guard := w.guard()
				assert.Empty(t, guard(old)) // it is remembered
				now := time.Now().UTC()

				a := w.call("POST", "/v1/api_keys/"+before.ID+"/rotate", test.body)

				require.Equal(t, http.StatusOK, a.Status, a.Text)
				fresh := a.text("key")
				assert.NotEqual(t, old, fresh)
				after := w.stored(before)
				want := before
				want.Version, want.Secrets = 2, []issuer.Secret{before.Secrets[0], {
					ID: after.Secrets[1].ID, Hash: bearer.KeyFormat{}.Hash(fresh), Hint: bearer.KeyFormat{}.Hint(fresh), CreatedAt: now,
				}}
				want.Secrets[0].EndsAt = now.Add(test.grace)
				assert.Equal(t, want, after)
				assert.Equal(t, bearer.KeyFormat{}.Hint(fresh), a.text("hint"))
				assert.NotContains(t, w.call("GET", "/v1/api_keys/"+before.ID, "").Text, fresh)
				told := w.told()
				require.Len(t, told, 1)
				assert.Equal(t, "key.rotated", told[0].Type)

				assert.Empty(t, guard(fresh))
				if test.grace > 0 {
					assert.Empty(t, guard(old))
					time.Sleep(test.grace - time.Microsecond)
					assert.Empty(t, guard(old))
					assert.Empty(t, guard(fresh))
					time.Sleep(time.Microsecond)
				}
				assert.Equal(t, "key_revoked", guard(old))
				if test.life == 0 {
					assert.Empty(t, guard(fresh))
				}
			})
		})
	}
}

// TestRotateKeyBody proves what the body of a rotation may be.
func TestRotateKeyBody(t *testing.T) {
	tests := []struct {
		body   string
		status int
		param  string
	}{
		{`{"grace_period_seconds":604800}`, 200, ""},
		{`{"grace_period_seconds":604801}`, 400, "grace_period_seconds"},
		{`{"grace_period_seconds":-1}`, 400, "grace_period_seconds"},
		{`{"grace_period_seconds":1.5}`, 400, "grace_period_seconds"},
		{`{"grace_period_seconds":1e3}`, 400, "grace_period_seconds"},
		{`{"grace_period_seconds":"60"}`, 400, "grace_period_seconds"},
		{`{"grace_period_seconds":true}`, 400, "grace_period_seconds"},
		{`{"grace_period_seconds":99999999999999999999}`, 400, "grace_period_seconds"},
		{`{"grace":60}`, 400, "grace"},
		{`[]`, 400, ""},
		{`null`, 400, ""},
	}
	for _, test := range tests {
		t.Run(test.body, func(t *testing.T) {
			w := newKeyWorld(t)
			_, key := w.create("acme")
			a := w.call("POST", "/v1/api_keys/"+key.ID+"/rotate", test.body)
			assert.Equal(t, test.status, a.Status, a.Text)
			assert.Equal(t, test.param, a.param())
			if test.status != 200 {
				assert.Equal(t, key, w.stored(key))
			}
		})
	}
	t.Run("rules", func(t *testing.T) {
		w := newKeyWorld(t, func(c *issuer.Config) { c.Rules.Grace, c.Rules.MaxGrace = time.Minute, time.Hour })
		_, key := w.create("acme")
		_, _, err := w.RotateKey(t.Context(), w.by, key.ID, time.Hour+1)
		assert.Equal(t, bearer.CodeInvalidRequest, bearer.CodeOf(err))
		a := w.call("POST", "/v1/api_keys/"+key.ID+"/rotate", "")
		require.Equal(t, 200, a.Status)
		key = w.stored(key)
		assert.Equal(t, time.Minute, key.Secrets[0].EndsAt.Sub(key.Secrets[1].CreatedAt))
	})
}

// TestRotateKeyAgain proves that a rotation with two live secrets is a conflict,
// that the old one can be ended, and that what has ended is dropped, and stays
// refused.
func TestRotateKeyAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newKeyWorld(t)
		first, key := w.create("acme")
		path := "/v1/api_keys/" + key.ID
		guard := w.guard()
		second := w.call("POST", path+"/rotate", "").text("key")
		assert.Empty(t, guard(first))

		a := w.call("POST", path+"/rotate", "")
		assert.Equal(t, http.StatusConflict, a.Status)
		assert.Equal(t, "conflict", a.code())
		key = w.stored(key)
		old, newest := key.Secrets[0], key.Secrets[1]
		w.told()

		assert.Equal(t, http.StatusConflict, w.call("DELETE", path+"/secrets/"+newest.ID, "").Status, "never the newest")
		assert.Equal(t, http.StatusNotFound, w.call("DELETE", path+"/secrets/unknown", "").Status)
		assert.Empty(t, w.told())
		for range 2 { // it is idempotent
			a := w.call("DELETE", path+"/secrets/"+old.ID, "")
			assert.Equal(t, http.StatusNoContent, a.Status)
			assert.Empty(t, a.Text)
			assert.Equal(t, "no-store", a.Header.Get("Cache-Control"))
		}
		told := w.told()
		require.Len(t, told, 1)
		assert.Equal(t, "key.secret_ended", told[0].Type)
		assert.Equal(t, map[string]string{"secret": old.ID}, told[0].Detail)
		assert.Equal(t, "key_revoked", guard(first))
		assert.Empty(t, guard(second))
		assert.Equal(t, time.Now().UTC(), w.stored(key).Secrets[0].EndsAt)

		third := w.call("POST", path+"/rotate", `{"grace_period_seconds":0}`).text("key")
		key = w.stored(key)
		require.Len(t, key.Secrets, 2)
		assert.Equal(t, newest.ID, key.Secrets[0].ID)
		assert.Equal(t, http.StatusNotFound, w.call("DELETE", path+"/secrets/"+old.ID, "").Status)
		for _, text := range []string{first, second} {
			assert.Equal(t, "key_revoked", guard(text))
		}
		assert.Empty(t, guard(third))
		_, err := w.ImportKey(t.Context(), w.by, issuer.APIKey{Name: "a", Kind: bearer.SecretKey}, old.Hash)
		assert.ErrorIs(t, err, issuer.ErrExists, "a hash is never used again")

		_, err = w.RevokeKey(t.Context(), w.by, key.ID, "")
		require.NoError(t, err)
		assert.Equal(t, http.StatusNoContent, w.call("DELETE", path+"/secrets/"+newest.ID, "").Status)
	})
}

// TestEndLastSecret proves that the only secret of a key cannot be ended.
func TestEndLastSecret(t *testing.T) {
	w := newKeyWorld(t)
	text, key := w.create("acme")
	a := w.call("DELETE", "/v1/api_keys/"+key.ID+"/secrets/"+key.Secrets[0].ID, "")
	assert.Equal(t, http.StatusConflict, a.Status)
	assert.Equal(t, "conflict", a.code())
	assert.Empty(t, w.guard()(text))
}

// TestRotateDisabledKey proves that a rotation neither enables nor revives.
func TestRotateDisabledKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newKeyWorld(t)
		_, key := w.create("acme", func(k *issuer.APIKey) { k.Disabled = true })
		text, key, err := w.RotateKey(t.Context(), w.by, key.ID, time.Hour)
		require.NoError(t, err)
		assert.True(t, key.Disabled)
		assert.Equal(t, "key_revoked", w.guard()(text))

		_, key = w.create("acme")
		key.Secrets[0].EndsAt = time.Now().UTC()
		require.NoError(t, w.store.ReplaceKey(t.Context(), key))
		_, _, err = w.RotateKey(t.Context(), w.by, key.ID, time.Hour)
		assert.Equal(t, bearer.CodeConflict, bearer.CodeOf(err), "all of its secrets have ended")
	})
}

// TestRotateKeyAtOnce proves that of 16 rotations at once, one wins, with and
// without a grace period.
func TestRotateKeyAtOnce(t *testing.T) {
	for _, grace := range []time.Duration{0, time.Hour} {
		t.Run(grace.String(), func(t *testing.T) {
			for range 20 {
				one := newKeyWorld(t)
				_, key := one.create("acme")
				store := &gatedStore{Store: one.store, wait: 16, gate: make(chan struct{})}
				w := newKeyWorld(t, func(c *issuer.Config) { c.Store = store })
				var won, lost atomic.Int32
				var text atomic.Value
				var all sync.WaitGroup
				for range 16 {
					all.Go(func() {
						got, _, err := w.RotateKey(t.Context(), w.by, key.ID, grace)
						switch bearer.CodeOf(err) {
						case "":
							won.Add(1)
							text.Store(got)
						case bearer.CodeConflict:
							lost.Add(1)
						default:
							assert.NoError(t, err)
						}
					})
				}
				all.Wait()
				assert.Equal(t, int32(1), won.Load())
				assert.Equal(t, int32(15), lost.Load())
				after := w.stored(key)
				assert.Len(t, after.Secrets, 2)
				assert.Equal(t, bearer.KeyFormat{}.Hash(text.Load().(string)), after.Secrets[1].Hash)
			}
		})
	}
}

// A gatedStore answers the first reads of a key once all of them have read it.
type gatedStore struct {
	issuer.Store
	wait int32
	gate chan struct{}
}

func (s *gatedStore) GetKey(ctx context.Context, owner, id string) (issuer.APIKey, error) {
	key, err := s.Store.GetKey(ctx, owner, id)
	if n := atomic.AddInt32(&s.wait, -1); n == 0 {
		close(s.gate)
	}
	<-s.gate
	return key, err
}

// TestRotateSecret proves that a rotation names what it replaces: asked for twice,
// it is made once, also if another one came between the two.
func TestRotateSecret(t *testing.T) {
	for _, grace := range []time.Duration{0, time.Hour} {
		t.Run(grace.String(), func(t *testing.T) {
			w := newKeyWorld(t)
			_, key := w.create("acme")
			first := key.Secrets[0].ID
			text, _, err := w.RotateSecret(t.Context(), w.by, key.ID, first, grace)
			require.NoError(t, err)
			for secret, want := range map[string]bearer.Code{
				first: bearer.CodeConflict, "unknown": bearer.CodeConflict, "": bearer.CodeNotFound,
			} {
				_, _, err := w.RotateSecret(t.Context(), w.by, key.ID, secret, grace)
				assert.Equal(t, want, bearer.CodeOf(err), secret)
			}
			assert.Empty(t, w.guard()(text))
		})
	}
}

// TestRevokeAgainstRotate proves S4.11 and S1.8 over two replicas, one of which
// revokes and one of which rotates, 1000 rounds: no secret of the key is good
// afterwards, for either of them.
func TestRevokeAgainstRotate(t *testing.T) {
	store := issuer.NewMemoryStore()
	share := func(c *issuer.Config) { c.Store, c.CacheTTL = store, -1 }
	one, two := newKeyWorld(t, share), newKeyWorld(t, share)
	guards := []func(string) string{one.guard(), two.guard()}
	for round := range 1000 {
		old, key := one.create(fmt.Sprint("owner-", round))
		by := issuer.Operator(key.Owner)
		var fresh string
		var rotated, revoked error
		var all sync.WaitGroup
		all.Go(func() { fresh, _, rotated = one.RotateKey(t.Context(), by, key.ID, time.Hour) })
		all.Go(func() { _, revoked = two.RevokeKey(t.Context(), by, key.ID, "leaked") })
		all.Wait()
		require.NoError(t, revoked)
		if rotated != nil {
			require.Equal(t, bearer.CodeConflict, bearer.CodeOf(rotated))
		}
		for _, guard := range guards {
			require.Equal(t, "key_revoked", guard(old))
			if rotated == nil {
				require.Equal(t, "key_revoked", guard(fresh))
			}
		}
	}
}

// TestRotateWithoutLoss proves that requests through a rotation with a grace
// period lose none (S4.11), whichever of the two texts they have.
func TestRotateWithoutLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newKeyWorld(t)
		old, key := w.create("acme", func(k *issuer.APIKey) { k.Limit = bearer.PerSecond(200) })
		guard := w.guard()
		var text atomic.Value
		text.Store(old)
		var all sync.WaitGroup
		for range 300 {
			all.Go(func() { assert.Empty(t, guard(text.Load().(string))) })
			if text.Load() == old {
				all.Go(func() {
					if fresh, _, err := w.RotateKey(t.Context(), w.by, key.ID, time.Minute); err == nil {
						text.Store(fresh)
					}
				})
			}
			time.Sleep(10 * time.Millisecond)
		}
		all.Wait()
		assert.NotEqual(t, old, text.Load())
	})
}

// TestKeepsBucket proves that the two texts of a key share its bucket (S4.11).
func TestKeepsBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newKeyWorld(t)
		old, key := w.create("acme", func(k *issuer.APIKey) { k.Limit = bearer.PerSecond(2) })
		guard := w.guard()
		assert.Empty(t, guard(old))
		fresh, _, err := w.RotateKey(t.Context(), w.by, key.ID, time.Minute)
		require.NoError(t, err)
		assert.Empty(t, guard(fresh))
		assert.Equal(t, "rate_limit_exceeded", guard(old))
		assert.Equal(t, "rate_limit_exceeded", guard(fresh))
	})
}

var errBroken = errors.New("connection refused")
