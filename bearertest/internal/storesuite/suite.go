// Package storesuite tests key stores: it is behind bearertest.TestKeyStore.
package storesuite

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest/internal/report"
)

// Test tests a store that issue fills. Fields and hashes are what all other
// checks build on: if a store gets one of them wrong, the suite ends there.
func Test(store bearer.KeyStore, issue func(bearer.Key) error) error {
	s := &suite{report.New("TestKeyStore"), store, issue}
	s.RunAll(rulePanic, []report.Check{
		{Name: "a first key", Run: s.first, Last: true},
		{Name: "fields", Run: s.fields},
		{Name: "unknown hash", Run: s.unknown, Last: true},
		{Name: "hashes", Run: s.hashes, Last: true},
		{Name: "one ID", Run: s.sameID},
		{Name: "early question", Run: s.askedEarly},
		{Name: "revoked and expired", Run: s.refusable},
		{Name: "returned key", Run: s.kept},
		{Name: "concurrent calls", Run: s.concurrent},
		{Name: "a context that is done", Run: s.contextDone},
	})
	return s.Err()
}

type suite struct {
	*report.Report
	store bearer.KeyStore
	issue func(bearer.Key) error
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

// first asks for a key that is there. A store that does not find it is not
// filled, or not running, and more questions would say nothing more.
func (s *suite) first() {
	switch {
	case s.store == nil:
		s.Stopf(report.Parts, "the store: got nil, want a bearer.KeyStore")
	case s.issue == nil:
		s.Stopf(report.Parts, "the issue function: got nil, want one that stores a record")
	}
	_, missing := s.ask(newKey().Hash)
	var found *bearer.Key
	var err error
	for range 3 { // a store that finds some hashes is tested more closely
		key := newKey()
		if err = s.issue(key); err != nil {
			s.stopIfDown(missing, err)
			s.Stopf(ruleIssue, "a plain key: got the error %q of issue, want nil", err)
		}
		if found, err = s.ask(key.Hash); err == nil && found != nil {
			return
		}
	}
	s.stopIfDown(missing, err)
	s.Stopf(ruleFor(err, ruleFirst), "a plain key: got %s, want the key", answer(found, err))
}

// stopIfDown ends the check if two calls failed alike: every call does then.
func (s *suite) stopIfDown(a, b error) {
	if a != nil && b != nil && a.Error() == b.Error() && !errors.Is(a, bearer.ErrKeyNotFound) {
		s.Stopf(report.Running, "every call: got the error %q, want an answer", a)
	}
}

// ruleFor returns the rule, or ruleReads if the error says that a key could not
// be read.
func ruleFor(err error, rule report.Rule) report.Rule {
	if err != nil && !errors.Is(err, bearer.ErrKeyNotFound) {
		return ruleReads
	}
	return rule
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
	c.AllowedIPs = slices.Clone(c.AllowedIPs)
	return &c, err
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
	if differ := differences(got, want); differ != nil {
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
// does no harm.
func (s *suite) missing(rule report.Rule, name string, hash bearer.KeyHash) {
	if key, err := s.ask(hash); !errors.Is(err, bearer.ErrKeyNotFound) {
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
