package bearertest

import (
	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest/internal/limitersuite"
	"github.com/blockauth/bearer/bearertest/internal/storesuite"
)

// TestKeyStore tests a [bearer.KeyStore]. If it finds misbehaviour, it returns
// an error for each rule that was broken, combined by [errors.Join]. It ends
// early if what follows would find the same mistake again.
//
// The issue function must store a record as it is, so that the store finds it
// by its Hash from then on: [Keys.Add], for Keys. No two calls overlap. The
// hashes and IDs are random, so that a store may be tested again without being
// emptied.
//
// A record that the store cannot hold by its schema is left out where issue
// returns an error wrapping [errors.ErrUnsupported]. Where a schema may well
// refuse a record, such as one that has expired, a second one with the same ID,
// or a name of 100 characters, any error of issue leaves it out.
//
// A store may return revoked and expired keys, or leave them out. It need not
// keep the order of Scopes and AllowedIPs, the zone of a time, less than a
// second of it, or when a key was revoked. It may remember for a second or two
// that a hash is not there, for which the test then waits.
func TestKeyStore(store bearer.KeyStore, issue func(bearer.Key) error) error {
	return storesuite.Test(store, issue)
}

// TestLimiter tests a [bearer.Limiter]. If it finds misbehaviour, it returns an
// error for each rule that was broken, combined by [errors.Join]. It ends early
// if what follows would find the same mistake again.
//
// It calls newLimiter once for each group of rules. The limiters may share
// their buckets, as those over one server do: the names are random. The ID of a
// bucket is any text of up to a kilobyte, such as the subject of a JWT; one that
// the limiter answers with an error is left out.
//
// A limiter may leave Usage.Limit zero, since a guard sets it. It may round
// Wait and Reset up to whole seconds, and may read a clock of milliseconds; but
// at up to three million tokens a second, one must not cost nothing. If it holds
// only so many buckets, it must forget those first that lack the least. What it
// does about [bearer.Unlimited] and a negative n is not tested: a guard asks
// about neither.
//
// The test takes about a second if a take takes microseconds, and several if it
// goes over a network: it mostly sleeps until tokens flow in. A limiter that
// reads the clock by [time.Now] can be tested in a bubble of [testing/synctest]:
// at once, and for weeks of its time.
func TestLimiter(newLimiter func() bearer.Limiter) error {
	return limitersuite.Test(newLimiter)
}
