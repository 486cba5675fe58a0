//go:build unix

package main_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
)

// A load is what callers do to a fleet until it is stopped.
type load struct {
	*fleet

	users   []account
	good    []secret // of the users
	limited secret   // of a key that may do limitedRate requests a second
	stop    chan struct{}
	workers sync.WaitGroup

	admitted atomic.Int64  // requests of the limited key
	refused  chan struct{} // holds one if one was refused

	mu      sync.Mutex
	slowest time.Duration // the longest request of the limited key since the last measurement
	kept    []secret      // good ones, that were acknowledged under load
	revoked []secret
}

// limitedRate is that of the limited key, a second and at once.
const limitedRate = 100

// newLoad makes users and keys.
func newLoad(t *testing.T, f *fleet, limited string) *load {
	t.Helper()
	l := &load{fleet: f, limited: secret{text: limited, path: "/v1/tokens"}, stop: make(chan struct{}), refused: make(chan struct{}, 1)}
	for n := range 4 {
		u, ok := f.register(t.Context(), n, fmt.Sprintf("user%d@example.com", n))
		require.True(t, ok, "a user")
		l.users = append(l.users, u)
		l.good = append(l.good, secret{text: u.token, path: "/s2/api_keys?limit=1"})
		for range 5 {
			s, ok := f.newKey(t.Context(), n, u)
			require.True(t, ok, "a key")
			l.good = append(l.good, s)
		}
	}
	return l
}

// begin starts all callers. They go on until end.
func (l *load) begin(ctx context.Context) {
	for n := range replicas {
		l.repeat(30*time.Millisecond, func(round int) { l.saw("good", l.use(ctx, n, l.good[(round+n)%len(l.good)]).status) })
		l.repeat(100*time.Millisecond, func(round int) { l.useBad(ctx, n, round) })
		l.repeat(50*time.Millisecond, func(int) { l.useRevoked(ctx, n) })
		for range 2 {
			l.repeat(time.Second/60, func(int) { l.useLimited(ctx, n) })
		}
	}
	l.repeat(200*time.Millisecond, func(round int) {
		s, ok := l.walkKey(ctx, round, l.users[round%len(l.users)])
		l.keep(ok, s)
	})
	l.repeat(200*time.Millisecond, func(round int) {
		before, after, ok := l.walkRotation(ctx, round, l.users[round%len(l.users)])
		l.keep(ok, before, after)
		if ok && round%20 > 0 { // the others stay, for the end
			a := l.until(ctx, round, call{method: http.MethodDelete, path: "/v1/api_keys/" + after.id, token: l.users[round%len(l.users)].token})
			after.revokedAt = a.ended
			l.keep(l.wants(a, "a revocation", http.StatusOK), after)
		}
	})
	l.repeat(time.Second, func(round int) {
		s, ok := l.walkSession(ctx, round, l.users[round%len(l.users)])
		l.keep(ok, s)
	})
}

// end stops all callers, and waits until each has come to its end.
func (l *load) end() {
	close(l.stop)
	l.workers.Wait()
}

// repeat does something so often until the end of the load.
func (l *load) repeat(every time.Duration, do func(round int)) {
	l.workers.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for round := 0; ; round++ {
			select {
			case <-l.stop:
				return
			case <-ticker.C:
				do(round)
			}
		}
	})
}

// keep remembers what was acknowledged. A secret that is kept again, since it was
// revoked, replaces the one before.
func (l *load) keep(ok bool, all ...secret) {
	if !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range all {
		if s.revokedAt.IsZero() {
			l.kept = append(l.kept, s)
			continue
		}
		l.revoked = append(l.revoked, s)
		for n := range l.kept {
			if l.kept[n].text == s.text {
				l.kept[n] = l.kept[len(l.kept)-1]
				l.kept = l.kept[:len(l.kept)-1]
				break
			}
		}
	}
}

// useBad uses what was never good.
func (l *load) useBad(ctx context.Context, n, round int) {
	unknown, _ := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	texts := []string{unknown, l.good[1].text + "x", "sk_live_1", l.good[0].text[:len(l.good[0].text)-8] + "AAAAAAAA", ""}
	paths := []string{"/v1/tokens", "/v1/tokens", "/s2/posts", "/s2/api_keys", "/v1/tokens"}
	a := l.do(ctx, n, call{path: paths[round%len(paths)], token: texts[round%len(texts)]})
	l.saw("bad", a.status)
	if !a.isUndecided() && a.status != http.StatusUnauthorized {
		l.foundf("what was never good was not answered with 401", "replica %d: %d %s", n, a.status, a.body)
	}
}

// useRevoked uses something that was revoked: one half of the time, one of the
// last ten.
func (l *load) useRevoked(ctx context.Context, n int) {
	l.mu.Lock()
	count := len(l.revoked)
	if count == 0 {
		l.mu.Unlock()
		return
	}
	last := rand.N(min(count, 10))
	if rand.N(2) == 0 {
		last = rand.N(count)
	}
	s := l.revoked[count-1-last]
	l.mu.Unlock()
	l.saw("revoked", l.use(ctx, n, s).status)
}

// useLimited uses the limited key, which is good even if it may do no more.
func (l *load) useLimited(ctx context.Context, n int) {
	a := l.do(ctx, n, call{path: l.limited.path, token: l.limited.text})
	l.saw("limited", a.status)
	l.took(a.ended.Sub(a.began))
	switch {
	case a.status == http.StatusOK:
		l.admitted.Add(1)
	case a.status == http.StatusTooManyRequests:
		select {
		case l.refused <- struct{}{}:
		default:
		}
	case !a.isUndecided():
		l.foundf("the limited key was refused otherwise", "replica %d: %d %s", n, a.status, a.body)
	}
}

// took notes how long a request of the limited key took.
func (l *load) took(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slowest = max(l.slowest, d)
}

// takeSlowest returns the longest since the last call.
func (l *load) takeSlowest() (d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d, l.slowest = l.slowest, 0
	return d
}

// audit uses all that was acknowledged under the load at all replicas: nothing of
// it is lost.
func (l *load) audit(ctx context.Context) {
	var all sync.WaitGroup
	for n := range replicas {
		all.Go(func() {
			for _, s := range append(slices.Clone(l.kept), l.good...) {
				if a := l.insist(ctx, n, s); a.isUndecided() {
					l.foundf("undecided after all", "replica %d: %d", n, a.status)
				}
			}
			for _, s := range l.revoked {
				if a := l.insist(ctx, n, s); a.status != http.StatusUnauthorized {
					l.foundf("a revocation was lost", "replica %d: %d", n, a.status)
				}
			}
		})
	}
	all.Wait()
}
