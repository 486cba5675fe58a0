package bearertest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/blockauth/bearer"
)

// TestKeyStore tests a [bearer.KeyStore]. If it finds misbehaviour, it returns
// an error for each rule that was broken, combined by [errors.Join].
//
// The issue function must store a record as it is, so that the store finds it
// by its Hash from then on. It is called from one goroutine. The hashes and IDs
// are random, so that a store may be tested again without being emptied.
//
// A store may return revoked and expired keys, or leave them out. It need not
// keep the order of AllowedIPs, the zone of a time, or less than a second of it.
// It may remember for a second or two that a hash is not there, for which the
// test then waits.
func TestKeyStore(store bearer.KeyStore, issue func(bearer.Key) error) error {
	t := &keyStoreTest{report: report{suite: "TestKeyStore"}, store: store, issue: issue}
	for _, check := range []struct {
		name string
		run  func()
	}{
		{"fields", t.fields},
		{"unknown hash", t.unknown},
		{"bytes of the hash", t.bytes},
		{"one ID", t.sameID},
		{"early question", t.late},
		{"similar hashes", t.similar},
		{"revoked and expired", t.refusable},
		{"cancelled context", t.cancelled},
		{"returned key", t.kept},
		{"concurrent calls", t.concurrent},
	} {
		t.run(check.name, ruleStorePanic, check.run)
	}
	return t.err()
}

type keyStoreTest struct {
	report
	store bearer.KeyStore
	issue func(bearer.Key) error

	// What the first checks found to be wrong, so that the later ones do not
	// find it again and give advice about something else.
	blind bool            // a plain key is not found
	lost  map[string]bool // fields that do not come back
	vague bool            // a hash that is not there is not reported as such
}

// newKey returns a key that is new to the store.
func newKey() bearer.Key {
	_, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Test)
	return bearer.Key{
		ID:          "key_" + rand.Text()[:16],
		Hash:        hash,
		Kind:        bearer.SecretKey,
		Environment: bearer.Test,
		Owner:       "owner_1",
		Scopes:      "tokens:read",
	}
}

// put stores a key, and reports whether that went well.
func (t *keyStoreTest) put(name string, key bearer.Key) bool {
	err := t.issue(key)
	if err != nil {
		t.brokenf(ruleIssue, "%s: got the error %q of issue, want nil", name, err)
	}
	return err == nil
}

// find looks up a key that is in the store. It returns nil if it is not found.
func (t *keyStoreTest) find(r rule, name string, hash bearer.KeyHash) *bearer.Key {
	key, err := t.store.FindKey(context.Background(), hash)
	switch {
	case t.blind && (key == nil || err != nil):
		return nil
	case err != nil:
		t.brokenf(r, "%s: got the error %q, want the key", name, err)
		return nil
	case key == nil:
		t.brokenf(r, "%s: got neither a key nor an error, want the key", name)
	}
	return key
}

// missing looks up a hash that is not in the store.
func (t *keyStoreTest) missing(r rule, name string, hash bearer.KeyHash) {
	key, err := t.store.FindKey(context.Background(), hash)
	switch {
	case t.vague:
	case key == nil && errors.Is(err, bearer.ErrKeyNotFound):
	case key == nil && err == nil:
		t.brokenf(r, "%s: got neither a key nor an error, want bearer.ErrKeyNotFound", name)
	case key == nil:
		t.brokenf(r, "%s: got the error %q, want one wrapping bearer.ErrKeyNotFound", name, err)
	default:
		t.brokenf(r, "%s: got %v and the error %v, want no key and bearer.ErrKeyNotFound", name, *key, err)
	}
}

func (t *keyStoreTest) sameID() {
	first, second := newKey(), newKey()
	second.ID = first.ID
	if !t.put("the old text", first) {
		return
	}
	if err := t.issue(second); err != nil {
		t.brokenf(ruleSameID, "the new text: got the error %q of issue, want nil", err)
		return
	}
	for _, c := range []struct {
		name string
		want bearer.Key
	}{{"the old text", first}, {"the new text", second}} {
		if got := t.find(ruleSameID, c.name, c.want.Hash); got != nil {
			t.compare(ruleSameID, c.name, got, &c.want)
		}
	}
}

func (t *keyStoreTest) unknown() {
	t.missing(ruleUnknown, "a hash that was never stored", newKey().Hash)
	t.missing(ruleUnknown, "the zero hash", bearer.KeyHash{})
	t.vague = t.broken(ruleUnknown)
}

// late asks for a key before and after it is issued.
func (t *keyStoreTest) late() {
	want := newKey()
	_, _ = t.store.FindKey(context.Background(), want.Hash)
	if !t.put("early question", want) {
		return
	}
	const lateness = 3 * time.Second
	for start := time.Now(); time.Since(start) < lateness; time.Sleep(50 * time.Millisecond) {
		if _, err := t.store.FindKey(context.Background(), want.Hash); t.blind || !errors.Is(err, bearer.ErrKeyNotFound) {
			break
		}
	}
	t.find(ruleLate, fmt.Sprintf("%v after it was issued", lateness), want.Hash)
}

func (t *keyStoreTest) refusable() {
	now := time.Now().Truncate(time.Second)
	for _, c := range []struct {
		name               string
		expires, revokedAt time.Time
	}{
		{"revoked", time.Time{}, now.Add(-time.Hour)},
		{"expired", now.Add(-time.Hour), time.Time{}},
		{"revoked and expired", now.Add(-time.Hour), now.Add(-2 * time.Hour)},
	} {
		want := newKey()
		want.ExpiresAt, want.RevokedAt = c.expires, c.revokedAt
		if t.blind || t.lost["ExpiresAt"] && !c.expires.IsZero() || !t.put(c.name, want) {
			continue
		}
		key, err := t.store.FindKey(context.Background(), want.Hash)
		if key != nil && err == nil {
			t.compare(ruleRefusable, c.name, key, &want)
		} else {
			t.missing(ruleRefusable, c.name, want.Hash)
		}
	}
}

func (t *keyStoreTest) cancelled() {
	want := newKey()
	if !t.put("cancelled context", want) {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	key, err := t.store.FindKey(ctx, want.Hash)
	switch {
	case t.blind:
	case errors.Is(err, bearer.ErrKeyNotFound):
		t.brokenf(ruleCancelled, "a cancelled context: got the error %q, want context.Canceled or the key", err)
	case err == nil && key == nil:
		t.brokenf(ruleCancelled, "a cancelled context: got neither a key nor an error, want one of them")
	case err == nil:
		t.compare(ruleCancelled, "a cancelled context", key, &want)
	}
	t.find(ruleCancelled, "the context of another request", want.Hash)
}

func (t *keyStoreTest) kept() {
	first, second := newKey(), newKey()
	second.Owner = "owner_2"
	second.Scopes = "wallets:write"
	if !t.put("the first key", first) || !t.put("the second key", second) {
		return
	}
	got := t.find(ruleFound, "the first key", first.Hash)
	_ = t.find(ruleFound, "the second key", second.Hash)
	_, _ = t.store.FindKey(context.Background(), newKey().Hash)
	if got != nil {
		t.compare(ruleKept, "the first key, after the second was found", got, &first)
	}
}

func (t *keyStoreTest) concurrent() {
	keys := make([]bearer.Key, 8)
	for i := range keys {
		keys[i] = newKey()
		keys[i].Owner = fmt.Sprintf("owner_%d", i)
		if !t.put("concurrent calls", keys[i]) {
			return
		}
	}
	var all sync.WaitGroup
	for i := range 4 * len(keys) {
		want := keys[i%len(keys)]
		all.Go(func() {
			t.run("concurrent calls", ruleStorePanic, func() { t.lookUpOften(want) })
		})
	}
	all.Wait()
}

func (t *keyStoreTest) lookUpOften(want bearer.Key) {
	for range 8 {
		if got := t.find(ruleConcurrent, "concurrent calls", want.Hash); got != nil {
			t.compare(ruleConcurrent, "concurrent calls", got, &want)
		}
		t.missing(ruleConcurrent, "concurrent calls", newKey().Hash)
	}
}
