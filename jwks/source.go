package jwks

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"

	"github.com/blockauth/bearer"
)

const (
	// demandBurst and demandEvery bound the fetches that tokens with unknown keys
	// cause: by themselves, all callers together cause at most nine in a minute.
	demandBurst = 3
	demandEvery = 10 * time.Second

	// maxWaiting bounds the requests that wait for a fetch. The others are
	// answered by what is known.
	maxWaiting = 1000
)

// A Source finds the keys of one issuer. [New] makes it; it is safe for
// concurrent use.
type Source struct {
	config  Config
	fetcher *fetcher
	set     atomic.Pointer[fetchedSet] // nil: none was fetched yet
	demand  *rate.Limiter              // fetches for tokens with unknown keys
	waiting atomic.Int64               // requests that wait for a fetch
	asked   chan struct{}              // tells run that a request began a fetch

	mu    sync.Mutex
	fetch chan struct{} // closed when the fetch under way is over; nil: none is
	ended bool          // run has ended: nothing is fetched any more
}

// A fetchedSet is a set and its age, by the monotonic clock: steps of the wall
// clock do not change it.
type fetchedSet struct {
	*keySet
	at     time.Time
	maxAge time.Duration
}

func (s *fetchedSet) isFresh() bool { return time.Since(s.at) <= s.maxAge }

func newSource(config Config) *Source {
	return &Source{
		config:  config,
		fetcher: newFetcher(config),
		demand:  rate.NewLimiter(rate.Every(demandEvery), demandBurst),
		asked:   make(chan struct{}, 1),
		fetch:   make(chan struct{}), // run begins with one: first requests wait for it
	}
}

var (
	errNotMade = errors.New("jwks: a Source that New has not made")
	errNoKeys  = errors.New("jwks: there is no key set that is not too old")
	errStale   = errors.New("jwks: no key has the kid of the token, in a key set that is not fresh")
	errHeader  = fmt.Errorf("jwks: the token has no alg, or a kid that is no string: %w", bearer.ErrKeyNotFound)
)

// Keyfunc is a [jwt.Keyfunc] for [bearer.JWT]: it returns the key that t names,
// or if several fit, a [jwt.VerificationKeySet]. The error wraps
// [bearer.ErrKeyNotFound] if the issuer has no such key; any other is an outage.
// It waits, up to Config.Timeout, only if the key is not known.
func (s *Source) Keyfunc(t *jwt.Token) (any, error) {
	if s == nil || s.fetcher == nil {
		return nil, errNotMade
	}
	kid, alg, err := nameOf(t)
	if err != nil {
		return nil, err
	}
	key, err := s.find(kid, alg)
	if err == nil || errors.Is(err, errUnfit) || errors.Is(err, errNoKID) || !s.waitForFetch() {
		return key, err
	}
	return s.find(kid, alg)
}

// nameOf returns what a token says of its key.
func nameOf(t *jwt.Token) (kid, alg string, err error) {
	if t == nil || t.Method == nil {
		return "", "", errHeader
	}
	if v, there := t.Header["kid"]; there {
		var ok bool
		if kid, ok = v.(string); !ok {
			return "", "", errHeader
		}
	}
	return kid, shortName(t.Method.Alg()), nil
}

// find looks for a key in the set that is there.
func (s *Source) find(kid, alg string) (any, error) {
	set := s.set.Load()
	if set == nil || time.Since(set.at) > s.config.MaxStale {
		return nil, errNoKeys
	}
	key, err := set.find(kid, alg)
	if errors.Is(err, errUnknownKID) && !set.isFresh() {
		return nil, errStale // the issuer may have changed its keys since
	}
	return key, err
}

// waitForFetch waits for the fetch that is under way, or for one that it begins
// if the bucket has a token. It reports whether one has ended meanwhile.
//
// An example of what the bucket does: the issuer changes its key while somebody
// sends a hundred tokens with made-up kids a second. The first three of these
// caused a fetch each, and the bucket gets its next token within ten seconds.
// Until then tokens with the new key are 401 as well, and from then on they are
// good. Without the other tokens, the first with the new key waits for one fetch.
func (s *Source) waitForFetch() bool {
	if s.waiting.Add(1) > maxWaiting {
		s.waiting.Add(-1)
		return false
	}
	defer s.waiting.Add(-1)
	over := s.join()
	if over == nil {
		return false
	}
	timeout := time.NewTimer(s.config.Timeout)
	defer timeout.Stop()
	select {
	case <-over:
		return true
	case <-timeout.C:
		return false
	}
}

// join returns a channel that is closed when the fetch under way, or one that it
// begins, is over; nil if there is none and none is allowed.
func (s *Source) join() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fetch == nil && !s.ended && s.demand.Allow() {
		s.fetch = make(chan struct{})
		s.asked <- struct{}{} // has room: run has taken it before it ended the last fetch
	}
	return s.fetch
}

// run fetches until ctx ends: by its schedule, and when a request asks.
func (s *Source) run(ctx context.Context) {
	defer s.end()
	var next schedule
	for onDemand := false; ; {
		fetch := s.attempt(ctx)
		if ctx.Err() != nil {
			return
		}
		fetch.OnDemand = onDemand
		next.set(fetch.Err == nil, onDemand, s.set.Load())
		s.observe(fetch)
		timer := time.NewTimer(time.Until(next.at))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
			onDemand = false
		case <-s.asked:
			timer.Stop()
			onDemand = true
		}
	}
}

// attempt fetches the set once, and keeps what there was if that fails.
func (s *Source) attempt(ctx context.Context) Fetch {
	over := s.begin()
	start := time.Now()
	set, err := s.fetcher.fetch(ctx)
	fetch := Fetch{Duration: time.Since(start), Err: err}
	if err == nil {
		fetch.Keys, fetch.Ignored = set.keys, set.ignored
		s.set.Store(set)
	}
	over()
	return fetch
}

// begin begins a fetch, or goes on with the one that a request has begun, and
// returns what ends it.
func (s *Source) begin() (over func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fetch == nil {
		s.fetch = make(chan struct{})
	}
	select {
	case <-s.asked: // by a request, when the schedule was due as well
	default:
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		close(s.fetch)
		s.fetch = nil
	}
}

// end lets go the requests that wait.
func (s *Source) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if s.fetch != nil {
		close(s.fetch)
		s.fetch = nil
	}
}

// observe tells Config.Observe of a fetch. A panic there ends neither the source
// nor the program, of which run is no request.
func (s *Source) observe(fetch Fetch) {
	if s.config.Observe == nil {
		return
	}
	defer func() { _ = recover() }()
	s.config.Observe(fetch)
}
