package bearer

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"time"
)

// This file charges a request by several policies, all or nothing, and has the
// refusals of policies.

// usualPolicies is how many policies are charged without an allocation for quotas.
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
		err := g.take(r.Context(), d, &quotas[0])
		d.usage, d.policy = quotas[0].usage, quotas[0].policy
		return err
	}
	return g.chargeEach(r.Context(), d, quotas)
}

// chargeEach looks into the buckets of all quotas, and then takes from each. A
// MultiLimiter does so in one step.
func (g *Guard) chargeEach(ctx context.Context, d *decision, quotas []quota) *Error {
	if g.multi != nil {
		return g.chargeAtOnce(ctx, d, quotas)
	}
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
		err := g.take(ctx, d, &quotas[i])
		if err == nil {
			continue
		}
		g.returnAll(ctx, d, quotas[:i])
		if err.Code == CodeRateLimitExceeded {
			d.now = time.Time{}
			_ = g.lookAll(ctx, d, quotas[:i]) // the answer tells what is there now
			err = tooMany(quotas)
		}
		return err
	}
	d.tell(quotas)
	return nil
}

// chargeAtOnce takes what all quotas cost, or nothing if one of them refuses.
func (g *Guard) chargeAtOnce(ctx context.Context, d *decision, quotas []quota) *Error {
	began := d.timed.now()
	err := takeAllFrom(ctx, g.multi, quotas)
	d.timed.limited(began)
	if err != nil {
		return outage(reasonLimiterUnavailable, err)
	}
	refused := false
	for i := range quotas {
		q := &quotas[i]
		refused = q.judge() != nil || refused
		if q.usage.Wait == 0 && !q.usage.Allowed {
			q.usage.Wait = q.usage.wait(q.cost) // as where a look finds too little
		}
	}
	if refused {
		return tooMany(quotas)
	}
	d.tell(quotas)
	return nil
}

// tell notes what the fields of an answer tell of quotas that let it through.
func (d *decision) tell(quotas []quota) {
	d.usage, d.rateValues = scarcest(quotas), rateValuesOf(quotas)
}

// lookAll looks into the buckets of all quotas, and refuses if one of them holds
// too little.
func (g *Guard) lookAll(ctx context.Context, d *decision, quotas []quota) *Error {
	refused := false
	for i := range quotas {
		err := g.look(ctx, d, &quotas[i])
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

// judge completes the usage that a limiter reported. A limiter may tell clients
// of a limit of its own. If the cost is more than the bucket ever holds, waiting
// does not help, whatever a limiter says of the wait.
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
	var cause error
	if q.limit.Burst < 1 || !(q.limit.Rate > 0) {
		cause = fmt.Errorf("the limit lets nothing through: rate %v, burst %d", q.limit.Rate, q.limit.Burst)
	}
	err := refusal(r, cause)
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
