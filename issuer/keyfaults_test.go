package issuer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/issuertest"
)

// TestKeyFaults proves that a store that fails, panics, or whose answer is lost
// gives 503 in each call, never another status, and that the key is in its old
// state or in the new one afterwards, the guard's memory with it.
func TestKeyFaults(t *testing.T) {
	secret := "dsn-" + strings.Repeat("x", 20)
	faults := []struct {
		name   string
		isLate bool // the store has done it
		do     func(store *issuertest.Faults, method string)
	}{
		{"fails", false, func(s *issuertest.Faults, method string) {
			s.Fail(method, fmt.Errorf("dial %s: %w", secret, errBroken))
		}},
		{"loses its answer", true, func(s *issuertest.Faults, method string) { s.Lose(method, context.DeadlineExceeded) }},
		{"panics", false, func(s *issuertest.Faults, method string) {
			s.Before(method, func(context.Context) error { panic(secret) })
		}},
		{"panics afterwards", true, func(s *issuertest.Faults, method string) {
			s.After(method, func(context.Context) error { panic(secret) })
		}},
	}
	for _, fault := range faults {
		for n, call := range allKeyCalls("", "") {
			for _, method := range methodsOf(t, n) {
				t.Run(fault.name+": "+method+" of "+call.name, func(t *testing.T) {
					store := &issuertest.Faults{Store: issuer.NewMemoryStore()}
					w := newKeyWorld(t, func(c *issuer.Config) { c.Store = store })
					before, call := faultyKey(w, n)
					guard := w.guard()
					guard(before.text) // it is remembered
					fault.do(store, method)

					a := w.call(call.method, call.path, call.body)

					assert.Equal(t, http.StatusServiceUnavailable, a.Status, a.Text)
					assert.Equal(t, "service_unavailable", a.code())
					assert.Equal(t, "1", a.Header.Get("Retry-After"))
					assert.NotContains(t, a.Text, secret)
					assert.Empty(t, w.told())
					store.Fail(method, nil)
					store.Before(method, nil)
					store.After(method, nil)
					after := w.stored(before.key)
					wasDone := method == "ReplaceKey" && fault.isLate
					if !wasDone {
						assert.Equal(t, before.key, after)
					} else {
						assert.Equal(t, before.key.Version+1, after.Version)
					}
					// The guard says what the store has, at once.
					isGood := after.RevokedAt.IsZero() && !after.Disabled && after.GuardKey(before.hash).EndsAt.IsZero()
					isGood = isGood || wasDone && call.name == "rotate"
					assert.Equal(t, isGood, guard(before.text) == "")
				})
			}
		}
	}
}

// A faultyCase is a key before a call, with the text whose state is watched.
type faultyCase struct {
	key  issuer.APIKey
	text string
	hash bearer.KeyHash
}

// faultyKey returns a key and the nth call of TestKeyFaults on it.
func faultyKey(w *keyWorld, n int) (faultyCase, keyCall) {
	text, key := w.create("acme")
	c := faultyCase{key, text, key.Secrets[0].Hash}
	calls := allKeyCalls(key.ID, key.Secrets[0].ID)
	if calls[n].name == "end a secret" {
		var err error
		c.text, c.key, err = w.RotateKey(w.t.Context(), w.by, key.ID, time.Hour)
		require.NoError(w.t, err)
		c.hash = c.key.Secrets[1].Hash
		w.told()
	}
	return c, calls[n]
}

// methodsOf returns the methods of a store that the nth call asks.
func methodsOf(t *testing.T, n int) []string {
	t.Helper()
	store := &issuertest.Faults{Store: issuer.NewMemoryStore()}
	w := newKeyWorld(t, func(c *issuer.Config) { c.Store = store })
	_, call := faultyKey(w, n)
	store.Calls()
	a := w.call(call.method, call.path, call.body)
	require.Equal(t, call.good, a.Status, a.Text)
	methods := store.Calls()
	slices.Sort(methods)
	methods = slices.Compact(methods)
	require.NotEmpty(t, methods)
	return methods
}

// TestKeysShowNothing proves that the text of a key is in its one answer, and in
// no log, event, error or print, nor is its hash.
func TestKeysShowNothing(t *testing.T) {
	w := newKeyWorld(t)
	var lines bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&lines, nil))
	text, key := w.create("acme")
	path := "/v1/api_keys/" + key.ID
	second := w.call("POST", path+"/rotate", "")
	texts := []string{text, second.text("key")}
	seen := []string{
		w.call("GET", path, "").Text, w.call("GET", "/v1/api_keys", "").Text,
		w.call("PATCH", path, `{"name":"b"}`).Text, w.call("POST", path+"/rotate", "").Text,
		w.call("DELETE", path+"/secrets/"+key.Secrets[0].ID, "").Text, w.call("DELETE", path, "").Text,
	}
	stored := w.stored(key)
	logger.Info("x", "key", stored, "secret", stored.Secrets[0], "list", []issuer.APIKey{stored})
	client := issuer.Client{ID: "c", Secrets: stored.Secrets, SecretHash: "argon2"}
	session := issuer.Session{ID: "se", SecretHash: stored.Secrets[0].Hash, Refresh: issuer.Refresh{Step: stored.Secrets[0].Hash}}
	logger.Info("x", "client", client, "session", session, "refresh", session.Refresh)
	seen = append(seen, lines.String())
	for _, v := range []any{stored, &stored, stored.Secrets, client, session, session.Refresh, []any{stored}, map[string]any{"a": session}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			seen = append(seen, fmt.Sprintf(verb, v))
		}
	}
	told, err := json.Marshal(w.told())
	require.NoError(t, err)
	seen = append(seen, string(told))
	for _, s := range stored.Secrets {
		texts = append(texts, s.Hash.String(), strings.ToUpper(s.Hash.String()), fmt.Sprintf("%v", s.Hash[:4]), fmt.Sprintf("0x%x, 0x%x", s.Hash[0], s.Hash[1]))
	}
	for _, text := range append(texts, "argon2") {
		for _, place := range seen {
			assert.NotContains(t, place, text)
		}
	}
}
