package bearer

import (
	"context"
	"errors"
	"math"
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
	// of a caller. Nil: the caller's own.
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
			f.addf("Policies", "two have the name %q", name)
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
	p, key := &g.config.Policies[i], d.key
	q.policy, q.limit = i, g.config.Limit
	switch {
	case p.Limit != nil:
		q.limit = p.Limit(r, d.principal)
		d.now = time.Time{} // it may have waited: the reading is old
	case key != nil && key.Limit != (Limit{}):
		q.limit = key.Limit
	}
	if q.limit.Rate >= rate.Inf {
		q.limit = Limit{}
	}
	if q.limit == (Limit{}) {
		return nil
	}
	if err := g.costOf(r, d, p, q); err != nil {
		return err
	}
	q.bucket.Policy = p.Name
	switch {
	case p.Bucket != nil:
		q.bucket.Class, q.bucket.ID = classPolicy, p.Bucket(r, d.principal)
		d.now = time.Time{}
	case d.principal == nil:
		q.bucket.Class, q.bucket.ID = classNobody, g.clientKey(r)
	case key != nil:
		q.bucket.Class, q.bucket.ID = classKey, key.ID
	default:
		q.bucket.Class, q.bucket.ID = classToken, d.principal.Issuer+" "+d.principal.ID
	}
	return nil
}

// failureQuota is what a failed authentication is charged.
func (g *Guard) failureQuota(r *http.Request) quota {
	b := Bucket{g.config.Policies[0].Name, classIP, g.clientKey(r)}
	return quota{bucket: b, limit: g.config.FailureLimit, cost: 1}
}

// costOf finds out what a request costs by a policy.
func (g *Guard) costOf(r *http.Request, d *decision, p *Policy, q *quota) *Error {
	q.cost = 1
	switch {
	case p.Cost != nil:
		q.cost = p.Cost(r, d.principal)
		d.now = time.Time{} // it may have waited for a body: the reading is old
	case g.config.Cost != nil:
		q.cost = g.config.Cost(r)
		d.now = time.Time{}
	}
	if q.cost < 0 {
		return outage(reasonLimiterUnavailable, errNegativeCost)
	}
	if q.limit.Burst < 1 || !(q.limit.Rate >= 0) {
		q.cost = max(q.cost, 1) // nothing gets through, not even what costs nothing
	}
	return nil
}

// usualPolicies is how many policies need no memory of their own.
const usualPolicies = 4

// chargeAll takes the cost of a request by each policy, or nothing if one of them
// refuses.
//
// It looks into all buckets first. Say that 10 are left of a second's 10 and 1 of
// a day's 1000, and that two requests come at once. Both find enough, both take
// from the second's, and one of them finds that the day's has none. It returns
// what it took from the second's, so that 9 are left there, and is refused. In
// between, a third request would have found 8: a moment of contention may refuse
// one request too many, and never admits one.
func (g *Guard) chargeAll(r *http.Request, d *decision) *Error {
	var room [usualPolicies]quota
	quotas := room[:0]
	for i := range g.config.Policies {
		var q quota
		if err := g.quotaOf(r, d, i, &q); err != nil {
			return err
		}
		if q.limit != (Limit{}) {
			quotas = append(quotas, q)
		}
	}
	switch len(quotas) {
	case 0:
		return nil
	case 1:
		return g.chargeOne(r.Context(), d, &quotas[0])
	}
	return g.chargeEach(r.Context(), d, quotas)
}

// chargeEach looks into the buckets of all quotas, and then takes from each.
func (g *Guard) chargeEach(ctx context.Context, d *decision, quotas []quota) *Error {
	if d.now.IsZero() {
		d.now = time.Now() // one reading costs less than one for each look and take
	}
	if err := g.lookAll(ctx, d, quotas); err != nil {
		return err
	}
	for i := range quotas {
		if quotas[i].cost == 0 {
			continue // the look was all
		}
		err := g.take(ctx, d.now, &quotas[i])
		if err == nil {
			continue
		}
		g.returnAll(ctx, quotas[:i])
		if err.Code == CodeRateLimitExceeded {
			d.now = time.Time{}
			_ = g.lookAll(ctx, d, quotas[:i]) // the answer tells what is there now
			err = tooMany(quotas)
		}
		return err
	}
	d.usage, d.texts = scarcest(quotas), rateTexts(quotas)
	return nil
}

// lookAll looks into the buckets of all quotas, and refuses if one of them holds
// too little.
func (g *Guard) lookAll(ctx context.Context, d *decision, quotas []quota) *Error {
	refused := false
	for i := range quotas {
		err := g.look(ctx, d.now, &quotas[i])
		if err != nil && err.Code != CodeRateLimitExceeded {
			return err
		}
		refused = refused || err != nil
	}
	if refused {
		return tooMany(quotas)
	}
	return nil
}

// chargeOne takes a quota that no other depends on.
func (g *Guard) chargeOne(ctx context.Context, d *decision, q *quota) *Error {
	if err := g.take(ctx, d.now, q); err != nil {
		return err
	}
	d.usage, d.policy = q.usage, q.policy
	return nil
}

// judge completes the usage that a limiter reported. A limiter may tell clients
// of a limit of its own. What costs more than the bucket ever holds is refused for
// ever, whatever a limiter says of the wait.
func (q *quota) judge() *Error {
	if q.usage.Limit == (Limit{}) {
		q.usage.Limit = q.limit
	}
	if q.usage.Allowed {
		return nil
	}
	if q.cost > q.limit.Burst {
		q.usage.Wait = -1
	}
	return q.refusal()
}

// exceeds reports whether the cost is more than the bucket ever holds, and a lower
// one would not be: not if the limit lets nothing through.
func (q *quota) exceeds() bool {
	return q.cost > q.limit.Burst && q.limit.Burst >= 1 && q.limit.Rate >= 0
}

// refusal returns the refusal of one quota.
func (q *quota) refusal() *Error {
	r := reasonRateLimitExceeded
	if q.exceeds() {
		r = reasonCostExceedsLimit
	}
	err := refusal(r, nil)
	err.Usage, err.Policy = q.usage, q.bucket.Policy
	err.RetryAfter = max(q.usage.Wait, 1)
	if q.usage.Wait < 0 {
		err.RetryAfter = -1
	}
	return err
}

// tooMany returns the refusal of several quotas: that of the one which has to be
// waited for the longest.
func tooMany(quotas []quota) *Error {
	var worst *quota
	for i := range quotas {
		if q := &quotas[i]; !q.usage.Allowed && (worst == nil || q.isWorse(worst)) {
			worst = q
		}
	}
	err := worst.refusal()
	err.quotas = make([]quota, len(quotas))
	copy(err.quotas, quotas)
	return err
}

// isWorse reports whether a refused quota is to be waited for longer than another.
func (q *quota) isWorse(other *quota) bool {
	switch {
	case q.exceeds() || other.exceeds():
		return !other.exceeds()
	case q.usage.Wait < 0 || other.usage.Wait < 0:
		return other.usage.Wait >= 0
	default:
		return q.usage.Wait > other.usage.Wait
	}
}

// scarcest returns the usage of the quota that has the least left of its burst.
func scarcest(quotas []quota) Usage {
	least, usage := math.Inf(1), Usage{}
	for i := range quotas {
		u := &quotas[i].usage
		if left := float64(u.Remaining) / float64(u.Limit.Burst); u.Limit.isTold() && left < least {
			least, usage = left, *u
		}
	}
	return usage
}
