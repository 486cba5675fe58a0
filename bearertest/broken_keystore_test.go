package bearertest_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

// A brokenStore is a good store with one mistake.
type brokenStore struct {
	good    bearer.MemoryStore
	keys    []bearer.Key                                                   // all that was issued, in order
	write   func(*brokenStore, *bearer.Key)                                // spoils what is stored
	read    func(*brokenStore, *bearer.Key)                                // spoils what is found
	find    func(*brokenStore, context.Context, hash) (*bearer.Key, error) // instead of FindKey
	same    func(stored, asked []byte) bool                                // compares hashes instead of ==
	missing sync.Map                                                       // hashes
	calls   atomic.Int32
	dead    atomic.Bool
	last    bearer.Key
}

type hash = bearer.KeyHash

func (s *brokenStore) issue(key bearer.Key) error {
	if s.write != nil {
		s.write(s, &key)
	}
	s.keys = append(s.keys, key)
	return s.good.Add(key)
}

func (s *brokenStore) FindKey(ctx context.Context, h hash) (*bearer.Key, error) {
	switch {
	case s.find != nil:
		return s.find(s, ctx, h)
	case s.same != nil:
		for _, key := range s.keys {
			if s.same(key.Hash[:], h[:]) {
				return &key, nil
			}
		}
		return nil, bearer.ErrKeyNotFound
	}
	return s.lookUp(ctx, h)
}

func (s *brokenStore) lookUp(ctx context.Context, h hash) (*bearer.Key, error) {
	found, err := s.good.FindKey(ctx, h)
	if err != nil {
		return nil, err
	}
	key := *found
	if s.read != nil {
		s.read(s, &key)
	}
	return &key, nil
}

func reading(spoil func(*bearer.Key)) brokenStore {
	return brokenStore{read: func(_ *brokenStore, k *bearer.Key) { spoil(k) }}
}

func comparing(same func(stored, asked []byte) bool) brokenStore { return brokenStore{same: same} }

// instead answers where no key is found.
func instead(key *bearer.Key, err error) brokenStore {
	return brokenStore{find: func(s *brokenStore, ctx context.Context, h hash) (*bearer.Key, error) {
		if found, notFound := s.lookUp(ctx, h); notFound == nil {
			return found, nil
		}
		return key, err
	}}
}

// failing answers with an error where it finds such a key.
func failing(err error, such func(*bearer.Key) bool) brokenStore {
	return brokenStore{find: func(s *brokenStore, ctx context.Context, h hash) (*bearer.Key, error) {
		key, notFound := s.lookUp(ctx, h)
		if notFound == nil && such(key) {
			return nil, err
		}
		return key, notFound
	}}
}

func isDone(ctx context.Context) bool { return ctx.Err() != nil }

func like(text, pattern []byte) bool {
	for i := range pattern {
		if pattern[i] != text[i] && pattern[i] != '_' && pattern[i] != '%' {
			return false
		}
	}
	return true
}

func untilNUL(b []byte) []byte {
	before, _, _ := bytes.Cut(b, []byte{0})
	return before
}

func TestBrokenKeyStores(t *testing.T) {
	const (
		found     = "FindKey finds a key by its hash"
		fields    = "FindKey returns every field of a key as it was stored"
		reads     = "FindKey returns a key that is in the store without an error"
		unknown   = "a hash that is not in the store gives a nil key and an error wrapping bearer.ErrKeyNotFound"
		loose     = "a hash finds its own key only"
		refusable = "a key that is revoked or expired is returned with its RevokedAt and ExpiresAt, or not at all"
		cancelled = "a context that is done does not make a key unknown"
		panics    = "FindKey does not panic"
	)
	errNoRows := errors.New("no rows in result set")
	errScan := errors.New("converting NULL to string is unsupported")
	tests := []struct {
		name   string
		broken brokenStore
		rule   string
	}{
		{"returns nil and nil for no rows", instead(nil, nil), unknown},
		{"returns the driver's error for no rows", instead(nil, errNoRows), unknown},
		{"returns an empty key beside the error", instead(new(bearer.Key), bearer.ErrKeyNotFound), unknown},
		{"returns an empty key for no rows", instead(new(bearer.Key), nil), unknown},
		{"panics for no rows", brokenStore{find: func(s *brokenStore, ctx context.Context, h hash) (*bearer.Key, error) {
			key, err := s.lookUp(ctx, h)
			if err != nil {
				panic(err)
			}
			return key, nil
		}}, panics},
		{"compares without case", comparing(bytes.EqualFold), loose},
		{"compares the first half", comparing(func(a, b []byte) bool { return bytes.Equal(a[:16], b[:16]) }), loose},
		{"compares the last half", comparing(func(a, b []byte) bool { return bytes.Equal(a[16:], b[16:]) }), loose},
		{"compares all but the last byte", comparing(func(a, b []byte) bool { return bytes.Equal(a[:31], b[:31]) }), loose},
		{"compares by LIKE", comparing(like), loose},
		{"compares without padding", comparing(func(a, b []byte) bool {
			return bytes.Equal(bytes.TrimRight(a, " \x00"), bytes.TrimRight(b, " \x00"))
		}), loose},
		{"compares as C strings", comparing(func(a, b []byte) bool { return bytes.Equal(untilNUL(a), untilNUL(b)) }), loose},
		{"stores hashes as UTF-8", brokenStore{write: func(_ *brokenStore, k *bearer.Key) {
			copy(k.Hash[:], bytes.ToValidUTF8(k.Hash[:], []byte("?")))
		}}, found},
		{"finds nothing", brokenStore{find: func(*brokenStore, context.Context, hash) (*bearer.Key, error) {
			return nil, bearer.ErrKeyNotFound
		}}, found},
		{"answers neither for what is there", brokenStore{find: func(*brokenStore, context.Context, hash) (*bearer.Key, error) {
			return nil, nil
		}}, found},
		{"loses the hash", reading(func(k *bearer.Key) { k.Hash = hash{} }), "Hash: got another"},
		{"loses the owner", reading(func(k *bearer.Key) { k.Owner = "" }), "Owner: got \"\""},
		{"loses the kind", reading(func(k *bearer.Key) { k.Kind = bearer.SecretKey }), "Kind: got secret, want publishable"},
		{"loses the environment", reading(func(k *bearer.Key) { k.Environment = bearer.Test }), "Environment: got 1, want 2"},
		{"loses the addresses", reading(func(k *bearer.Key) { k.AllowedIPs = nil }), "AllowedIPs: got []"},
		{"keeps one address", reading(func(k *bearer.Key) { k.AllowedIPs = k.AllowedIPs[:min(1, len(k.AllowedIPs))] }), fields},
		{"cuts scopes to 255 bytes", reading(func(k *bearer.Key) { k.Scopes = k.Scopes[:min(255, len(k.Scopes))] }), "Scopes: got"},
		{"takes no scopes for all", reading(func(k *bearer.Key) {
			if k.Scopes == "" {
				k.Scopes = bearer.FullAccess
			}
		}), `Scopes: got "*", want ""`},
		{"keeps whole rates only", reading(func(k *bearer.Key) { k.Limit.Rate = bearer.PerSecond(int(min(k.Limit.Rate, 1e6))).Rate }), "Limit: got"},
		{"takes no limit for nothing", reading(func(k *bearer.Key) { k.Limit.Burst = max(k.Limit.Burst, 0) }), "want 0 a second, burst -1"},
		{"takes no expiry for 1970", reading(func(k *bearer.Key) {
			if k.ExpiresAt.IsZero() {
				k.ExpiresAt = time.Unix(0, 0)
			}
		}), "want the zero time"},
		{"loses the zone", reading(func(k *bearer.Key) {
			y, m, d := k.ExpiresAt.Date()
			hour, minute, second := k.ExpiresAt.Clock()
			if !k.ExpiresAt.IsZero() {
				k.ExpiresAt = time.Date(y, m, d, hour, minute, second, 0, time.UTC)
			}
		}), "an expiry in another zone: ExpiresAt: got"},
		{"loses the revocation", reading(func(k *bearer.Key) { k.RevokedAt = time.Time{} }), refusable},
		{"calls an expired key an outage", brokenStore{find: func(s *brokenStore, ctx context.Context, h hash) (*bearer.Key, error) {
			key, err := s.lookUp(ctx, h)
			if err == nil && !key.ExpiresAt.IsZero() && key.ExpiresAt.Before(time.Now()) {
				return nil, errors.New("expired")
			}
			return key, err
		}}, refusable},
		{"takes a cancelled context for no rows", brokenStore{find: func(s *brokenStore, ctx context.Context, h hash) (*bearer.Key, error) {
			if ctx.Err() != nil {
				return nil, bearer.ErrKeyNotFound
			}
			return s.lookUp(ctx, h)
		}}, cancelled},
		{"answers neither when cancelled", brokenStore{find: func(s *brokenStore, ctx context.Context, h hash) (*bearer.Key, error) {
			if isDone(ctx) {
				return nil, nil
			}
			return s.lookUp(ctx, h)
		}}, cancelled},
		{"breaks once a context was cancelled", brokenStore{find: func(s *brokenStore, ctx context.Context, h hash) (*bearer.Key, error) {
			if ctx.Err() != nil || s.dead.Load() {
				s.dead.Store(true)
				return nil, context.Canceled
			}
			return s.lookUp(ctx, h)
		}}, cancelled},
		{"finds the first key of an ID", brokenStore{find: func(s *brokenStore, ctx context.Context, h hash) (*bearer.Key, error) {
			key, err := s.lookUp(ctx, h)
			for i := range s.keys {
				if err == nil && s.keys[i].ID == key.ID {
					return &s.keys[i], nil
				}
			}
			return key, err
		}}, "two keys may share an ID"},
		{"returns one record again and again", brokenStore{find: func(s *brokenStore, ctx context.Context, h hash) (*bearer.Key, error) {
			key, err := s.lookUp(ctx, h)
			if err != nil || s.keys[len(s.keys)-1].Owner == "owner_7" { // concurrent calls: no race in this test
				return key, err
			}
			s.last = *key
			return &s.last, nil
		}}, "a key that was returned does not change"},
		{"cannot read any key", brokenStore{find: func(s *brokenStore, ctx context.Context, h hash) (*bearer.Key, error) {
			if _, err := s.lookUp(ctx, h); err != nil {
				return nil, err
			}
			return nil, errScan
		}}, reads},
		{"cannot read an expiry", failing(errScan, func(k *bearer.Key) bool { return !k.ExpiresAt.IsZero() }), reads},
		{"cannot read a negative burst", failing(errScan, func(k *bearer.Key) bool { return k.Limit.Burst < 0 }), reads},
		{"remembers for good what was not there", brokenStore{find: func(s *brokenStore, ctx context.Context, h hash) (*bearer.Key, error) {
			key, err := s.lookUp(ctx, h)
			if _, ok := s.missing.Load(h); ok || err != nil {
				s.missing.Store(h, true)
				return nil, bearer.ErrKeyNotFound
			}
			return key, nil
		}}, "a key is found soon after it was issued"},
		{"makes the ID unique", brokenStore{write: func(s *brokenStore, k *bearer.Key) {
			for i := range s.keys {
				if s.keys[i].ID == k.ID {
					k.Hash = s.keys[i].Hash // Add refuses it
				}
			}
		}}, "two keys may share an ID"},
		{"answers one call at a time", brokenStore{find: func(s *brokenStore, ctx context.Context, h hash) (*bearer.Key, error) {
			defer s.calls.Add(-1)
			if s.calls.Add(1) > 1 {
				return nil, errors.New("busy")
			}
			time.Sleep(time.Millisecond)
			return s.lookUp(ctx, h)
		}}, "FindKey is safe for concurrent use"},
	}
	for i := range tests {
		tt := &tests[i]
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				err := bearertest.TestKeyStore(&tt.broken, tt.broken.issue)
				assertBroken(t, "TestKeyStore", tt.rule, err)
			})
		})
	}
	t.Run("cannot be filled", func(t *testing.T) {
		err := bearertest.TestKeyStore(new(bearertest.Keys), func(bearer.Key) error { return errNoRows })
		assertBroken(t, "TestKeyStore", "TestKeyStore needs keys in the store", err)
	})
}
