package jwks_test

import (
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/blockauth/bearer/jwks"
)

// What tokens with unknown keys cost the issuer, and others.
func TestMadeUpKIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(rsaJWK("a"))
		keys, _ := newSource(t, i, jwks.Config{})
		assert.Equal(t, good, askFor(keys, "a"))
		i.setDelay(50 * time.Millisecond)

		var callers sync.WaitGroup
		for n := range 1000 {
			callers.Go(func() { assert.Equal(t, unknown, askFor(keys, "made up "+strconv.Itoa(n))) })
		}
		callers.Wait()
		assert.Equal(t, 1+1, i.count(), "a thousand at once share a fetch")

		for n := range 1000 {
			assert.Equal(t, unknown, askFor(keys, "made up "+strconv.Itoa(n)))
			assert.Equal(t, good, askFor(keys, "a"))
		}
		assert.Equal(t, 1+3, i.count(), "one after the other, they empty the bucket")

		start, before := time.Now(), i.count()
		for time.Since(start) < 5*time.Minute {
			assert.Equal(t, unknown, askFor(keys, "made up"))
			time.Sleep(10 * time.Millisecond)
		}
		assert.InDelta(t, 5*60/10, i.count()-before, 1, "then one in ten seconds")
	})
}

// While made-up kids empty the bucket, a new key is found ten seconds later at
// most; otherwise at once.
func TestRotation(t *testing.T) {
	for _, row := range []struct {
		name    string
		others  bool
		longest time.Duration
	}{
		{"alone", false, 0},
		{"beside made-up kids", true, 10 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIssuer(rsaJWK("a"))
				keys, _ := newSource(t, i, jwks.Config{})
				assert.Equal(t, good, askFor(keys, "a"))
				for range 10 {
					if row.others {
						assert.Equal(t, unknown, askFor(keys, "made up"))
					}
				}
				i.setKeys(rsaJWK("b"))
				start := time.Now()
				for askFor(keys, "b") == unknown && time.Since(start) <= row.longest {
					time.Sleep(100 * time.Millisecond)
				}
				assert.LessOrEqual(t, time.Since(start), row.longest)
				assert.Equal(t, good, askFor(keys, "b"))
				assert.Equal(t, unknown, askFor(keys, "a"), "the issuer has taken it back")
			})
		})
	}
}

// A fetch that began before a token came may have met the issuer before it
// changed its key: the token waits for one more, within Timeout.
func TestRotationDuringAFetch(t *testing.T) {
	for _, row := range []struct {
		name  string
		delay time.Duration // of the issuer, which changes its key 1 s after a fetch began
		want  answer
		wait  time.Duration
	}{
		{"two fetches in time", 2 * time.Second, good, time.Second + 2*time.Second},
		{"the second too late", 4 * time.Second, unknown, 5 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIssuer(rsaJWK("a"))
				keys, _ := newSource(t, i, jwks.Config{})
				assert.Equal(t, good, askFor(keys, "a"))
				i.setDelay(row.delay)
				go askFor(keys, "made up")
				time.Sleep(time.Second)
				i.setKeys(rsaJWK("b"))
				start := time.Now()
				assert.Equal(t, row.want, askFor(keys, "b"))
				assert.Equal(t, row.wait, time.Since(start))
				time.Sleep(10 * time.Second)
				assert.Equal(t, 1+2, i.count())
			})
		})
	}
}

// A token that names a key of the set that cannot be used causes no fetch.
func TestKIDsOfIgnoredKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(rsaJWK("a"), jwkOf("short", &shortRSA().PublicKey, nil), members{"kid": "other", "kty": "AKP"})
		keys, _ := newSource(t, i, jwks.Config{})
		assert.Equal(t, good, askFor(keys, "a"))
		assert.Equal(t, unknown, askFor(keys, "short"))
		assert.Equal(t, unknown, askFor(keys, "other"))
		assert.Equal(t, 1, i.count())
	})
}

// A key that the issuer takes back is good until the next fetch, which is due
// before MaxAge has passed.
func TestKeyThatIsTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(rsaJWK("a"), rsaJWK("b"))
		keys, _ := newSource(t, i, jwks.Config{MaxAge: 10 * time.Minute})
		assert.Equal(t, good, askFor(keys, "a"))
		i.setKeys(rsaJWK("b"))
		time.Sleep(6 * time.Minute)
		assert.Equal(t, good, askFor(keys, "a"))
		time.Sleep(2 * time.Minute)
		assert.Equal(t, unknown, askFor(keys, "a"))
		assert.Equal(t, good, askFor(keys, "b"))
	})
}
