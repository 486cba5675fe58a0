package issuer

import (
	"context"

	"github.com/blockauth/bearer"
)

// A quota is one of the limits on what may be tried.
type quota struct {
	policy string // the name of its buckets
	limit  bearer.Limit
}

// The quotas. No bucket is that of an account alone: nobody can lock out others.
var (
	loginQuota    = quota{"login", bearer.PerMinute(10)}          // of an account from an address
	addressQuota  = quota{"login-address", bearer.PerMinute(100)} // of an address
	registerQuota = quota{"register", bearer.PerMinute(10)}       // of an address
	refreshQuota  = quota{"refresh", bearer.PerMinute(30)}        // of a family
	clientQuota   = quota{"oauth-failure", bearer.PerMinute(10)}  // of a client from an address; failures
)

// charge takes n from the bucket of the quota that the names have, or refuses
// (429, 503). If n is 0, it only looks. The client's address, of the context, is
// one of the names if the quota says so. Names are hashed.
func (i *Issuer) charge(ctx context.Context, q quota, n int, names ...string) error { return nil }

// network returns the name of the client's address in buckets: an IPv6 address
// stands for its /64.
func network(ctx context.Context) string { return "" }
