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
	// demandBurst and demandEvery bound the fetches that tokens with unknown
	// keys cause: by themselves, all callers together cause at most nine in a
	// minute.
	demandBurst = 3
	demandEvery = 10 * time.Second

	// maxWaiting bounds the tokens that wait for a fetch. The others are
	// answered by what is known.
	maxWaiting = 1000
)

// A Source finds the keys of one issuer. [New] makes it; it is safe for
// concurrent use.
type Source struct {
	config  Config
	fetcher *fetcher
	current atomic.Pointer[fetchedSet] // nil: none was fetched yet
	failure atomic.Pointer[error]      // of the last fetch; nil: there was none yet, or it did not fail
	demand  *rate.Limiter              // fetches for tokens with unknown keys
	waiting atomic.Int64               // tokens that wait for a fetch
	asked   chan struct{}              // tells run that a token began an attempt

	mu      sync.Mutex
	attempt *attempt // that is under way; nil: none
	ended   bool     // run has ended: nothing is fetched any more
}

// An attempt is a fetch that is under way.
type attempt struct {
	began time.Time
	over  chan struct{} // closed when it is
}

func newAttempt() *attempt { return &attempt{time.Now(), make(chan struct{})} }

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
		attempt: newAttempt(), // the first tokens wait for run's first one
	}
}

var (
	errNotMade = errors.New("jwks: a Source that New has not made")
	errNoKeys  = errors.New("jwks: there is no key set, or it is too old")
	errStale   = errors.New("jwks: no key has the kid of the token, in a key set that is not fresh")
	errHeader  = fmt.Errorf("jwks: the token has no alg, or a kid that is no string: %w", bearer.ErrKeyNotFound)
)

// Keyfunc is a [jwt.Keyfunc] for [bearer.JWT]: it returns the key that t
// names, or if several fit, a [jwt.VerificationKeySet]. The error wraps
// [bearer.ErrKeyNotFound] if the issuer has no such key; any other is an
// outage. It waits, up to Config.Timeout, only if the key is not known.
func (s *Source) Keyfunc(t *jwt.Token) (any, error) {
	if s == nil || s.fetcher == nil {
		return nil, errNotMade
	}
	kid, alg, err := nameOf(t)
	if err != nil {
		return nil, err
	}
	seen := s.current.Load()
	key, err := s.find(kid, alg)
	if !mayBeFetched(err) {
		return key, err
	}
	return s.findAfterFetch(kid, alg, seen)
}

// mayBeFetched reports whether another set of the issuer may have a key that
// find has not found.
func mayBeFetched(err error) bool {
	return err != nil && !errors.Is(err, errUnfit) && !errors.Is(err, errNoKID)
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
	set := s.current.Load()
	if set == nil || time.Since(set.at) > s.config.MaxStale {
		return nil, s.whyNoKeys()
	}
	key, err := set.find(kid, alg)
	if errors.Is(err, errUnknownKID) && !set.isFresh() {
		return nil, errStale // the issuer may have changed its keys since
	}
	return key, err
}

// whyNoKeys returns errNoKeys with the error of the last fetch. It wraps only the
// first: whatever a fetch met, it is an outage.
func (s *Source) whyNoKeys() error {
	if failure := s.failure.Load(); failure != nil {
		return fmt.Errorf("%w: %v", errNoKeys, *failure) //nolint:errorlint // not to be wrapped
	}
	return errNoKeys
}

// findAfterFetch looks for a key that is not in the set that was seen, after
// the fetch that is under way, or one that it begins if the bucket has a token.
//
// An example of what the bucket does: the issuer changes its key while a
// client sends a hundred tokens with made-up kids a second. The first three of
// these caused a fetch each, and the bucket gets its next token within ten
// seconds. Until then tokens with the new key are 401 as well, and from then
// on they are good. Without the other tokens, the first with the new key waits
// for one fetch.
//
// A fetch that began before the token came may have met the issuer before it
// changed its key. With an issuer that takes 3 s, a token that comes 1 s after
// the fetch began waits 2 s for it and, if its key is not there, 3 s for
// another; both within Timeout.
func (s *Source) findAfterFetch(kid, alg string, seen *fetchedSet) (any, error) {
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > maxWaiting {
		return s.find(kid, alg)
	}
	came := time.Now()
	timeout := time.NewTimer(s.config.Timeout)
	defer timeout.Stop()
	for {
		joined := s.join(seen)
		if joined == nil {
			return s.find(kid, alg)
		}
		select {
		case <-joined.over:
		case <-timeout.C:
			return s.find(kid, alg)
		}
		seen = s.current.Load()
		key, err := s.find(kid, alg)
		if !mayBeFetched(err) || !joined.began.Before(came) {
			return key, err
		}
	}
}

// join returns the attempt under way, or one that it begins. It returns nil if
// none is allowed, or if there is a newer set than the one that was seen.
func (s *Source) join(seen *fetchedSet) *attempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.attempt == nil && s.current.Load() == seen && !s.ended && s.demand.Allow() {
		s.attempt = newAttempt()
		s.asked <- struct{}{} // has room: run has taken it before it ended the last
	}
	return s.attempt
}

// run fetches until ctx ends: by its schedule, and when a token asks.
func (s *Source) run(ctx context.Context) {
	defer s.end()
	var next schedule
	for onDemand := false; ; {
		f := s.fetchOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		f.OnDemand = onDemand
		next.follow(f, s.current.Load())
		s.observe(f)
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

// fetchOnce fetches the set, and keeps what there was if that fails.
func (s *Source) fetchOnce(ctx context.Context) Fetch {
	s.begin()
	start := time.Now()
	fetched, err, discovery := s.fetcher.fetchSet(ctx)
	f := Fetch{Duration: time.Since(start), Err: err, Discovery: discovery}
	s.failure.Store(nil)
	if err == nil {
		f.Keys, f.Ignored = fetched.keys, fetched.ignored
	} else {
		s.failure.Store(&err)
	}
	s.finish(fetched)
	return f
}

// begin begins an attempt, or goes on with the one that a token has begun.
func (s *Source) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.attempt == nil {
		s.attempt = newAttempt()
	}
	select {
	case <-s.asked: // by a token, when the schedule was due as well
	default:
	}
}

// finish ends the attempt under way, with the set that was fetched or nil. No
// token that has seen the set joins this attempt: it would miss a later change.
func (s *Source) finish(fetched *fetchedSet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fetched != nil {
		s.current.Store(fetched)
	}
	if s.attempt != nil {
		close(s.attempt.over)
		s.attempt = nil
	}
}

// end ends all attempts.
func (s *Source) end() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.finish(nil)
}

// observe tells Config.Observe of a fetch. A panic there ends neither the
// source nor the program, of which run is no request.
func (s *Source) observe(f Fetch) {
	if s.config.Observe == nil {
		return
	}
	defer func() { _ = recover() }()
	s.config.Observe(f)
}
