package bearertest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/blockauth/bearer"
)

type (
	hash = bearer.KeyHash
	key  = bearer.Key
	ctxt = context.Context
)

var (
	errNoRows = errors.New("no rows in result set")
	errScan   = errors.New("converting NULL to string is unsupported")
)

// A testStore is a good store, but for what its fields change.
type testStore struct {
	good   bearer.MemoryStore
	keys   []key                                      // all that was issued, in order
	refuse func(*testStore, *key) error               // what issue says to a record
	write  func(*key)                                 // changes what is stored
	read   func(*key)                                 // changes what is found
	find   func(*testStore, ctxt, hash) (*key, error) // instead of FindKey
	same   func(stored, asked []byte) bool            // compares hashes instead of ==
	memory sync.Map                                   // of whatever find keeps
}

func (s *testStore) issue(k key) error {
	if s.refuse != nil {
		if err := s.refuse(s, &k); err != nil {
			return err
		}
	}
	if s.write != nil {
		s.write(&k)
	}
	s.keys = append(s.keys, k)
	return s.good.Add(k)
}

func (s *testStore) FindKey(ctx context.Context, h hash) (*key, error) {
	if s.find != nil {
		return s.find(s, ctx, h)
	}
	return s.lookUp(ctx, h)
}

// lookUp is FindKey without find.
func (s *testStore) lookUp(ctx context.Context, h hash) (*key, error) {
	found, err := s.row(ctx, h)
	if err != nil {
		return nil, err
	}
	k := *found
	if s.read != nil {
		s.read(&k)
	}
	return &k, nil
}

func (s *testStore) row(ctx context.Context, h hash) (*key, error) {
	if s.same == nil {
		return s.good.FindKey(ctx, h)
	}
	for i := range s.keys {
		if s.same(s.keys[i].Hash[:], h[:]) {
			return &s.keys[i], nil
		}
	}
	return nil, bearer.ErrKeyNotFound
}

func reading(change func(*key)) *testStore { return &testStore{read: change} }

func comparing(same func(stored, asked []byte) bool) *testStore { return &testStore{same: same} }

func finding(find func(*testStore, ctxt, hash) (*key, error)) *testStore {
	return &testStore{find: find}
}

func refusing(refuse func(*testStore, *key) error) *testStore { return &testStore{refuse: refuse} }

func refuse(such bool, err error) error {
	if such {
		return err
	}
	return nil
}

// equally compares what is left of hashes after a change.
func equally(change func([]byte) []byte) *testStore {
	return comparing(func(a, b []byte) bool { return bytes.Equal(change(a), change(b)) })
}

// instead answers where no key is found.
func instead(k *key, err error) *testStore {
	return finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
		if found, notFound := s.lookUp(ctx, h); notFound == nil {
			return found, nil
		}
		return k, err
	})
}

// failing answers with an error where it finds such a key.
func failing(err error, such func(*key) bool) *testStore {
	return finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
		k, notFound := s.lookUp(ctx, h)
		if notFound == nil && such(k) {
			return nil, err
		}
		return k, notFound
	})
}

// doing answers those whose context is done.
func doing(answer func(context.Context) (*key, error)) *testStore {
	return finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
		if isDone(ctx) {
			return answer(ctx)
		}
		return s.lookUp(ctx, h)
	})
}

// second changes what is found from the second time on.
func second(change func(*key) (*key, error)) *testStore {
	return finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
		k, err := s.lookUp(ctx, h)
		if err != nil {
			return k, err
		}
		if _, hit := s.memory.LoadOrStore(h, true); hit {
			return change(k)
		}
		return k, nil
	})
}

// changingHits is second for a change.
func changingHits(change func(*key)) *testStore {
	return second(func(k *key) (*key, error) {
		change(k)
		return k, nil
	})
}

// caching remembers keys by a part of the hash.
func caching(part func(hash) any) *testStore {
	return finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
		if k, ok := s.memory.Load(part(h)); ok {
			return k.(*key), nil
		}
		k, err := s.lookUp(ctx, h)
		if err == nil {
			s.memory.Store(part(h), k)
		}
		return k, err
	})
}

// cachingMisses remembers what is not there by a part of the hash.
func cachingMisses(part func(hash) any) *testStore {
	return finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
		if _, ok := s.memory.Load(part(h)); ok {
			return nil, bearer.ErrKeyNotFound
		}
		k, err := s.lookUp(ctx, h)
		if err != nil {
			s.memory.Store(part(h), true)
		}
		return k, err
	})
}

// forgettingMisses remembers for a while what is not there.
func forgettingMisses(after time.Duration) *testStore {
	return finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
		if asked, ok := s.memory.Load(h); ok && time.Since(asked.(time.Time)) < after {
			return nil, bearer.ErrKeyNotFound
		}
		k, err := s.lookUp(ctx, h)
		if err != nil {
			s.memory.Store(h, time.Now())
		}
		return k, err
	})
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

// cut cuts a text to at most n bytes.
func cut[T ~string](text T, n int) T { return text[:min(n, len(text))] }

func expired(k *key) bool { return !k.ExpiresAt.IsZero() && k.ExpiresAt.Before(time.Now()) }

func reversed(list []netip.Prefix) []netip.Prefix {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

// oneRecord returns one record for all keys.
func oneRecord() *testStore {
	var last key
	return finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
		k, err := s.lookUp(ctx, h)
		if err != nil {
			return k, err
		}
		last = *k
		return &last, nil
	})
}

// oneList returns one list of addresses for all keys.
func oneList() *testStore {
	var last [64]netip.Prefix
	return finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
		k, err := s.lookUp(ctx, h)
		if err == nil {
			k.AllowedIPs = last[:copy(last[:], k.AllowedIPs)]
		}
		return k, err
	})
}

// changingInPlace returns its records themselves, and writes what is issued to
// those that are the same in a way.
func changingInPlace(same func(old, issued *key) bool) *testStore {
	var records []*key
	s := finding(func(_ *testStore, _ ctxt, h hash) (*key, error) {
		for _, k := range records {
			if k.Hash == h {
				return k, nil
			}
		}
		return nil, bearer.ErrKeyNotFound
	})
	s.refuse = func(_ *testStore, k *key) error {
		for _, old := range records {
			if same(old, k) {
				old.RevokedAt = k.RevokedAt
			}
		}
		c := *k
		records = append(records, &c)
		return nil
	}
	return s
}

// inSortedList returns records of a list that it sorts by their hashes.
func inSortedList() *testStore {
	records := make([]key, 0, 10_000)
	at := func(h hash) (int, bool) {
		return slices.BinarySearchFunc(records, h, func(k key, h hash) int { return bytes.Compare(k.Hash[:], h[:]) })
	}
	s := finding(func(_ *testStore, _ ctxt, h hash) (*key, error) {
		if i, ok := at(h); ok {
			return &records[i], nil
		}
		return nil, bearer.ErrKeyNotFound
	})
	s.refuse = func(_ *testStore, k *key) error {
		i, ok := at(k.Hash)
		if ok {
			return errors.New("its hash is in the store already")
		}
		records = slices.Insert(records, i, *k)
		return nil
	}
	return s
}

// namingEntries keeps entries by a name, and answers with the hash that was asked for.
func namingEntries(name func(hash) any) *testStore {
	s := finding(func(s *testStore, _ ctxt, h hash) (*key, error) {
		k, ok := s.memory.Load(name(h))
		if !ok {
			return nil, bearer.ErrKeyNotFound
		}
		found := k.(key)
		found.Hash = h
		return &found, nil
	})
	s.refuse = func(s *testStore, k *key) error {
		s.memory.Store(name(k.Hash), *k)
		return nil
	}
	return s
}

// assigningIDs numbers the keys in the order in which they are issued.
func assigningIDs(from int64) *testStore {
	return &testStore{write: func(k *key) {
		k.ID = strconv.FormatInt(from, 10)
		from++
	}}
}

// holding holds such keys only.
func holding(such func(*key) bool) *testStore { return new(testStore).holding(such) }

func (s *testStore) holding(such func(*key) bool) *testStore {
	s.refuse = func(_ *testStore, k *key) error {
		return refuse(!such(k), fmt.Errorf("no column for it: %w", errors.ErrUnsupported))
	}
	return s
}

// sharingLookUps lets calls that are named alike wait for one look-up, by the
// context of the first. A look-up takes 20 ms.
func sharingLookUps(contextOf func(ctxt) ctxt, name func(hash) any) *testStore {
	type lookUp struct {
		done chan struct{}
		key  *key
		err  error
	}
	return finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
		mine := &lookUp{done: make(chan struct{})}
		v, others := s.memory.LoadOrStore(name(h), mine)
		l, _ := v.(*lookUp)
		if !others {
			go func() {
				defer close(l.done)
				defer s.memory.Delete(name(h))
				ctx := contextOf(ctx)
				select {
				case <-ctx.Done():
					l.err = ctx.Err()
				case <-time.After(20 * time.Millisecond):
					l.key, l.err = s.lookUp(ctx, h)
				}
			}()
		}
		select {
		case <-l.done:
			return l.key, l.err
		case <-ctx.Done():
			if !others {
				<-l.done // so that those that come later begin anew
			}
			return nil, ctx.Err()
		}
	})
}
