package issuer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer/internal/address"
)

// A quota is one of the limits on what may be tried.
type quota struct {
	policy    string // the name of its buckets
	limit     bearer.Limit
	byAddress bool // the client's address is one of the names of a bucket
}

// The quotas. No bucket is that of an account alone: no one can lock out others.
// Who charges several charges addressQuota first, so that one address can name no
// more buckets than that allows.
var (
	loginQuota    = quota{"login", bearer.PerMinute(10), true}          // of an account from an address
	addressQuota  = quota{"login-address", bearer.PerMinute(100), true} // of an address
	registerQuota = quota{"register", bearer.PerMinute(10), true}       // of an address
	refreshQuota  = quota{"refresh", bearer.PerMinute(30), false}       // of a family
	clientQuota   = quota{"oauth-failure", bearer.PerMinute(10), true}  // of a client from an address; failures
)

// quotaClass is the class of all buckets of an issuer. Clients without a
// credential name them, so it is none of those that a [bearer.Buckets] holds with
// the buckets of authenticated callers: a flood of names evicts none of these.
const quotaClass = "issuer"

// charge takes 1 from the bucket of the quota that the names have, or refuses
// (429, 503). The client's address, of the context, is one of the names if the
// quota says so. Names are hashed: a limiter learns no email.
func (i *Issuer) charge(ctx context.Context, q quota, names ...string) error {
	usage, err := i.take(ctx, q, 1, names)
	if err != nil {
		return err
	}
	return refusalOfUsage(q, usage)
}

// probe refuses what charge would refuse, and takes nothing.
func (i *Issuer) probe(ctx context.Context, q quota, names ...string) error {
	usage, err := i.take(ctx, q, 0, names)
	if err != nil {
		return err
	}
	if usage.Remaining < 1 {
		usage.Allowed, usage.Wait = false, cmp.Or(usage.Wait, untilOne(usage))
	}
	return refusalOfUsage(q, usage)
}

// refusalOfUsage returns a refusal (429) if the usage is not allowed.
func refusalOfUsage(q quota, usage bearer.Usage) error {
	if usage.Allowed {
		return nil
	}
	e := tooMany(usage)
	e.Policy, e.Usage = q.policy, usage
	return e
}

// take takes n from the bucket of the quota that the names have, or refuses
// (503).
func (i *Issuer) take(ctx context.Context, q quota, n int, names []string) (bearer.Usage, error) {
	if q.byAddress {
		names = append(slices.Clip(names), network(ctx))
	}
	bucket := bearer.Bucket{Policy: q.policy, Class: quotaClass, ID: hashNames(names)}
	usage, err := i.askLimiter(ctx, bucket, n, q.limit)
	if err != nil {
		e := &bearer.Error{
			Code: bearer.CodeServiceUnavailable, Reason: "limiter_unavailable", RetryAfter: time.Second,
		}
		return usage, e.WithCause(err)
	}
	usage.Limit = cmp.Or(usage.Limit, q.limit)
	return usage, nil
}

// askLimiter calls the limiter. That in memory neither waits nor panics.
func (i *Issuer) askLimiter(ctx context.Context, b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
	if buckets, inMemory := i.config.Limiter.(*bearer.Buckets); inMemory {
		return buckets.Take(ctx, b, n, l)
	}
	return ask(ctx, func(ctx context.Context) (bearer.Usage, error) {
		return i.config.Limiter.Take(ctx, b, n, l)
	})
}

// untilOne returns how long a bucket takes until it holds 1. A bucket of 10 a
// minute that is full in 58 seconds gets the last 9 in the last 54 of them: so
// it holds 1 in 4 seconds.
func untilOne(u bearer.Usage) time.Duration {
	others := float64(u.Limit.Burst-1) / float64(u.Limit.Rate)
	return max(u.Reset-time.Duration(others*float64(time.Second)), 1)
}

// hashNames returns the hash of a list of names, each with its length, so that no
// two lists become one.
func hashNames(names []string) string {
	text := make([]byte, 0, 128)
	for _, name := range names {
		text = append(strconv.AppendInt(text, int64(len(name)), 10), ':')
		text = append(text, name...)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// site is network, but that an IPv6 address stands for its /48, which is what one
// site may have: who has one must not take all places by the /64s in it.
func site(ctx context.Context) string {
	if addr := addressOf(ctx).Unmap().WithZone(""); addr.Is6() && !addr.IsUnspecified() {
		p, _ := addr.Prefix(48) // no error: an IPv6 address has so many bits
		return p.String()
	}
	return network(ctx)
}

// network returns the name of the client's address in buckets.
func network(ctx context.Context) string { return address.Network(addressOf(ctx)) }
