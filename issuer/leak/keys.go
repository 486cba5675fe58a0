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
	minInterval  = 5 * time.Minute  // between two fetches: 12 an hour, of 60 that GitHub allows an address
	minRetry     = 10 * time.Second // before the first fetch after one that failed; then twice as long, and so on
	fetchTimeout = 5 * time.Second
)

// A keySet remembers the keys that verify messages. Clients choose the identifier
// of a key, so that one that is not known must not cost a fetch each time: however
// many are asked for, a fetch follows another after minInterval, or after minRetry
// if it failed, and meanwhile the answer is that of the last one.
//
// Say that the keys were fetched at 12:00. An identifier that is not among them is
// refused until 12:05; the first after that fetches, and all others wait for its
// answer. One that is among them is good without a fetch until 13:00. Then one
// request fetches again; if GitHub is away, the old keys are good until 12:00 of
// the next day.
type keySet struct {
	fetch func(context.Context) (map[string]*ecdsa.PublicKey, error)

	mu       sync.Mutex
	keys     map[string]*ecdsa.PublicKey
	at       time.Time     // when keys were fetched
	next     time.Time     // when they may be fetched again
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
	if s.flight == nil && !now.Before(s.next) {
		s.flight = make(chan struct{})
		go s.refresh(s.flight)
	}
	if s.flight != nil {
		return nil, s.flight, nil
	}
	key, err := s.remembered(identifier)
	return key, nil, err
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
		s.keys, s.at, s.next, s.failures = keys, now, now.Add(minInterval), 0
	} else {
		s.next = now.Add(min(minRetry<<min(s.failures, 5), minInterval))
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
