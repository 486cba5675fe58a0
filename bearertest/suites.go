package bearertest

import (
	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest/internal/limitersuite"
	"github.com/blockauth/bearer/bearertest/internal/storesuite"
)

// StoreHooks are what else [TestKeyStore] can do to a store. Where a field is
// nil, the rules that it is for are not tested.
type StoreHooks struct {
	// Outage begins an outage of the store's database, and ends it with false. What
	// the store remembers it may still answer with, but no hash is unknown
	// meanwhile. The store has three seconds to recover. Nil: not tested.
	Outage func(on bool)

	// Revoke revokes a key: it is given the record as it was issued, with RevokedAt
	// now, and tells caches what the application would tell them. Two seconds later,
	// the store must have seen it. Nil: not tested.
	Revoke func(bearer.Key) error
}

// TestKeyStore tests a [bearer.KeyStore]. If it finds misbehaviour, it returns
// an error for each rule that was broken, combined by [errors.Join]. It ends
// early if what follows would find the same mistake again. All hooks are used,
// one after the other.
//
// The issue function must store a record as it is, so that the store finds it
// by its Hash from then on: [Keys.Add], for Keys. No two calls overlap. The
// hashes and IDs are random, so that a store may be tested again without being
// emptied.
//
// A record that the store cannot hold by its schema is left out where issue
// returns an error wrapping [errors.ErrUnsupported]. Where a schema may well
// refuse a record, such as one that has expired, a second one with the same ID,
// or a name of 100 characters, any error of issue leaves it out. What issue
// stores must be found whole: IDs and owners have up to 1,000 characters, of any
// script, and Scopes up to 4 KiB. One plain record is needed, which may be secret
// or publishable, of test or live, and without an owner or scopes.
//
// If no key comes back with the ID that it was issued with, the store assigns
// them: they must be distinct, stable and not empty.
//
// A store may return revoked and expired keys, or leave them out. It need not
// keep the order of Scopes, AllowedIPs and AllowedOrigins, bits beyond the length
// of a prefix, the zone of a time, less than a second of it, when a key was
// revoked, or more than five decimals of a rate. A key of no environment may come
// back with one. Data is not compared. The store may remember for a second or two
// that a hash is not there, for which the test then waits.
//
// In a bubble of [testing/synctest], the keys are asked for again after 45 seconds
// and after a day. Where local time is UTC, as on many machines that run tests,
// no test can see what a store makes of it: run this one with the environment
// variable TZ=America/New_York, too.
func TestKeyStore(store bearer.KeyStore, issue func(bearer.Key) error, hooks ...StoreHooks) error {
	used := make([]storesuite.Hooks, len(hooks))
	for i, h := range hooks {
		used[i] = storesuite.Hooks(h)
	}
	return storesuite.Test(store, issue, used...)
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
// If the limiters are [bearer.MultiLimiter]s, TakeAll is tested, too.
//
// The test takes about a second if a take takes microseconds, and several if it
// goes over a network: it mostly sleeps until tokens flow in. A limiter that
// reads the clock by [time.Now] can be tested in a bubble of [testing/synctest]:
// at once, and for weeks of its time.
func TestLimiter(newLimiter func() bearer.Limiter) error {
	return limitersuite.Test(newLimiter)
}
