package storesuite

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest/internal/report"
)

// plainKeys returns what a plain key may be: as the first says, or what a store
// can hold that has one environment, one kind, other owners, or no columns for
// owners and scopes.
func plainKeys() (keys []bearer.Key) {
	for _, scopes := range []bearer.Scopes{"tokens:read", bearer.FullAccess, ""} {
		for _, owner := range []string{"owner_1", aNumber, aUUID, ""} {
			for _, kind := range []bearer.Kind{bearer.SecretKey, bearer.PublishableKey} {
				for _, env := range []bearer.Environment{bearer.Test, bearer.Live} {
					keys = append(keys, bearer.Key{Kind: kind, Environment: env, Owner: owner, Scopes: scopes})
				}
			}
		}
	}
	return keys
}

const (
	aNumber = "1001"
	aUUID   = "123e4567-e89b-12d3-a456-426614174000"
)

// first asks for a key that is there. A store that does not find it is not
// filled, or not running, and more questions would say nothing more.
func (s *suite) first() {
	switch {
	case s.store == nil:
		s.Stopf(report.Parts, "the store: got nil, want a bearer.KeyStore")
	case s.issue == nil:
		s.Stopf(report.Parts, "the issue function: got nil, want one that stores a record")
	}
	_, missing := s.ask(s.newKey().Hash)
	s.choosePlain(missing)
	var found *bearer.Key
	var err error
	for range 3 { // a store that finds some hashes is tested more closely
		key := s.newKey()
		if err = s.issue(key); err != nil {
			s.Stopf(ruleIssue, "a second plain key: got the error %q of issue, want nil", err)
		}
		if found, err = s.ask(key.Hash); err == nil && found != nil {
			s.ids.assigned = s.assignsIDs()
			return
		}
	}
	s.stopIfDown(missing, err)
	s.Stopf(ruleFor(err, ruleFirst), "a plain key: got %s, want the key", answer(found, err))
}

// choosePlain stores the first plain key that the store can hold.
func (s *suite) choosePlain(missing error) {
	var err error
	for _, s.plain = range plainKeys() {
		if err = s.issue(s.newKey()); !errors.Is(err, errors.ErrUnsupported) {
			break
		}
	}
	s.stopIfDown(missing, err)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		s.Stopf(ruleIssue, "every plain key, secret or publishable, of test or live, with the owner %q, %q, %q or none, "+
			"and with the scope tokens:read, all or none: got the error %q of issue, want nil for one of them",
			"owner_1", aNumber, aUUID, err)
	case err != nil:
		s.Stopf(ruleIssue, "a plain key: got the error %q of issue, want nil", err)
	}
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

// assignsIDs reports whether keys come back with IDs that are nothing of those
// that they were issued with: a number, a UUID. An ID that was cut, trimmed or
// written in another case is a mistake.
func (s *suite) assignsIDs() bool {
	for range 3 {
		key := s.newKey()
		if !s.put("a plain key", key) {
			return false
		}
		found, err := s.ask(key.Hash)
		if err != nil || found == nil {
			return false
		}
		got, issued := strings.ToLower(strings.TrimSpace(found.ID)), strings.ToLower(key.ID)
		if strings.HasPrefix(issued, got) || strings.HasSuffix(issued, got) {
			return false
		}
	}
	return true
}

// assignedIDs are the IDs that a store assigned to keys.
type assignedIDs struct {
	assigned bool // or else keys keep their IDs

	mu     sync.Mutex
	byHash map[bearer.KeyHash]string
	byID   map[string]bearer.KeyHash
}

// problem says what is wrong with the ID of a key that was found by a hash, or
// "" if nothing is.
func (a *assignedIDs) problem(id string, hash bearer.KeyHash) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byHash == nil {
		a.byHash, a.byID = make(map[bearer.KeyHash]string), make(map[string]bearer.KeyHash)
	}
	before, known := a.byHash[hash]
	holder, taken := a.byID[id]
	switch {
	case id == "":
		return `ID: got "", want one that the store assigned`
	case known && before != id:
		return fmt.Sprintf("ID: got %s, want %s, which it was before", quoted(id), quoted(before))
	case taken && holder != hash:
		return fmt.Sprintf("ID: got %s, which another key has, want one of its own", quoted(id))
	}
	a.byHash[hash], a.byID[id] = id, hash
	return ""
}
