package storesuite

import (
	"errors"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

type uses = map[bearer.KeyHash]time.Time

// touch calls TouchKeys.
func (s *keySuite) touch(name string, used uses) {
	if err := s.store.TouchKeys(s.ctx, used); err != nil {
		s.stopf(ruleUsed, "%s: got the error %q of TouchKeys, want nil", name, err)
	}
}

// usedAtCreation creates a key that was used before, in an older system.
func (s *keySuite) usedAtCreation() {
	key := s.newKey()
	key.LastUsedAt = now().Add(-time.Hour)
	key.Secrets[0].LastUsedAt = key.LastUsedAt
	s.put("a key that was used before it was created", key)
	s.see(ruleWhole, "a key that was used before it was created", key)
}

// touches uses the secrets of a key.
func (s *keySuite) touches() {
	at := now()
	key := s.newKey()
	key.Secrets = append(key.Secrets, newSecret(at))
	s.put("a key with two secrets", key)
	first, second := &key.Secrets[0], &key.Secrets[1]

	s.touch("no uses", nil)
	s.touch("no uses", uses{})
	s.touch("a hash that is unknown", uses{newHash(): at})
	s.see(ruleUsed, "a key that was not used", key)

	first.LastUsedAt, key.LastUsedAt = at, at
	s.touch("a use, beside one that is unknown", uses{newHash(): at, first.Hash: at, newHash(): at})
	s.see(ruleUsed, "a key after a use", key)
	s.touch("an older use", uses{first.Hash: at.Add(-time.Second)})
	s.see(ruleUsed, "a key after an older use was told", key)
	second.LastUsedAt = at.Add(-time.Minute)
	s.touch("an older use of the other secret", uses{second.Hash: second.LastUsedAt})
	s.see(ruleUsed, "a key after an older use of its other secret", key)
	key.LastUsedAt = at.Add(time.Microsecond)
	first.LastUsedAt, second.LastUsedAt = key.LastUsedAt, at
	s.touch("uses of both secrets", uses{first.Hash: first.LastUsedAt, second.Hash: second.LastUsedAt})
	s.see(ruleUsed, "a key after both secrets were used", key)

	for _, ignored := range []time.Time{{}, at.Add(-time.Hour), at.Add(time.Hour)} {
		changed := clone(key)
		changed.Name, changed.LastUsedAt = "changed", ignored
		changed.Secrets[0].LastUsedAt, changed.Secrets[1].LastUsedAt = ignored, ignored
		s.swap(ruleUsed, "a key that was used", &changed)
		key.Name, key.Version = changed.Name, changed.Version
		s.see(ruleUsed, "a key that was replaced, with a LastUsedAt that ReplaceKey ignores", key)
	}
	key.Secrets = append(key.Secrets[1:], newSecret(at))
	key.Secrets[1].LastUsedAt = at.Add(time.Hour)
	s.swap(ruleUsed, "a rotation", &key)
	key.Secrets[1].LastUsedAt = time.Time{}
	s.see(ruleUsed, "a key whose secret that was used last is gone", key)
}

// touchesCollide uses a key while it is replaced, and uses keys in any order.
func (s *keySuite) touchesCollide() {
	keys := make([]issuer.APIKey, 6)
	for i := range keys {
		keys[i] = s.new("a key")
	}
	at := now()
	s.together(12, "uses and replacements at once", func(i int) {
		for round := range 2 {
			if i%2 == 0 {
				s.replaceUntil(keys[i/2])
				continue
			}
			used := uses{}
			for _, key := range keys {
				used[key.Secrets[0].Hash] = at.Add(time.Duration(i*(2-round)) * time.Second)
			}
			s.touch("uses and replacements at once", used)
		}
	})
	for _, key := range keys {
		key.Name, key.Version = "replaced", key.Version+2
		key.LastUsedAt = at.Add(11 * 2 * time.Second)
		key.Secrets[0].LastUsedAt = key.LastUsedAt
		s.see(ruleUsed, "a key after uses and replacements at once", key)
	}
}

// usesCollide uses one key many times at once: the latest use stays.
func (s *keySuite) usesCollide() {
	const many = 16
	for range 4 {
		key := s.new("a key")
		at := key.CreatedAt
		s.together(many, "uses at once", func(i int) {
			s.touch("uses at once", uses{key.Secrets[0].Hash: at.Add(time.Duration(i) * time.Second)})
		})
		key.LastUsedAt = at.Add((many - 1) * time.Second)
		key.Secrets[0].LastUsedAt = key.LastUsedAt
		s.see(ruleUsed, "a key after uses at once", key)
	}
}

// useIsKept uses each of some keys once, while it is replaced: of every other
// key, the use is begun first.
func (s *keySuite) useIsKept() {
	keys := make([]issuer.APIKey, 24)
	for i := range keys {
		keys[i] = s.new("a key")
	}
	at := now()
	s.together(2*len(keys), "a use and a replacement at once", func(i int) {
		key := keys[i/2]
		if i%2 == i/2%2 {
			s.replaceUntil(key)
			return
		}
		s.touch("a use and a replacement at once", uses{key.Secrets[0].Hash: at})
	})
	for _, key := range keys {
		key.Name, key.Version = "replaced", key.Version+1
		key.LastUsedAt, key.Secrets[0].LastUsedAt = at, at
		s.see(ruleUsed, "a key after a use and a replacement at once", key)
	}
}

// replaceUntil replaces a key that no one else replaces. A database may take it
// for a conflict that it was used meanwhile.
func (s *keySuite) replaceUntil(key issuer.APIKey) {
	for range 20 {
		got, err := s.store.GetKey(s.ctx, key.Owner, key.ID)
		if err != nil {
			s.stopf(ruleUsed, "GetKey, while keys are used: got the error %q, want the key", err)
		}
		got.Name = "replaced"
		if err = s.store.ReplaceKey(s.ctx, got); err == nil {
			return
		}
		if !errors.Is(err, issuer.ErrConflict) {
			s.stopf(ruleUsed, "ReplaceKey, while keys are used: got the error %q, want nil", err)
		}
	}
	s.stopf(ruleUsed, "ReplaceKey, while keys are used: got 20 conflicts, want none")
}
