package storesuite

import (
	"errors"
	"fmt"
	"time"

	"github.com/blockauth/bearer"
)

const (
	// soon is how long a store may take to find a key that was asked for before it
	// was issued, or any after an outage.
	soon = 3 * time.Second
	// revokedSoon is how long a store may take to see a revocation: two seconds,
	// and a little for the call itself.
	revokedSoon = 2300 * time.Millisecond
)

// outages tries the outages that the hooks make, one after the other.
func (s *suite) outages() {
	for _, h := range s.hooks {
		if h.Outage != nil {
			s.outage(h.Outage)
		}
	}
}

// outage looks up keys during an outage and after it.
func (s *suite) outage(set func(on bool)) {
	asked, other := s.newKey(), s.newKey()
	if !s.put("outage", asked) || !s.put("outage", other) {
		return
	}
	s.find(ruleOutage, "before the outage", &asked)
	func() {
		set(true)
		defer set(false) // also if a check ends here
		for _, again := range []string{"", ", again"} {
			unknown := s.newKey()
			s.down("a hash that was never stored"+again, &unknown, false)
			s.down("a key that was not asked for before"+again, &other, true)
			s.down("a key that was asked for before"+again, &asked, true)
		}
	}()
	for _, key := range []*bearer.Key{&asked, &other} {
		s.askUntil(func(k *bearer.Key, err error) bool { return k != nil && err == nil }, key.Hash, soon)
		s.find(ruleOutage, fmt.Sprintf("%v after the outage", soon), key)
	}
	s.missing(ruleOutage, "a hash that was never stored, after the outage", s.newKey().Hash)
}

// down looks up a hash during an outage. A cache may answer with the key, if
// there is one, but no one can know that there is none.
func (s *suite) down(name string, key *bearer.Key, isThere bool) {
	name = "during the outage, " + name
	found, err := s.ask(key.Hash)
	switch {
	case errors.Is(err, bearer.ErrKeyNotFound), err == nil && found != nil && !isThere:
		s.Stopf(ruleOutage, "%s: got %s, want an error that does not wrap bearer.ErrKeyNotFound", name, answer(found, err))
	case err == nil && found != nil:
		s.compare(ruleOutage, name, found, key)
	}
}

// revocations tries the ways to revoke a key that the hooks know.
func (s *suite) revocations() {
	for _, h := range s.hooks {
		if h.Revoke != nil && !s.Broken(ruleOutage) {
			s.revocation(h.Revoke)
		}
	}
}

// revocation revokes keys that the store was asked for, which it may remember and
// a guard may hold, and one that it was not asked for.
func (s *suite) revocation(revoke func(bearer.Key) error) {
	other, asked, unasked := s.newKey(), s.newKey(), s.newKey()
	if !s.put("revocation", other) || !s.put("revocation", asked) || !s.put("revocation", unasked) {
		return
	}
	s.find(ruleRevoked, "another key", &other)
	s.find(ruleRevoked, "before it was revoked", &asked)
	held := s.hold(&asked)
	var revoked []stored
	for _, k := range append([]stored{{"a key that was asked for before", asked}}, s.issueOthers()...) {
		if s.revokeKey(revoke, &k) {
			revoked = append(revoked, k)
		}
	}
	s.seeRevoked(revoked)
	if held != nil {
		s.compare(ruleKept, "a key, after it was revoked in the store", held, &asked)
	}
	if k := (stored{"a key that was not asked for before", unasked}); s.revokeKey(revoke, &k) {
		s.seeRevoked([]stored{k})
	}
	s.find(ruleRevoked, "another key, which was not revoked", &other)
}

// issueOthers returns keys that Revoke might pass over, after they were found.
func (s *suite) issueOthers() (list []stored) {
	for _, r := range others() {
		key := s.newKey()
		r.change(&key)
		if s.offer(key) {
			s.find(ruleRevoked, r.name+", before it was revoked", &key)
			list = append(list, stored{r.name, key})
		}
	}
	return list
}

// revokeKey revokes a key, and reports whether Revoke knows how to.
func (s *suite) revokeKey(revoke func(bearer.Key) error, k *stored) bool {
	k.key.RevokedAt = time.Now().Round(0).UTC()
	err := revoke(k.key)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		s.Stopf(ruleIssue, "%s: got the error %q of Revoke, want nil", k.name, err)
	}
	return err == nil
}

// seeRevoked looks up each key until its revocation is seen, and again: a second
// cache, or one that reads behind, may still have the old record.
func (s *suite) seeRevoked(list []stored) {
	isSeen := func(k *bearer.Key, err error) bool {
		return errors.Is(err, bearer.ErrKeyNotFound) || err == nil && k != nil && !k.RevokedAt.IsZero()
	}
	for i := range list {
		s.askUntil(isSeen, list[i].key.Hash, revokedSoon)
		for range 4 {
			s.findIfThere(ruleRevoked, list[i].name+", two seconds after it was revoked", &list[i].key)
		}
	}
}
