package bearertest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/blockauth/bearer"
)

// TestKeyStore tests a [bearer.KeyStore]. If it finds misbehaviour, it returns
// an error for each rule that was broken, combined by [errors.Join].
//
// The issue function must store a record as it is, so that the store finds it
// by its Hash from then on: [Keys.Add], for Keys. No two calls overlap. The
// hashes and IDs are random, so that a store may be tested again without being
// emptied.
//
// A record that the store cannot hold by its schema is left out where issue
// returns an error wrapping [errors.ErrUnsupported]. Where a schema may well
// refuse a record, such as one that has expired, a second one with the same ID,
// or a name of 100 characters, any error of issue leaves it out.
//
// A store may return revoked and expired keys, or leave them out. It need not
// keep the order of Scopes and AllowedIPs, the zone of a time, less than a
// second of it, or when a key was revoked. It may remember for a second or two
// that a hash is not there, for which the test then waits.
func TestKeyStore(store bearer.KeyStore, issue func(bearer.Key) error) error {
	t := &keyStoreTest{report: newReport("TestKeyStore"), store: store, issue: issue}
	if !t.given() || !t.run("a first key", ruleStorePanic, t.answers) || !t.clean() {
		return t.err()
	}
	for _, check := range []struct {
		name string
		run  func()
	}{
		{"fields", t.fields},
		{"unknown hash", t.unknown},
		{"bytes of the hash", t.bytes},
		{"similar hashes", t.similar},
		{"one ID", t.sameID},
		{"early question", t.late},
		{"revoked and expired", t.refusable},
		{"a context that is done", t.done},
		{"returned key", t.kept},
		{"concurrent calls", t.concurrent},
	} {
		t.run(check.name, ruleStorePanic, check.run)
		if t.stuck.Load() {
			break
		}
	}
	return t.err()
}

type keyStoreTest struct {
	report
	store bearer.KeyStore
	issue func(bearer.Key) error
	stuck atomic.Bool // a call did not end in time

	// What the first checks found to be wrong, so that the later ones do not
	// find it again and give advice about something else.
	lost  map[string]*loss // fields that do not come back
	vague bool             // a hash that is not there is not reported as such
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

// given reports whether there is something to test.
func (t *keyStoreTest) given() bool {
	switch {
	case t.store == nil:
		t.brokenf(ruleParts, "the store: got nil, want a bearer.KeyStore")
	case t.issue == nil:
		t.brokenf(ruleParts, "the issue function: got nil, want one that stores a record")
	default:
		return true
	}
	return false
}

// answers asks for a key that is there. A store that does not find it is not
// filled, or not running, and more questions would say nothing more.
func (t *keyStoreTest) answers() {
	_, missing := t.lookUp(newKey().Hash)
	blame := func(r rule, err error) rule {
		if missing != nil && err.Error() == missing.Error() {
			return ruleRunning // every call fails
		}
		return r
	}
	r, got := rule{}, ""
	for range 3 { // a store that finds some keys is looked at more closely
		key := newKey()
		if err := t.issue(key); err != nil {
			t.brokenf(blame(ruleIssue, err), "a plain key: got the error %q of issue, want nil", err)
			return
		}
		switch found, err := t.lookUp(key.Hash); {
		case t.stuck.Load(), err == nil && found != nil:
			return
		case err == nil, errors.Is(err, bearer.ErrKeyNotFound):
			r, got = ruleFirst, answer(found, err)
		default:
			r, got = blame(ruleReads, err), answer(found, err)
		}
	}
	t.brokenf(r, "a plain key: got %s, want the key", got)
}

// put stores a key, and reports whether it is there now.
func (t *keyStoreTest) put(name string, key bearer.Key) bool {
	err := t.issue(key)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		t.brokenf(ruleIssue, "%s: got the error %q of issue, want nil", name, err)
	}
	return err == nil
}

// offer stores a key that a schema may refuse to hold, and reports whether it
// is there now.
func (t *keyStoreTest) offer(key bearer.Key) bool { return t.issue(key) == nil }

// callTimeout is how long one call may last.
const callTimeout = 10 * time.Second

// lookUp asks the store, and copies what it answers: another call might change
// it.
func (t *keyStoreTest) lookUp(hash bearer.KeyHash) (*bearer.Key, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	key, err := t.store.FindKey(ctx, hash)
	if ctx.Err() != nil && !t.stuck.Swap(true) {
		t.brokenf(ruleInTime, "FindKey: got %s after %v, want an answer", answer(key, err), callTimeout)
	}
	if key != nil {
		c := copyOf(*key)
		key = &c
	}
	return key, err
}

// find looks up a key that is in the store. It returns nil if it is not found:
// which is nothing new where that happens by chance.
func (t *keyStoreTest) find(r rule, name string, hash bearer.KeyHash) *bearer.Key {
	key, err := t.lookUp(hash)
	switch {
	case t.stuck.Load(), err != nil && r != ruleFound && t.broken(ruleFound):
		return nil
	case err != nil, key == nil:
		t.brokenf(r, "%s: got %s, want the key", name, answer(key, err))
		return nil
	}
	return key
}

// missing looks up a hash that is not in the store. A key beside the error is
// nobody's business.
func (t *keyStoreTest) missing(r rule, name string, hash bearer.KeyHash) {
	key, err := t.lookUp(hash)
	if !t.vague && !t.stuck.Load() && !errors.Is(err, bearer.ErrKeyNotFound) {
		t.brokenf(r, "%s: got %s, want an error wrapping bearer.ErrKeyNotFound", name, answer(key, err))
	}
}

// answer describes what FindKey returned.
func answer(key *bearer.Key, err error) string {
	switch {
	case err != nil:
		return fmt.Sprintf("the error %q", err)
	case key == nil:
		return "neither a key nor an error"
	default:
		return "the " + key.String()
	}
}
