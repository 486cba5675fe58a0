package storesuite

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/blockauth/bearer"
)

// concurrent looks up keys, and hashes that are not there, on many goroutines. If
// the store writes to what it has returned, it is known, and goes without saying.
func (s *suite) concurrent() {
	if s.Broken(ruleKept) {
		return
	}
	keys := make([]bearer.Key, 8)
	for i := range keys {
		owned := func(k *bearer.Key) { k.Owner = fmt.Sprintf("owner_%d", i) }
		filled := func(k *bearer.Key) {
			fill(k)
			owned(k)
		}
		isStored := func(change func(*bearer.Key)) bool {
			keys[i] = s.newKey()
			change(&keys[i])
			return s.offer(keys[i])
		}
		if !slices.ContainsFunc([]func(*bearer.Key){filled, owned, isPlain}, isStored) {
			return
		}
	}
	s.Together(4*len(keys), "concurrent calls", rulePanic, func(i int) {
		for range 8 {
			s.find(ruleConcurrent, "concurrent calls", &keys[i%len(keys)])
			s.missing(ruleConcurrent, "concurrent calls", s.newKey().Hash)
		}
	})
	for range 4 {
		if !s.Broken(ruleConcurrent) && !s.Broken(ruleOwnKey) {
			s.similarHashes()
		}
	}
}

// similarHashes looks up a key and the hashes that differ from its own in a
// bit, all at the same time: a store may let calls share a look-up, by a part
// of the hash.
func (s *suite) similarHashes() {
	key := s.newKey()
	if !s.put("concurrent calls", key) {
		return
	}
	s.Together(len(key.Hash)+1, "concurrent calls", rulePanic, func(i int) {
		if i == len(key.Hash) {
			s.find(ruleOwnKey, "hashes that differ in a bit were asked for at the same time", &key)
			return
		}
		if found, err := s.ask(withOtherBit(key.Hash, i)); err == nil && found != nil {
			s.Stopf(ruleOwnKey, "a hash that differs in a bit, asked for at the same time: got the %s, want no key", found)
		}
	})
}

// shared looks up a key on several goroutines. The context of the first ends while
// the store is at work: the others may wait for the same look-up. If one takes 20
// ms, the others come 5 ms after the first, which is cancelled, or has its
// deadline, 5 ms later.
func (s *suite) shared() {
	if s.Broken(ruleKept) || s.Broken(ruleConcurrent) || s.Broken(ruleDone) {
		return
	}
	key := s.newKey()
	if !s.put("several calls", key) {
		return
	}
	start := time.Now()
	_, _ = s.ask(key.Hash)
	took := time.Since(start)
	for range 4 {
		cancelled, cancel := context.WithCancel(context.Background())
		s.endFirst(cancelled, "was cancelled", took/4, took/2, cancel)
		expired, cancel := context.WithTimeout(context.Background(), took/2)
		s.endFirst(expired, "had its deadline", took/4, took, cancel)
	}
}

// endFirst starts one call by the context, others after a time, and cancels the
// first after another.
func (s *suite) endFirst(ctx context.Context, how string, join, end time.Duration, cancel func()) {
	defer cancel()
	key := s.newKey()
	if !s.put("several calls", key) {
		return
	}
	s.Together(6, "several calls", rulePanic, func(i int) {
		switch i {
		case 0:
			s.findWith(ctx, "a context that "+how+" meanwhile", &key)
		case 1:
			time.Sleep(end)
			cancel()
		default:
			time.Sleep(join)
			s.find(ruleShared, "a call beside another, whose context "+how, &key)
		}
	})
	if !s.Broken(ruleShared) {
		s.find(ruleShared, "a call after another, whose context "+how, &key)
	}
}
