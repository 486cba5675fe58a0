// Package storesuite tests key stores: it is behind bearertest.TestKeyStore.
package storesuite

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest/internal/report"
)

// Hooks are what a test can do to a store, other than to issue keys.
type Hooks struct {
	Outage func(on bool)
	Revoke func(bearer.Key) error
}

// Test tests a store that issue fills. Fields and hashes are what all other
// checks build on: if a store gets one of them wrong, the suite ends there.
func Test(store bearer.KeyStore, issue func(bearer.Key) error, hooks ...Hooks) error {
	s := &suite{Report: report.New("TestKeyStore"), store: store, issue: issue, hooks: hooks}
	s.RunAll(rulePanic, []report.Check{
		{Name: "a first key", Run: s.first, Last: true},
		{Name: "fields", Run: s.fields},
		{Name: "unknown hash", Run: s.unknown, Last: true},
		{Name: "hashes", Run: s.hashes, Last: true},
		{Name: "early question", Run: s.askedEarly},
		{Name: "returned key", Run: s.kept},
		{Name: "revoked and expired", Run: s.refusable},
		{Name: "one ID", Run: s.sameIDs},
		{Name: "concurrent calls", Run: s.concurrent},
		{Name: "a context that is done", Run: s.contextDone},
		{Name: "one context of several", Run: s.shared},
		{Name: "outage", Run: s.outages},
		{Name: "revocation", Run: s.revocations},
	})
	for _, pause := range pauses() {
		if s.Clean() {
			time.Sleep(pause)
			s.Run("all keys again", rulePanic, func() { s.askAgain(pause) })
		}
	}
	return s.Err()
}

type suite struct {
	*report.Report
	store bearer.KeyStore
	issue func(bearer.Key) error
	hooks []Hooks
	plain bearer.Key // what a record is, but for what is tested by it
	ids   assignedIDs

	good []stored // was found as it was issued
	gone []stored // a guard refuses it
}

// A stored key is in the store, for some reason.
type stored struct {
	name string
	key  bearer.Key
}

// newKey returns a key that is new to the store. No ID that a database assigns
// ends in a letter like its last. Its hash has no byte at an end that stores trim,
// or take for the end of a text: such hashes are for hashes to find, not for one
// key in ten of any other test.
func (s *suite) newKey() bearer.Key {
	const trimmed = "\x00\t\n\v\f\r \x85\xa0\xc2" // the last three are of white space in UTF-8
	key := s.plain
	key.ID = "key_" + rand.Text()[:15] + "x"
	key.Hash = bearer.KeyHash{}
	for strings.IndexByte(trimmed, key.Hash[0]) >= 0 || strings.IndexByte(trimmed, key.Hash[len(key.Hash)-1]) >= 0 {
		_, key.Hash = bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Test)
	}
	return key
}

// put stores a key, and reports whether it is there now.
func (s *suite) put(name string, key bearer.Key) bool {
	err := s.issue(key)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		s.Brokenf(ruleIssue, "%s: got the error %q of issue, want nil", name, err)
	}
	return err == nil
}

// offer stores a key that a schema may refuse to hold, and reports whether it
// is there now.
func (s *suite) offer(key bearer.Key) bool { return s.issue(key) == nil }

// ask looks up a hash. It copies the key, which another call might change.
func (s *suite) ask(hash bearer.KeyHash) (*bearer.Key, error) {
	ctx, cancel := context.WithTimeout(context.Background(), report.CallTimeout)
	defer cancel()
	key, err := s.store.FindKey(ctx, hash)
	if ctx.Err() != nil {
		s.Stopf(report.InTime, "FindKey: got %s after %v, want an answer", answer(key, err), report.CallTimeout)
	}
	if key == nil {
		return nil, err
	}
	c := *key
	c.AllowedIPs, c.AllowedOrigins = slices.Clone(c.AllowedIPs), slices.Clone(c.AllowedOrigins)
	return &c, err
}

// askUntil looks up a hash until the answer is as it should be, or for as long
// as a store may take for that.
func (s *suite) askUntil(isRight func(*bearer.Key, error) bool, hash bearer.KeyHash, limit time.Duration) {
	for start := time.Now(); time.Since(start) < limit; time.Sleep(50 * time.Millisecond) {
		if isRight(s.ask(hash)) {
			return
		}
	}
}

// find looks up a key that is in the store. If it is not found as it was
// stored, that breaks the rule and ends the check.
func (s *suite) find(rule report.Rule, name string, want *bearer.Key) {
	key, err := s.ask(want.Hash)
	if err != nil || key == nil {
		s.Stopf(rule, "%s: got %s, want the key", name, answer(key, err))
	}
	s.compare(rule, name, key, want)
}

// compare ends the check if two keys differ.
func (s *suite) compare(rule report.Rule, name string, got, want *bearer.Key) {
	if differ := s.differences(got, want); differ != nil {
		s.Stopf(rule, "%s: %s", name, differ[0].text)
	}
}

// findIfThere looks up a key that the store may leave out.
func (s *suite) findIfThere(rule report.Rule, name string, want *bearer.Key) {
	switch key, err := s.ask(want.Hash); {
	case key != nil && err == nil:
		s.compare(rule, name, key, want)
	case !errors.Is(err, bearer.ErrKeyNotFound):
		s.Stopf(rule, "%s: got %s, want the key, or an error wrapping bearer.ErrKeyNotFound", name, answer(key, err))
	}
}

// missing looks up a hash that is not in the store. A key beside the error
// does no harm. A key that was issued is another mistake than an empty one.
func (s *suite) missing(rule report.Rule, name string, hash bearer.KeyHash) {
	switch key, err := s.ask(hash); {
	case err == nil && key != nil && key.ID != "":
		s.Brokenf(ruleOwnKey, "%s: got the %s, want an error wrapping bearer.ErrKeyNotFound", name, key)
	case !errors.Is(err, bearer.ErrKeyNotFound):
		s.Brokenf(rule, "%s: got %s, want an error wrapping bearer.ErrKeyNotFound", name, answer(key, err))
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
