package bearertest_test

import (
	"context"
	"errors"
	"hash/crc32"
	"hash/fnv"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

// Each of these stores is right about a key alone, and wrong about it beside
// others, or later.
func TestKeyStoresThatMixKeysUp(t *testing.T) {
	const (
		fields    = "FindKey returns every field of a key as it was stored"
		refusable = "a key that is revoked or expired is returned with its RevokedAt and ExpiresAt, or not at all"
		sameID    = "keys that share an ID are told apart"
		good      = "a key that is good is found, whatever it holds"
		stays     = "a key stays as it was issued, whatever is issued later and however long ago it was"
		kept      = "a key that was returned does not change"
		ownKey    = "a hash finds its own key only"
	)
	owner := func(k *key) string { return k.Owner }
	id := func(k *key) string { return k.ID }
	tests := []struct {
		name   string
		broken *testStore
		want   string
	}{
		{"has one limit for an owner", lastBy(owner, func(k *key) *limit { return &k.Limit }), stays},
		{"has the same scopes for an owner", lastBy(owner, func(k *key) *bearer.Scopes { return &k.Scopes }), stays},
		{"has one revocation for an owner", lastBy(owner, func(k *key) *time.Time { return &k.RevokedAt }),
			"revoked, after another key of their owner was issued: RevokedAt: got the zero time"},
		{"has the first limit of an owner", firstBy(owner, func(k *key) *limit { return &k.Limit }), fields},
		{"has one limit for an ID", lastBy(id, func(k *key) *limit { return &k.Limit }), sameID},
		{"has one revocation for an ID", lastBy(id, func(k *key) *time.Time { return &k.RevokedAt }), sameID},
		{"finds records by an ID without case", byID(strings.ToLower), sameID},
		{"finds records by a trimmed ID", byID(strings.TrimSpace), sameID},
		{"finds records by a part of the ID", byID(func(id string) string { return cut(id, 19) }), sameID},
		{"holds 16 keys", holdingLast(16), stays},
		{"holds 128 keys", holdingLast(128), "a plain key, after all others were issued: got the error"},
		{"drops keys after a day", later(24*time.Hour, func(*key) error { return bearer.ErrKeyNotFound }), stays},
		{"reloads keys without their limits", later(30*time.Second, func(k *key) error {
			k.Limit = limit{}
			return nil
		}), "a limit, 45s later: Limit: got the zero limit, want 20 a minute, burst 20: so it was found before"},

		{"leaves out what expires today", leavingOut(func(k *key) bool {
			return !k.ExpiresAt.IsZero() && k.ExpiresAt.Before(time.Now().Truncate(24*time.Hour).Add(24*time.Hour))
		}), "an expiry in ten minutes: got the error"},
		{"leaves out what ends by the clock of another zone", leavingOut(func(k *key) bool {
			return !k.EndsAt.IsZero() && k.EndsAt.Before(time.Now().Add(2*time.Hour))
		}), good},
		{"leaves out keys with large limits", leavingOut(func(k *key) bool { return k.Limit.Burst > 1<<20 }), good},

		{"revokes no publishable key", neverRevoked(func(k *key) bool { return k.Kind == bearer.PublishableKey }), refusable},
		{"revokes no live key", neverRevoked(func(k *key) bool { return k.Environment == bearer.Live }), refusable},
		{"revokes no key that was rotated", neverRevoked(func(k *key) bool { return !k.EndsAt.IsZero() }), refusable},
		{"revokes no key without an owner", neverRevoked(func(k *key) bool { return k.Owner == "" }), refusable},

		{"names entries by CRC-32", namingEntries(func(h hash) any { return crc32.ChecksumIEEE(h[:]) }), "the same CRC-32: got"},
		{"names entries by CRC-32C", namingEntries(func(h hash) any {
			return crc32.Checksum(h[:], crc32.MakeTable(crc32.Castagnoli))
		}), "the same CRC-32C: got"},
		{"names entries by FNV-1", namingEntries(func(h hash) any {
			sum := fnv.New32()
			_, _ = sum.Write(h[:])
			return sum.Sum32()
		}), "the same FNV-1 of 32 bits: got"},
		{"names entries by FNV-1a", namingEntries(func(h hash) any {
			sum := fnv.New32a()
			_, _ = sum.Write(h[:])
			return sum.Sum32()
		}), "the same FNV-1a of 32 bits: got"},
		{"names entries by digits without zeros", namingEntries(func(h hash) any {
			var name string
			for _, b := range h {
				name += strconv.FormatInt(int64(b), 16)
			}
			return name
		}), ownKey},
		{"shares the deadline of look-ups", sharingLookUps(func(ctx ctxt) ctxt {
			rest := context.WithoutCancel(ctx)
			if at, ok := ctx.Deadline(); ok {
				var cancel func()
				rest, cancel = context.WithDeadline(rest, at)
				time.AfterFunc(time.Minute, cancel)
			}
			return rest
		}, func(h hash) any { return h }), "a call beside another, whose context had its deadline: got the error"},
		{"writes to the data of a record", writingData(), kept},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				err := bearertest.TestKeyStore(tt.broken, tt.broken.issue)
				assertBroken(t, "TestKeyStore", tt.want, err)
				assert.Equal(t, 1, strings.Count(err.Error(), "\tfix: "), "%v", err)
				time.Sleep(time.Minute) // a look-up that is shared goes on
			})
		})
	}
}

// A column of UUIDs or of numbers writes some owners in another way.
func TestKeyStoresThatRewriteOwners(t *testing.T) {
	tests := []struct {
		name   string
		parses func(owner string) bool
		format func(owner string) string
	}{
		{"UUIDs", func(owner string) bool { return len(owner) == 36 && strings.Count(owner, "-") == 4 }, strings.ToLower},
		{"numbers", func(owner string) bool {
			_, err := strconv.ParseInt(owner, 10, 64)
			return err == nil
		}, byInteger},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			right := refusing(func(_ *testStore, k *key) error { return refuse(!tt.parses(k.Owner), errors.ErrUnsupported) })
			right.write = func(k *key) { k.Owner = tt.format(k.Owner) }
			assert.NoError(t, bearertest.TestKeyStore(right, right.issue))
		})
	}
}

// What a store makes of local time is seen where that is not UTC alone, as docs say.
func TestKeyStoresThatMistakeLocalTime(t *testing.T) {
	const newYork = "America/New_York"
	if os.Getenv("TZ") != newYork {
		again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		again.Env = append(os.Environ(), "TZ="+newYork)
		out, err := again.CombinedOutput()
		assert.NoError(t, err, "%s", out)
		return
	}
	if _, offset := time.Now().Zone(); offset == 0 {
		t.Skip("there are no zones on this machine")
	}
	for name, change := range map[string]func(at time.Time) time.Time{
		"writes UTC and reads local time": func(at time.Time) time.Time {
			read, _ := time.ParseInLocation(time.DateTime, at.UTC().Format(time.DateTime), time.Local)
			return read
		},
		"writes local time and reads UTC": func(at time.Time) time.Time {
			read, _ := time.Parse(time.DateTime, at.Local().Format(time.DateTime))
			return read
		},
	} {
		broken := reading(times(change))
		err := bearertest.TestKeyStore(broken, broken.issue)
		assert.ErrorContains(t, err, "an expiry: ExpiresAt: got ", name)
	}
	var right bearertest.Keys
	assert.NoError(t, bearertest.TestKeyStore(&right, right.Add))
}

// lastBy keeps a field by a name that several keys may have, as the last of them
// had it.
func lastBy[T any](name func(*key) string, field func(*key) *T) *testStore {
	kept := make(map[string]T)
	return &testStore{
		write: func(k *key) { kept[name(k)] = *field(k) },
		read:  func(k *key) { *field(k) = kept[name(k)] },
	}
}

// firstBy is lastBy as the first of them had it.
func firstBy[T any](name func(*key) string, field func(*key) *T) *testStore {
	kept := make(map[string]T)
	return &testStore{
		write: func(k *key) {
			if _, ok := kept[name(k)]; !ok {
				kept[name(k)] = *field(k)
			}
		},
		read: func(k *key) { *field(k) = kept[name(k)] },
	}
}

// byID finds a name by the hash, and the record by the name.
func byID(name func(id string) string) *testStore {
	names, records := make(map[hash]string), make(map[string]key)
	s := finding(func(_ *testStore, _ ctxt, h hash) (*key, error) {
		id, ok := names[h]
		if !ok {
			return nil, bearer.ErrKeyNotFound
		}
		k := records[id]
		k.Hash = h
		return &k, nil
	})
	s.refuse = func(_ *testStore, k *key) error {
		names[k.Hash], records[name(k.ID)] = name(k.ID), *k
		return nil
	}
	return s
}

// holdingLast holds the last keys that were issued.
func holdingLast(most int) *testStore {
	s := new(testStore)
	s.find = func(s *testStore, ctx ctxt, h hash) (*key, error) {
		k, err := s.lookUp(ctx, h)
		if err == nil && !slices.ContainsFunc(s.keys[max(0, len(s.keys)-most):], func(k key) bool { return k.Hash == h }) {
			return nil, bearer.ErrKeyNotFound
		}
		return k, err
	}
	return s
}

// later changes what was found some time ago for the first time.
func later(after time.Duration, change func(*key) error) *testStore {
	return finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
		k, err := s.lookUp(ctx, h)
		if err != nil {
			return nil, err
		}
		if at, _ := s.memory.LoadOrStore(h, time.Now()); time.Since(at.(time.Time)) >= after {
			err = change(k)
		}
		return k, err
	})
}

func leavingOut(such func(*key) bool) *testStore { return failing(bearer.ErrKeyNotFound, such) }

func neverRevoked(such func(*key) bool) *testStore {
	return reading(func(k *key) {
		if such(k) {
			k.RevokedAt = time.Time{}
		}
	})
}

// writingData returns its records themselves, and writes to them at each look-up.
func writingData() *testStore {
	var mu sync.Mutex
	records := make(map[hash]*key)
	s := finding(func(_ *testStore, _ ctxt, h hash) (*key, error) {
		mu.Lock()
		defer mu.Unlock()
		k := records[h]
		if k == nil {
			return nil, bearer.ErrKeyNotFound
		}
		looked, _ := k.Data.(int)
		k.Data = looked + 1
		return k, nil
	})
	s.refuse = func(_ *testStore, k *key) error {
		c := *k
		records[k.Hash] = &c
		return nil
	}
	return s
}
