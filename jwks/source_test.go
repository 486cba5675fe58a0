package jwks_test

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/jwks"
)

func TestStartsWithoutTheIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(rsaJWK("a"))
		i.setDown(true)
		keys, _ := newSource(t, i, jwks.Config{})
		for range 100 {
			assert.Equal(t, outage, askFor(keys, "a"))
			assert.Equal(t, outage, askFor(keys, "made up"))
			assert.Equal(t, outage, askFor(keys, ""))
		}
		assert.LessOrEqual(t, i.count(), 1+3, "the first, and what the bucket pays")
		time.Sleep(time.Hour)
		assert.Equal(t, outage, askFor(keys, "a"))
		i.setDown(false)
		time.Sleep(75 * time.Second)
		assert.Equal(t, good, askFor(keys, "a"), "it has tried again by itself")
		assert.Equal(t, unknown, askFor(keys, "made up"))
	})
}

// What Config.Observe of a guard sees is all that many applications log.
func TestOutageSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(rsaJWK("a"))
		i.setDown(true)
		var failure error
		keys, _ := newSource(t, i, jwks.Config{MaxStale: time.Hour, Observe: func(f jwks.Fetch) { failure = f.Err }})
		for range 2 {
			_, err := keys.Keyfunc(tokenOf("RS256", "a"))
			synctest.Wait()
			require.Error(t, failure)
			require.EqualError(t, err, "jwks: there is no key set, or it is too old: "+failure.Error())
			assert.NotErrorIs(t, err, failure)

			i.setDown(false)
			time.Sleep(75 * time.Second)
			require.Equal(t, good, askFor(keys, "a"))
			i.setDown(true) // and again with a set that was there
			time.Sleep(2 * time.Hour)
		}
	})
}

// A request after the end of an outage does not wait for the schedule.
func TestRequestEndsTheOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(rsaJWK("a"))
		i.setDown(true)
		keys, _ := newSource(t, i, jwks.Config{})
		time.Sleep(time.Hour)
		i.setDown(false)
		assert.Equal(t, good, askFor(keys, "a"))
	})
}

func TestFirstRequestsWaitForTheFirstFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(rsaJWK("a"))
		i.setDelay(2 * time.Second)
		keys, _ := newSource(t, i, jwks.Config{})
		start := time.Now()
		var waiting sync.WaitGroup
		for range 100 {
			waiting.Go(func() { assert.Equal(t, good, askFor(keys, "a")) })
		}
		waiting.Wait()
		assert.Equal(t, 2*time.Second, time.Since(start))
		assert.Equal(t, 1, i.count())
	})
}

func TestKnownKeysNeverWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(rsaJWK("a"))
		keys, _ := newSource(t, i, jwks.Config{MaxAge: time.Minute})
		assert.Equal(t, good, askFor(keys, "a"))
		i.setDelay(time.Hour) // each fetch takes all of its timeout
		for range 1000 {
			time.Sleep(100 * time.Millisecond)
			go askFor(keys, "made up")
			synctest.Wait()
			start := time.Now()
			assert.Equal(t, good, askFor(keys, "a"))
			assert.Equal(t, good, askFor(keys, ""))
			assert.Zero(t, time.Since(start))
		}
		time.Sleep(time.Minute)
	})
}

func TestOutage(t *testing.T) {
	c := jwks.Config{MaxAge: 10 * time.Minute, MaxStale: 2 * time.Hour}
	for _, row := range []struct {
		name                     string
		after                    time.Duration
		known, withoutKID, other answer
	}{
		{"at once", 0, good, good, unknown},
		{"while the set is fresh", 10 * time.Minute, good, good, unknown},
		{"when it is not", 10*time.Minute + time.Second, good, good, outage},
		{"until MaxStale", 2 * time.Hour, good, good, outage},
		{"after it", 2*time.Hour + time.Second, outage, outage, outage},
		{"for long", 100 * time.Hour, outage, outage, outage},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIssuer(rsaJWK("a"))
				keys, _ := newSource(t, i, c)
				assert.Equal(t, good, askFor(keys, "a"))
				i.setDown(true)
				time.Sleep(row.after)
				assert.Equal(t, row.known, askFor(keys, "a"))
				assert.Equal(t, row.withoutKID, askFor(keys, ""))
				assert.Equal(t, row.other, askFor(keys, "made up"))

				i.setDown(false)
				time.Sleep(75 * time.Second)
				assert.Equal(t, good, askFor(keys, "a"), "after the outage")
				assert.Equal(t, unknown, askFor(keys, "made up"), "after the outage")
			})
		})
	}
}

// Whatever an issuer answers that is no good set is an outage, and the keys
// from before stay.
func TestBadAnswersKeepTheKeys(t *testing.T) {
	long := make([]members, 101)
	for n := range long {
		long[n] = rsaJWK(strconv.Itoa(n))
	}
	for _, row := range []struct {
		name   string
		change func(*issuer)
	}{
		{"no keys", func(i *issuer) { i.bodies[setURL] = `{"keys":[]}` }},
		{"null for keys", func(i *issuer) { i.bodies[setURL] = `{"keys":null}` }},
		{"an object for keys", func(i *issuer) { i.bodies[setURL] = `{"keys":{}}` }},
		{"no member keys", func(i *issuer) { i.bodies[setURL] = `{}` }},
		{"a member Keys", func(i *issuer) { i.bodies[setURL] = `{"Keys":[` + setOf(rsaJWK("x"))[len(`{"keys":[`):] }},
		{"null", func(i *issuer) { i.bodies[setURL] = `null` }},
		{"nothing", func(i *issuer) { i.bodies[setURL] = `` }},
		{"a page", func(i *issuer) { i.bodies[setURL] = `<html>` }},
		{"two sets", func(i *issuer) { i.bodies[setURL] += i.bodies[setURL] }},
		{"half a set", func(i *issuer) { i.bodies[setURL] = i.bodies[setURL][:100] }},
		{"a key without a set", func(i *issuer) { b := i.bodies[setURL]; i.bodies[setURL] = b[len(`{"keys":[`) : len(b)-2] }},
		{"keys that cannot be used", func(i *issuer) { i.bodies[setURL] = setOf(jwkOf("x", &shortRSA().PublicKey, nil)) }},
		{"101 keys", func(i *issuer) { i.bodies[setURL] = setOf(long...) }},
		{"more than 1 MiB", func(i *issuer) { i.bodies[setURL] += strings.Repeat(" ", 1<<20) }},
		{"404", func(i *issuer) { i.status = http.StatusNotFound }},
		{"500", func(i *issuer) { i.status = http.StatusInternalServerError }},
		{"204", func(i *issuer) { i.status = http.StatusNoContent }},
		{"206", func(i *issuer) { i.status = http.StatusPartialContent }},
		{"a redirect to nowhere", func(i *issuer) { i.status = http.StatusFound }},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIssuer(rsaJWK("a"))
				var last atomic.Pointer[jwks.Fetch]
				keys, _ := newSource(t, i, jwks.Config{Observe: func(f jwks.Fetch) { last.Store(&f) }})
				assert.Equal(t, good, askFor(keys, "a"))
				i.update(row.change)
				time.Sleep(16 * time.Minute)
				assert.Error(t, last.Load().Err)
				assert.Zero(t, last.Load().Keys)
				assert.Equal(t, good, askFor(keys, "a"))
				assert.Equal(t, outage, askFor(keys, "x"))

				keys, _ = newSource(t, i, jwks.Config{})
				assert.Equal(t, outage, askFor(keys, "a"), "where there were none")
			})
		})
	}
}

// A hundred keys and a mebibyte are let through.
func TestLargestSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := make([]members, 100)
		for n := range all {
			all[n] = rsaJWK(strconv.Itoa(n))
		}
		i := newIssuer(all...)
		i.bodies[setURL] += strings.Repeat(" ", 1<<20-len(i.bodies[setURL]))
		keys, _ := newSource(t, i, jwks.Config{})
		assert.Equal(t, good, askFor(keys, "99"))
	})
}

// Requests do not pile up behind an issuer that hangs.
func TestWaitingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(rsaJWK("a"))
		keys, _ := newSource(t, i, jwks.Config{Timeout: 3 * time.Second})
		assert.Equal(t, good, askFor(keys, "a"))
		i.setDelay(time.Hour)
		start := time.Now()
		var waited, passed atomic.Int64
		for range 5000 {
			go func() {
				assert.Equal(t, unknown, askFor(keys, "made up"))
				if time.Since(start) == 0 {
					passed.Add(1)
				} else {
					assert.Equal(t, 3*time.Second, time.Since(start))
					waited.Add(1)
				}
			}()
		}
		time.Sleep(time.Minute)
		assert.EqualValues(t, 1000, waited.Load())
		assert.EqualValues(t, 4000, passed.Load())
	})
}

// A client that does not heed its context blocks fetches, and no request for
// longer than the timeout.
func TestClientThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		keys, err := jwks.New(t.Context(), jwks.Config{
			URL: setURL, Timeout: time.Second,
			Client: &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
				<-release
				return nil, http.ErrHandlerTimeout
			})},
		})
		assert.NoError(t, err)
		start := time.Now()
		assert.Equal(t, outage, askFor(keys, "a"))
		assert.Equal(t, time.Second, time.Since(start))
		close(release)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Once the context has ended, nothing is fetched, no token waits, and the
// keys serve until MaxStale.
func TestContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(rsaJWK("a"))
		keys, stop := newSource(t, i, jwks.Config{MaxStale: time.Hour})
		assert.Equal(t, good, askFor(keys, "a"))
		i.setDelay(time.Hour)
		var waiting sync.WaitGroup
		for range 10 {
			waiting.Go(func() { assert.Equal(t, unknown, askFor(keys, "made up")) })
		}
		synctest.Wait()
		start, before := time.Now(), i.count()
		stop()
		waiting.Wait()
		assert.Equal(t, unknown, askFor(keys, "made up"))
		assert.Zero(t, time.Since(start))
		time.Sleep(time.Hour)
		assert.Equal(t, good, askFor(keys, "a"))
		assert.Equal(t, outage, askFor(keys, "made up"))
		time.Sleep(time.Second)
		assert.Equal(t, outage, askFor(keys, "a"))
		assert.Equal(t, before, i.count())
	})
}

// A panic in a part that the application brings ends neither the program nor
// the source.
func TestPartsThatPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(rsaJWK("a"))
		var mended atomic.Bool
		keys, err := jwks.New(t.Context(), jwks.Config{
			URL: setURL,
			Client: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				if !mended.Load() {
					panic("transport")
				}
				return i.RoundTrip(r)
			})},
			Observe: func(jwks.Fetch) { panic("observer") },
		})
		assert.NoError(t, err)
		assert.Equal(t, outage, askFor(keys, "a"))
		time.Sleep(time.Minute)
		mended.Store(true)
		time.Sleep(75 * time.Second)
		assert.Equal(t, good, askFor(keys, "a"))
	})
}

// What a token says of its key.
func TestTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(rsaJWK("a"), jwkOf("e", &ecKey().PublicKey, nil), jwkOf("", edKey().Public(), nil))
		keys, _ := newSource(t, i, jwks.Config{})
		numbered := tokenOf("RS256", "")
		numbered.Header["kid"] = 1.0
		for _, row := range []struct {
			name  string
			token *jwt.Token
			want  answer
		}{
			{"its kid", tokenOf("RS256", "a"), good},
			{"another algorithm of the key's type", tokenOf("PS512", "a"), good},
			{"the kid of a key of another type", tokenOf("RS256", "e"), unknown},
			{"the algorithm of another curve", tokenOf("ES384", "e"), unknown},
			{"HMAC with the kid of a public key", tokenOf("HS256", "a"), unknown},
			{"HMAC without a kid", tokenOf("HS256", ""), unknown},
			{"none", jwt.New(jwt.SigningMethodNone), unknown},
			{"no kid, and one key", tokenOf("ES256", ""), good},
			{"no kid, as the key", tokenOf("EdDSA", ""), good},
			{"a kid that is empty", &jwt.Token{Method: jwt.SigningMethodRS256, Header: map[string]any{"kid": ""}}, good},
			{"a kid that is a number", numbered, unknown},
			{"a kid in another case", tokenOf("RS256", "A"), unknown},
			{"no header", &jwt.Token{Method: jwt.SigningMethodRS256}, good},
			{"no method", &jwt.Token{}, unknown},
			{"nil", nil, unknown},
		} {
			assert.Equal(t, row.want, ask(keys, row.token), row.name)
		}
		assert.Equal(t, 2, i.count(), "only a kid that is not in the set asks for another")
	})
}

// A Source that New has not made fails, and does not hang.
func TestSourceNotMade(t *testing.T) {
	assert.Equal(t, outage, askFor(new(jwks.Source), "a"))
	assert.Equal(t, outage, askFor(nil, "a"))
}

// Known and unknown keys, fetches that fail and a context that ends, all at
// once: for the race detector.
func TestConcurrentUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(rsaJWK("a"))
		keys, stop := newSource(t, i, jwks.Config{MaxAge: time.Second, Observe: func(jwks.Fetch) {}})
		assert.Equal(t, good, askFor(keys, "a"))
		var callers sync.WaitGroup
		for n := range 50 {
			callers.Go(func() {
				for step := range 100 {
					assert.Equal(t, good, askFor(keys, "a"))
					askFor(keys, strconv.Itoa(n))
					i.setDown(step%7 == n%7)
					time.Sleep(time.Duration(n) * 17 * time.Millisecond)
				}
			})
		}
		time.Sleep(time.Minute)
		stop()
		callers.Wait()
	})
}
