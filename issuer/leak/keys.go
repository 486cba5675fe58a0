package leak

import (
	"context"
	"crypto/ecdsa"
	"fmt"
	"sync"
	"time"

	"github.com/blockauth/bearer"
)

const (
	maxAge       = time.Hour        // after which keys are fetched again
	maxStale     = 24 * time.Hour   // after which they are not used, if that fails
	minRetry     = 10 * time.Second // before the first fetch after one that failed; then twice as long, and so on
	maxRetry     = 5 * time.Minute
	fetchTimeout = 5 * time.Second
)

// fetchLimit is that of all fetches. GitHub allows an address 60 an hour.
var fetchLimit = bearer.Limit{Rate: 12.0 / 3600, Burst: 4}

// A keySet remembers the keys that verify messages. Clients choose the identifier
// of a key, so that one that is not known must not cost a fetch each time: however
// many are asked for, fetches keep to fetchLimit, and wait for minRetry and more
// after one that failed; meanwhile the answer is that of the last one.
//
// Say that the keys were fetched at 12:00. The first identifier that is not among
// them fetches again, and all others wait for its answer; so do the next two. A
// flood of them is then refused, but for one each five minutes, that fetches. One
// that is among them is good without a fetch until 13:00. Then one request fetches
// again; if GitHub is away, the old keys are good until 12:00 of the next day.
type keySet struct {
	fetch   func(context.Context) (map[string]*ecdsa.PublicKey, error)
	fetches bearer.Buckets // one of them

	mu       sync.Mutex
	keys     map[string]*ecdsa.PublicKey
	at       time.Time     // when keys were fetched
	next     time.Time     // when they may be fetched again, after a failure
	failures int           // since at
	problem  error         // of the last fetch
	flight   chan struct{} // closed when the fetch that is under way has ended; nil: none is
}

// find returns the key with the identifier (403, 503).
func (s *keySet) find(ctx context.Context, identifier string) (*ecdsa.PublicKey, error) {
	key, flight, err := s.look(identifier)
	if flight == nil {
		return key, err
	}
	select {
	case <-flight:
	case <-ctx.Done():
		return nil, outage(context.Cause(ctx))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.remembered(identifier)
}

// look returns a key, or a fetch that has to be waited for. It begins one if it is
// due.
func (s *keySet) look(identifier string) (*ecdsa.PublicKey, <-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.keys[identifier] != nil && now.Sub(s.at) < maxAge {
		return s.keys[identifier], nil, nil
	}
	if s.flight == nil && !now.Before(s.next) && s.mayFetch() {
		s.flight = make(chan struct{})
		go s.refresh(s.flight)
	}
	if s.flight != nil {
		return nil, s.flight, nil
	}
	key, err := s.remembered(identifier)
	return key, nil, err
}

// mayFetch takes one of the fetches that fetchLimit allows.
func (s *keySet) mayFetch() bool {
	u, err := s.fetches.Take(context.Background(), bearer.Bucket{Class: "ip"}, 1, fetchLimit)
	return err == nil && u.Allowed
}

// remembered returns a key as the last fetch left it, with mu held.
func (s *keySet) remembered(identifier string) (*ecdsa.PublicKey, error) {
	key := s.keys[identifier]
	switch {
	case key != nil && time.Since(s.at) < maxStale:
		return key, nil
	case s.problem != nil:
		e := &bearer.Error{
			Code: bearer.CodeServiceUnavailable, Reason: "keys_unavailable", RetryAfter: max(time.Until(s.next), time.Second),
		}
		return nil, e.WithCause(s.problem)
	default:
		return nil, wrongSignature("no key has the identifier")
	}
}

// refresh fetches the keys, for all who wait: no client's leaving ends it.
func (s *keySet) refresh(done chan<- struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	keys, err := s.fetchSafely(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.flight, s.problem = nil, err
	if err == nil {
		s.keys, s.at, s.next, s.failures = keys, now, now, 0
	} else {
		s.next = now.Add(min(minRetry<<min(s.failures, 5), maxRetry))
		s.failures++
	}
	close(done)
}

// fetchSafely fetches the keys. A client that panics has failed.
func (s *keySet) fetchSafely(ctx context.Context) (keys map[string]*ecdsa.PublicKey, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("leak: the fetch of the public keys: a panic: %T", p)
		}
	}()
	keys, err = s.fetch(ctx)
	if err != nil {
		return nil, fmt.Errorf("leak: the fetch of the public keys: %w", err)
	}
	return keys, nil
}
