package client

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

const (
	fetchTimeout = 30 * time.Second // of one request for a token
	pause        = 10 * time.Second // after an endpoint refused, and between renewals because of refusals
	shortPause   = time.Second      // after it was out of order, or out of reach
	longestPause = time.Hour        // that an endpoint may ask for
)

// Tokens keep the present token, and see to it that one request at a time asks
// for the next.
//
// A token of an hour is used for 59 minutes. Then the next request begins to
// fetch another, and goes out with the old one, as all do until the new one is
// there: so renewals cost no time, and an endpoint may be out of order for a
// minute. Only without a token that is good do requests wait.
type tokens struct {
	fetch func(context.Context) (*token, error)

	mu      sync.Mutex
	current *token    // nil: none yet
	flight  *flight   // nil: no one asks for a token now
	failure error     // of the last flight; nil: it brought a token
	restful time.Time // no flight begins before it, by the clock that no one sets
}

// A flight is one request for a token, for all who wait for it.
type flight struct {
	done  chan struct{} // closed when the others are set
	token *token
	err   error
}

func newTokens(source Source, base http.RoundTripper) *tokens {
	return &tokens{fetch: func(ctx context.Context) (*token, error) { return source.fetch(ctx, base) }}
}

// get returns a token. If one was refused, it returns the one that replaces it.
// A caller whose context ends no longer waits, but what it began goes on for the
// others.
func (t *tokens) get(ctx context.Context, refused *token) (*token, error) {
	token, flight, err := t.look(refused)
	if token != nil || err != nil {
		return token, err
	}
	select {
	case <-flight.done:
		return flight.token, flight.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// look returns a token that can be used now, or else a flight to wait for, or
// else why there is neither. It begins a flight if one is due.
func (t *tokens) look(refused *token) (*token, *flight, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	// Tokens end by the wall clock, also while the machine sleeps. Pauses do not: a
	// wall clock that is set back would make them long.
	now := time.Now()
	wall := now.Round(0)
	isRefused := refused != nil && refused == t.current
	good := t.current != nil && wall.Before(t.current.endsAt) && !isRefused
	if good && wall.Before(t.current.renewAt) {
		return t.current, nil, nil
	}
	// An endpoint of the API may refuse every token, and is no reason to ask for
	// one at each request.
	if isRefused && !refused.forced.IsZero() && now.Sub(refused.forced) < pause {
		return refused, nil, nil
	}
	if t.flight == nil && !now.Before(t.restful) {
		t.flight = &flight{done: make(chan struct{})}
		go t.run(t.flight, isRefused)
	}
	switch {
	case good:
		return t.current, nil, nil
	case t.flight != nil:
		return nil, t.flight, nil
	default:
		return nil, nil, t.failure
	}
}

// run asks for a token, and wakes those who wait for it.
func (t *tokens) run(f *flight, forced bool) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	f.err = errors.New("client: the transport panicked")
	defer func() {
		_ = recover() // a panic of the base must not end the program: no one could recover it
		t.land(f, forced)
	}()
	f.token, f.err = t.fetch(ctx)
}

// land notes what a flight brought.
func (t *tokens) land(f *flight, forced bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if f.err == nil {
		t.current, t.restful = f.token, time.Time{}
		if forced {
			f.token.forced = now
		}
	} else {
		t.restful = now.Add(restAfter(f.err))
	}
	t.failure, t.flight = f.err, nil
	close(f.done)
}

// restAfter returns how long no one asks after a failure.
func restAfter(err error) time.Duration {
	var e *TokenError
	switch {
	case errors.As(err, &e) && e.RetryAfter > 0:
		return min(e.RetryAfter, longestPause)
	case e == nil || e.StatusCode >= http.StatusInternalServerError:
		return shortPause
	default:
		return pause
	}
}
