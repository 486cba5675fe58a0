//go:build unix

package main_test

import (
	"math"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fleetTime is how long the fleet is under load: BEARER_FLEET, or 15 seconds. If
// that is zero, the test is skipped.
func fleetTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("BEARER_FLEET")
	if text == "" {
		return 15 * time.Second
	}
	d, err := time.ParseDuration(text)
	require.NoError(t, err, "BEARER_FLEET")
	if d == 0 {
		t.Skip("skipped: BEARER_FLEET is zero")
	}
	return d
}

// Three replicas over one PostgreSQL and one Redis keep all promises under load:
// without a fault, and while replicas end, Redis is paused and restarted,
// PostgreSQL is restarted, and a replica is cut off from it.
func TestFleet(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: three replicas under load and faults take half a minute, which -short leaves out")
	}
	d := fleetTime(t)
	s := startServers(t)
	// A busy machine is late by 50 ms, the usual timeout, and is not to count as an
	// outage of Redis.
	f := startFleet(t, s.databases, "-redis", s.redis.URL(), "-replicas", "3", "-redis-timeout", "1s")
	defer f.report(t)
	l := newLoad(t, f, s.limitedKey(t))
	l.begin(t.Context())
	calm := min(max(d/5, 3*time.Second), 10*time.Second)
	l.checkLimit(t, calm)
	l.checkLags(t)
	l.checkFaults(t, s, d-calm)
	l.end()
	for n := range replicas {
		assert.NoError(t, f.awaitHealth(t.Context(), f.replicas[n].Load()))
	}
	l.audit(t.Context())
	f.checkVitals(t, l.users)
}

// checkLimit measures how much of the limit is admitted by all replicas together:
// 95 to 105 %. A machine on which a replica does not run for a while makes it
// limit alone, or the callers ask for too little: then it is measured again, up to
// three times.
func (l *load) checkLimit(t *testing.T, d time.Duration) {
	t.Helper()
	var shares []float64
	for range 3 {
		share := l.measureLimit(t, d)
		if math.Abs(share-1) <= 0.05 {
			return
		}
		shares = append(shares, share)
	}
	assert.Fail(t, "the limit is not that of all replicas", "admitted of it: %.3f", shares)
}

// measureLimit returns which part of the limit is admitted, from one moment at
// which the bucket is empty to another.
func (l *load) measureLimit(t *testing.T, d time.Duration) (share float64) {
	t.Helper()
	before, began := l.empty(t)
	l.takeSlowest()
	time.Sleep(d)
	admitted, ended := l.empty(t)
	elapsed := ended.Sub(began)
	share = float64(admitted-before) / (limitedRate * elapsed.Seconds())
	t.Logf("of %d a second, %.1f %% were admitted in %v; the slowest request took %v",
		limitedRate, 100*share, elapsed, l.takeSlowest())
	return share
}

// empty waits until the limited key is refused, and returns how many of its
// requests were admitted before.
func (l *load) empty(t *testing.T) (admitted int64, at time.Time) {
	t.Helper()
	select {
	case <-l.refused: // a while ago
	default:
	}
	select {
	case <-l.refused:
	case <-time.After(time.Minute):
		require.Fail(t, "the limit is never reached")
	}
	return l.admitted.Load(), time.Now()
}

// checkLags checks how long replicas took to refuse what was revoked at another,
// while nothing was wrong: PostgreSQL tells them.
func (l *load) checkLags(t *testing.T) {
	t.Helper()
	lags := l.takeLags()
	require.NotEmpty(t, lags)
	median, p99, longest := lags[len(lags)/2], lags[len(lags)*99/100], lags[len(lags)-1]
	t.Logf("from an acknowledged revocation to a refusal: median %v, p99 %v, at most %v of %d", median, p99, longest, len(lags))
	assert.Less(t, median, 500*time.Millisecond)
	assert.Less(t, longest, feedBound)
}

// checkFaults lets each fault happen once in the time, or once a minute, and
// checks that the limit is not exceeded by more than the buckets that a fault
// fills.
func (l *load) checkFaults(t *testing.T, s *servers, d time.Duration) {
	t.Helper()
	const filled = 3 * limitedRate // by one fault of Redis: what replicas hold, and what it has forgotten
	rounds := max(1, int(d/time.Minute))
	before, began := l.admitted.Load(), time.Now()
	trials := s.trials(t, l.fleet)
	for round := range rounds {
		for n, trial := range trials {
			at := (float64(round) + float64(n)/float64(len(trials)+1)) / float64(rounds)
			time.Sleep(time.Until(began.Add(time.Duration(at * float64(d)))))
			t.Logf("after %v: %s", time.Since(began).Round(time.Millisecond), trial.name)
			trial.do()
		}
	}
	time.Sleep(time.Until(began.Add(d)))
	admitted, elapsed := l.admitted.Load()-before, time.Since(began)
	t.Logf("under faults, %d of %.0f were admitted", admitted, limitedRate*elapsed.Seconds())
	assert.LessOrEqual(t, float64(admitted), 1.05*limitedRate*elapsed.Seconds()+float64(rounds*2*filled))
}

// Vitals return once the load is over.
func (f *fleet) checkVitals(t *testing.T, users []account) {
	t.Helper()
	f.client.CloseIdleConnections()
	for n := range replicas {
		r := f.replicas[n].Load()
		var v vitals
		isBack := func() bool {
			u := users[n]
			f.do(t.Context(), n, call{path: "/auth/login", body: object{"email": u.email, "password": u.password}})
			f.client.CloseIdleConnections()
			v, _ = f.vitals(t.Context(), r)
			return v.Goroutines <= r.begun.Goroutines+20 && v.HeapBytes <= r.begun.HeapBytes+32<<20
		}
		assert.Eventually(t, isBack, 30*time.Second, 500*time.Millisecond)
		t.Logf("replica %d: goroutines %d, then %d; heap %d MiB, then %d MiB; in memory %d MiB", n,
			r.begun.Goroutines, v.Goroutines, r.begun.HeapBytes>>20, v.HeapBytes>>20, r.rss()>>10)
	}
}
