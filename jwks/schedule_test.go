package jwks_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/blockauth/bearer/jwks"
)

// Sets are fetched before they are stale, and Cache-Control can only hasten
// that.
func TestRefreshesAhead(t *testing.T) {
	for _, row := range []struct {
		name         string
		config       time.Duration
		cacheControl string
		fresh        time.Duration
	}{
		{"the default", 0, "", 15 * time.Minute},
		{"an hour", time.Hour, "", time.Hour},
		{"ten seconds", 10 * time.Second, "", 10 * time.Second},
		{"a max-age that is shorter", time.Hour, "public, max-age=600", 10 * time.Minute},
		{"a max-age that is longer", time.Hour, "max-age=86400", time.Hour},
		{"a max-age that is too short", time.Hour, "max-age=15", 5 * time.Minute},
		{"a max-age above a MaxAge that is shorter than its least", time.Minute, "max-age=15", time.Minute},
		{"a max-age of zero", time.Hour, "max-age=0, must-revalidate", 5 * time.Minute},
		{"a max-age in capitals and quotes", time.Hour, `Public,Max-Age="600"`, 10 * time.Minute},
		{"a max-age that is no number", time.Hour, "max-age=soon", time.Hour},
		{"a max-age that is negative", time.Hour, "max-age=-600", time.Hour},
		{"a max-age beyond all numbers", time.Hour, "max-age=99999999999999999999", time.Hour},
		{"an s-maxage", time.Hour, "s-maxage=600", time.Hour},
		{"no-store", time.Hour, "no-store, no-cache", time.Hour},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIssuer(rsaJWK("a"))
				i.header.Set("Cache-Control", row.cacheControl)
				keys, _ := newSource(t, i, jwks.Config{MaxAge: row.config})
				assert.Equal(t, good, askFor(keys, "a"))
				time.Sleep(20 * row.fresh)
				i.update(func(i *issuer) {
					for n, at := range i.fetches[1:] {
						age := at.Sub(i.fetches[n])
						assert.GreaterOrEqual(t, age, row.fresh*65/100)
						assert.LessOrEqual(t, age, row.fresh*75/100)
					}
					assert.Greater(t, len(i.fetches), 20)
				})
			})
		})
	}
}

// Whatever New accepts neither ends the program nor makes it fetch without
// pause, and a known key stays good.
func TestSmallestAndLargestTimes(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for _, row := range []struct {
		name          string
		age, maxStale time.Duration
		timeout       time.Duration
		delay         time.Duration // of the issuer
		most          int           // fetches in a minute
	}{
		{"the least", time.Second, time.Second, 10 * time.Millisecond, 0, 120},
		{"the least of MaxStale alone", 0, time.Second, 0, 0, 120},
		{"the least, with a slow issuer", time.Second, time.Hour, 0, 3 * time.Second, 30},
		{"2 s, with a slow issuer", 2 * time.Second, time.Hour, 0, 3 * time.Second, 16},
		{"42 years", 42 * year, 0, 0, 0, 1},
		{"50 years", 50 * year, 0, 0, 0, 1},
		{"the longest", math.MaxInt64, math.MaxInt64, math.MaxInt64, 0, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIssuer(rsaJWK("a"))
				i.setDelay(row.delay)
				keys, _ := newSource(t, i, jwks.Config{MaxAge: row.age, MaxStale: row.maxStale, Timeout: row.timeout})
				for range 60 * 4 {
					assert.Equal(t, good, askFor(keys, "a"))
					time.Sleep(250 * time.Millisecond)
				}
				assert.LessOrEqual(t, i.count(), row.most)
			})
		})
	}
}

// A fetch that a token asked for is one that the schedule need not make.
func TestDemandPutsOffTheSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(rsaJWK("a"))
		keys, _ := newSource(t, i, jwks.Config{MaxAge: 10 * time.Minute})
		assert.Equal(t, good, askFor(keys, "a"))
		for range 10 {
			time.Sleep(5 * time.Minute)
			assert.Equal(t, unknown, askFor(keys, "made up"))
		}
		assert.Equal(t, 1+10, i.count())
	})
}

// An issuer that is down is asked after about 1, 2, 4 seconds and so on, and
// then about once in a minute.
func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(rsaJWK("a"))
		i.setDown(true)
		_, _ = newSource(t, i, jwks.Config{})
		time.Sleep(time.Hour)
		i.update(func(i *issuer) {
			want := time.Second
			for n, at := range i.fetches[1:] {
				assert.GreaterOrEqual(t, at.Sub(i.fetches[n]), want*3/4)
				assert.LessOrEqual(t, at.Sub(i.fetches[n]), want*5/4)
				want = min(2*want, time.Minute)
			}
			assert.InDelta(t, 65, len(i.fetches), 10)
		})
	})
}

// Processes that began together do not ask together.
func TestSchedulesDiffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(rsaJWK("a"))
		for range 50 {
			_, _ = newSource(t, i, jwks.Config{MaxAge: time.Hour})
		}
		time.Sleep(time.Hour)
		i.update(func(i *issuer) {
			times := map[time.Time]bool{}
			for _, at := range i.fetches {
				times[at] = true
			}
			assert.Greater(t, len(times), 40)
		})
	})
}
