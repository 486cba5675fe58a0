package bearer

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// A Policy is one of several limits of a guard: of a second and of a day, say,
// or of a key and of its owner. The zero value is the limit of each caller. Its
// functions are called before anything is taken, once for each request, and must
// be safe for concurrent use; if one panics, so does the handler of the guard.
type Policy struct {
	// Name stands in the rate limit fields and in the name of the bucket: up to
	// 64 letters, digits, - and _. The names of a Config differ. Zero: "default".
	Name string

	// Limit returns the limit of a request; the zero Limit: the policy does not
	// apply to it. The principal is nil if the request has no credential. Nil:
	// the key's own limit, else Config.Limit.
	Limit func(*http.Request, *Principal) Limit

	// Bucket returns the ID of the bucket that a request is charged to, whose
	// class is "policy": that of an owner, or of a route. The principal is nil
	// if the request has no credential: do not let such requests name the bucket
	// of a caller. All requests to one bucket must get one limit: those with a
	// small one would spend what those with a large one have. Nil: the caller's
	// own.
	Bucket func(*http.Request, *Principal) string

	// Cost returns the tokens that a request takes; 0 takes none. The principal
	// is nil if the request has no credential. A negative cost is a fault (503).
	// Nil: Config.Cost, else 1.
	Cost func(*http.Request, *Principal) int
}

const (
	defaultPolicy = "default"
	maxPolicyName = 64
)

// name returns the name of a policy of a Config.
func (p *Policy) name() string {
	if p.Name == "" {
		return defaultPolicy
	}
	return p.Name
}

// validPolicyName reports whether a name can stand in a quoted string of a
// header field and in the name of a bucket.
func validPolicyName(name string) bool {
	return name != "" && len(name) <= maxPolicyName && strings.Trim(name, policyCharacters) == ""
}

const policyCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func validatePolicies(policies []Policy, f *faults) {
	seen := make(map[string]bool)
	for i := range policies {
		name := policies[i].name()
		switch {
		case !validPolicyName(name):
			f.addf("Policies", "the name %q is not up to %d letters, digits, - and _", name, maxPolicyName)
		case seen[name]:
			f.addf("Policies", "two have the name %q: give each a Name of its own", name)
		}
		seen[name] = true
	}
}

// policiesOf returns the policies of a guard: at least one, with their names.
func policiesOf(config []Policy) []Policy {
	policies := slices.Clone(config)
	if len(policies) == 0 {
		policies = []Policy{{}}
	}
	for i := range policies {
		policies[i].Name = policies[i].name()
	}
	return policies
}

// A quota is what a request is charged by one policy.
type quota struct {
	policy int // the index in Config.Policies
	bucket Bucket
	limit  Limit // zero: the policy does not apply
	cost   int
	usage  Usage
}

var errNegativeCost = errors.New("the cost of the request is negative")

// quotaOf finds out what a request is charged by one policy.
func (g *Guard) quotaOf(r *http.Request, d *decision, i int, q *quota) *Error {
	policy, key := &g.config.Policies[i], d.key
	q.policy, q.limit, q.cost = i, g.config.Limit, 1
	switch {
	case policy.Limit != nil:
		q.limit = policy.Limit(r, d.principal)
		d.now = time.Time{} // it may have waited: the reading is old
	case key != nil && !d.isPlain && key.Limit != (Limit{}):
		q.limit = key.Limit
	}
	if q.limit.Rate >= rate.Inf {
		q.limit = Limit{}
	}
	if q.limit == (Limit{}) {
		return nil
	}
	if policy.Cost != nil || g.config.Cost != nil {
		if err := g.costOf(r, d, policy, q); err != nil {
			return err
		}
	}
	q.bucket.Policy = policy.Name
	switch {
	case policy.Bucket != nil:
		q.bucket.Class, q.bucket.ID = classPolicy, policy.Bucket(r, d.principal)
		d.now = time.Time{}
	case d.principal == nil:
		q.bucket.Class, q.bucket.ID = classNobody, g.clientKey(r)
	case d.isPlain:
		q.bucket.Class, q.bucket.ID = classKey, d.principal.ID
	case key != nil:
		q.bucket.Class, q.bucket.ID = classKey, key.ID
	default:
		q.bucket.Class, q.bucket.ID = classToken, d.bucketID
	}
	return nil
}

// failureQuota is what a failed authentication is charged.
func (g *Guard) failureQuota(r *http.Request) quota {
	b := Bucket{g.config.Policies[0].Name, classIP, g.clientKey(r)}
	return quota{bucket: b, limit: g.config.FailureLimit, cost: 1}
}

// costOf finds out what a request costs by a policy, where a function says so.
func (g *Guard) costOf(r *http.Request, d *decision, policy *Policy, q *quota) *Error {
	if policy.Cost != nil {
		q.cost = policy.Cost(r, d.principal)
	} else {
		q.cost = g.config.Cost(r)
	}
	d.now = time.Time{} // it may have waited for a body: the reading is old
	if q.cost < 0 {
		return outage(reasonLimiterUnavailable, errNegativeCost)
	}
	if q.limit.Burst < 1 || !(q.limit.Rate >= 0) {
		q.cost = max(q.cost, 1) // nothing gets through, not even what costs nothing
	}
	return nil
}
