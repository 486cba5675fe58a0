package limitersuite

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest/internal/report"
)

// A group is several buckets that a [bearer.MultiLimiter] is asked for at once.
type group struct {
	*test
	multi    bearer.MultiLimiter
	accounts []*account
}

// several returns a check of a limiter that takes from several buckets at once,
// whose policies differ. The function makes them differ in more, as those of a key
// and of its owner do. A limiter that is no MultiLimiter passes.
func several(name func(b *bearer.Bucket, suffix string)) func(*test) {
	return func(t *test) {
		multi, ok := t.limiter.(bearer.MultiLimiter)
		if !ok {
			return
		}
		groups := 0
		group := func(limits ...bearer.Limit) *group {
			g := &group{test: t, multi: multi}
			for i, l := range limits {
				a := t.full("."+strconv.Itoa(groups), l)
				a.bucket.Policy = "p" + strconv.Itoa(i)
				name(&a.bucket, "."+strconv.Itoa(i))
				g.accounts = append(g.accounts, a)
			}
			groups++
			return g
		}
		group(hourly(3), hourly(5), hourly(9)).inOrder()
		group(hourly(3), hourly(5)).looks()
		group(hourly(3), hourly(5), hourly(9)).allOrNone()
		group(hourly(3), hourly(5)).moreThanBurst()
		group(hourly(3), bearer.PerSecond(0)).withoutTokens()
		group(bearer.Limit{}, hourly(3)).withoutTokens()
		group(bearer.Limit{Rate: 20, Burst: 2}, bearer.Limit{Rate: 10, Burst: 4}).wait()
		group(hourly(3), hourly(5)).contextDone()
		group(hourly(100), hourly(60)).together()
	}
}

// takeAll takes from the buckets, and compares each answer with the model.
func (g *group) takeAll(rule report.Rule, what string, n ...int) []bearer.Usage {
	begin := time.Since(g.start)
	usages, err := g.askAll(context.Background(), n...)
	if err != nil {
		g.Stopf(ruleNoError, "%s: %s: takes of %d: got the error %q, want nil", g.name, what, n, err)
	}
	g.compare(rule, what, n, usages, begin)
	return usages
}

// compare compares the answer to takes that have just ended.
func (g *group) compare(rule report.Rule, what string, n []int, usages []bearer.Usage, begin time.Duration) {
	end, all := time.Since(g.start), areAllowed(usages)
	for i, a := range g.accounts {
		u, l, taken := usages[i], a.model.limit, 0
		if all {
			taken = n[i]
		}
		a.latest = end
		if u.Limit != l && u.Limit != (bearer.Limit{}) {
			g.Stopf(ruleOrder, "%s: %s: bucket %d: got a limit of %s, want %s", g.name, what, i+1, text(u.Limit), text(l))
		}
		if field, finding := a.model.judgeTaken(n[i], taken, u, begin, end); field != "" {
			g.Stopf(ruleOf(field, rule), "%s: %s: takes of %d: bucket %d: %s; %s",
				g.name, what, n, i+1, finding, told(n[i], l, u))
		}
	}
}

// askAll asks for the buckets, and waits for the answer for a while.
func (g *group) askAll(ctx context.Context, n ...int) ([]bearer.Usage, error) {
	ctx, cancel := context.WithTimeout(ctx, report.CallTimeout)
	defer cancel()
	takes := make([]bearer.Take, len(n))
	for i, a := range g.accounts {
		takes[i] = bearer.Take{Bucket: a.bucket, N: n[i], Limit: a.model.limit}
	}
	usages, err := g.multi.TakeAll(ctx, takes)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		g.Stopf(report.InTime, "%s: got no answer in %v, want one", g.name, report.CallTimeout)
	case err == nil && len(usages) != len(n):
		g.Stopf(ruleOrder, "%s: takes of %d: got %d usages, want %d", g.name, n, len(usages), len(n))
	}
	return usages, err
}

func areAllowed(usages []bearer.Usage) bool {
	for i := range usages {
		if !usages[i].Allowed {
			return false
		}
	}
	return true
}

// lookEach looks into each bucket by Take.
func (g *group) lookEach(rule report.Rule, what string) {
	for _, a := range g.accounts {
		g.takeOf(a, rule, what, 0)
	}
}

func (g *group) inOrder() {
	g.takeAll(ruleOrder, "a look into new buckets", 0, 0, 0)
	g.takeAll(ruleAll, "takes of new buckets", 1, 2, 3)
	g.lookEach(ruleSame, "a look by Take, after TakeAll took")
	g.takeOf(g.accounts[1], ruleSame, "a take by Take, after TakeAll took", 2)
	g.takeAll(ruleSame, "a look by TakeAll, after Take took", 0, 0, 0)
}

// allOrNone has a bucket refuse in each place.
func (g *group) allOrNone() {
	for _, n := range [][]int{{1, 1, 9}, {1, 1, 1}, {2, 4, 1}, {2, 5, 0}, {0, 1, 0}, {3, 1, 0}, {1, 4, 0}} {
		g.takeAll(ruleAll, "where 9 were there of 9, or less", n...)
	}
	g.lookEach(ruleAll, "a look by Take, after TakeAll refused")
}

func (g *group) looks() {
	g.takeAll(ruleAll, "the burst of one", 3, 0)
	g.takeAll(ruleLook, "a look into an empty bucket, beside a take", 0, 1)
	g.takeAll(ruleLook, "looks", 0, 0)
}

func (g *group) moreThanBurst() {
	g.takeAll(ruleNever, "more than the burst", 1, 6)
	g.takeAll(ruleNever, "more than the burst, in front", 4, 1)
	g.takeAll(ruleNever, "the burst afterwards", 3, 5)
}

// withoutTokens takes from a bucket that lets nothing through, and another.
func (g *group) withoutTokens() {
	usages, err := g.askAll(context.Background(), 1, 1)
	if err == nil && areAllowed(usages) {
		g.Stopf(ruleZero, "%s: got all of them allowed, at %s and %s, want none",
			g.name, text(g.accounts[0].model.limit), text(g.accounts[1].model.limit))
	}
	for _, a := range g.accounts {
		if a.model.limit == hourly(3) {
			g.takeOf(a, ruleAll, "a look beside a bucket that lets nothing through", 0)
		}
	}
}

// wait empties the buckets and sleeps for as long as a refusal says.
func (g *group) wait() {
	g.takeAll(ruleAll, "the bursts", 2, 4)
	usages := g.takeAll(ruleAll, "takes from empty buckets", 1, 2)
	if areAllowed(usages) {
		return // a slow machine
	}
	longest := max(usages[0].Wait, usages[1].Wait)
	time.Sleep(longest + clockSlack)
	what := fmt.Sprintf("%v after a Wait of %v", clockSlack, longest)
	for i, u := range g.takeAll(ruleRefills, what, 1, 2) {
		g.allowed(ruleRefuses, what, 1+i, g.accounts[i].model.limit, u, true)
	}
}

func (g *group) contextDone() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	begin := time.Since(g.start)
	if usages, err := g.askAll(ctx, 1, 1); err == nil {
		g.compare(ruleDone, "a context that is done", []int{1, 1}, usages, begin)
	}
	g.lookEach(ruleDone, "a look, after a context that is done")
}

// together takes more than there is: from both buckets, in either order, and from
// the first alone.
func (g *group) together() {
	const goroutines, takes = 32, 4
	var both, first atomic.Int64
	a, b := g.accounts[0], g.accounts[1]
	reversed := &group{test: g.test, multi: g.multi, accounts: []*account{b, a}}
	g.Together(goroutines, g.name, rulePanic, func(i int) {
		for range takes {
			switch {
			case i%4 == 3:
				if g.takeFrom(a.bucket, 1, a.model.limit).Allowed {
					first.Add(1)
				}
			case i%4 == 2:
				reversed.count(&both)
			default:
				g.count(&both)
			}
		}
	})
	for i, taken := range []int64{both.Load() + first.Load(), both.Load()} {
		l := g.accounts[i].model.limit
		u := g.takeFrom(g.accounts[i].bucket, 0, l)
		if want := l.Burst - int(taken); u.Remaining != want {
			g.Stopf(ruleExact, "%s: %d takes of bucket %d were allowed at %s: got Remaining %d, want %d",
				g.name, taken, i+1, text(l), u.Remaining, want)
		}
	}
}

// count takes a token from each bucket, and counts that if it is allowed.
func (g *group) count(allowed *atomic.Int64) {
	usages, err := g.askAll(context.Background(), 1, 1)
	if err != nil {
		g.Stopf(ruleNoError, "%s: got the error %q, want nil", g.name, err)
	}
	if areAllowed(usages) {
		allowed.Add(1)
	}
}
