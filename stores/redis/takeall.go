package bearerredis

import (
	"context"
	"errors"
	"fmt"

	"github.com/blockauth/bearer"
)

// TakeAll implements [bearer.MultiLimiter]. It is one round trip to one server, or
// in a cluster if the IDs of the buckets are the same. If they differ in a
// cluster, it looks into all buckets first, takes from the buckets of each ID in
// one step, and returns what it took if one of them refuses after all: a moment of
// contention may refuse one take too many there, and never admits one. If the
// context is done meanwhile, what was taken is returned.
//
// The buckets must differ, and be a thousand at most. While a cluster moves the
// slot of an ID, it may be that it cannot answer for several buckets (TRYAGAIN):
// then Outage says what happens.
func (l *Limiter) TakeAll(ctx context.Context, takes []bearer.Take) ([]bearer.Usage, error) {
	usages := make([]bearer.Usage, len(takes))
	members, possible, err := l.membersOf(takes, usages)
	if err != nil || len(members) == 0 {
		return usages, err
	}
	if err = ctx.Err(); err != nil {
		return nil, fmt.Errorf("bearerredis: take: %w", err)
	}
	if l.isDown() {
		return usages, l.withoutAll(ctx, members, possible, usages, l.cause())
	}
	if l.empty.refusals(members, usages) {
		return usages, nil
	}
	var asks []*ask
	var taken bool
	switch asks, taken, err = l.takeMembers(ctx, members, possible); {
	case err == nil:
		report(asks, taken, usages)
		return usages, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("bearerredis: take: %w", err)
	default:
		return usages, l.withoutAll(ctx, members, possible, usages, err)
	}
}

// mostTakes bounds how long a TakeAll keeps Redis busy. Its script could not even
// have 8000 keys.
const mostTakes = 1000

// membersOf returns what is to be asked of Redis, and whether it is possible that
// all takes are allowed. It fills in the usages of the other takes.
func (l *Limiter) membersOf(takes []bearer.Take, usages []bearer.Usage) (members []member, possible bool, err error) {
	if len(takes) > mostTakes {
		return nil, false, fmt.Errorf("bearerredis: take: %d buckets are more than %d", len(takes), mostTakes)
	}
	members = make([]member, 0, len(takes))
	possible = true
	for i := range takes {
		t := &takes[i]
		if t.N < 0 {
			return nil, false, errNegative
		}
		m := l.newMember(&t.Bucket, t.N, t.Limit)
		m.index = i
		if m.isConstant() {
			usages[i] = m.constant()
			possible = possible && usages[i].Allowed
			continue
		}
		if m.isAmong(members) {
			return nil, false, errTwice
		}
		possible = possible && m.n <= m.limit.Burst
		members = append(members, m)
	}
	return members, possible, nil
}

var errTwice = errors.New("bearerredis: take: two of the buckets are the same")

// isAmong reports whether one of the members is of the same bucket.
func (m *member) isAmong(members []member) bool {
	for i := range members {
		if other := &members[i]; other.hash == m.hash && other.bucket == m.bucket {
			return true
		}
	}
	return false
}

// report fills in the usages of members.
func report(asks []*ask, taken bool, usages []bearer.Usage) {
	for _, a := range asks {
		for i := range a.members {
			m := &a.members[i]
			usages[m.index] = m.usage(taken || m.fits(m.missing), m.missing)
		}
	}
}

// takeMembers takes from all buckets, or from none. If it is not possible that all
// are allowed, it only looks.
func (l *Limiter) takeMembers(
	ctx context.Context, members []member, possible bool,
) (asks []*ask, taken bool, err error) {
	op := take
	if !possible {
		op = look
	}
	groups := l.groupsOf(members)
	if len(groups) == 1 {
		asks = asksOf(op, groups)
		err = l.ask(ctx, asks...)
		if errors.Is(err, errSharded) {
			return l.takeMembers(ctx, members, possible)
		}
		return asks, err == nil && possible && asks[0].taken > 0, err
	}
	asks = asksOf(look, groups)
	err = l.ask(ctx, asks...)
	if err != nil || !possible || !allFit(asks) {
		return asks, false, err
	}
	return l.takeGroups(ctx, groups)
}

// groupsOf splits members by what one command of Redis can do.
func (l *Limiter) groupsOf(members []member) [][]member {
	if !l.sharded.Load() {
		return [][]member{members}
	}
	var groups [][]member
	at := make(map[string]int)
	for i := range members {
		m := &members[i]
		m.name, m.tag = nameOf(l.config.Prefix, &m.bucket)
		g, ok := at[m.tag]
		if !ok {
			g = len(groups)
			at[m.tag] = g
			groups = append(groups, nil)
		}
		groups[g] = append(groups[g], *m)
	}
	return groups
}

func asksOf(op operation, groups [][]member) []*ask {
	asks := make([]*ask, len(groups))
	for i, members := range groups {
		asks[i] = newAsk(op, members)
	}
	return asks
}

func allFit(asks []*ask) bool {
	for _, a := range asks {
		for i := range a.members {
			if m := &a.members[i]; !m.fits(m.missing) {
				return false
			}
		}
	}
	return true
}

// takeGroups takes from the groups, each in one step, and returns what was taken
// if one was refused or failed, or if the context is done: for that it waits for
// all answers, which come or are given up soon.
func (l *Limiter) takeGroups(ctx context.Context, groups [][]member) (asks []*ask, taken bool, err error) {
	if ctx.Err() != nil {
		return nil, false, ctx.Err()
	}
	asks = asksOf(take, groups)
	all := context.WithoutCancel(ctx)
	if err = l.ask(all, asks...); err == nil {
		err = ctx.Err()
	}
	var granted [][]member
	var places []int
	for i, a := range asks {
		if a.err == nil && a.taken > 0 {
			granted, places = append(granted, a.members), append(places, i)
		}
	}
	if err == nil && len(granted) == len(groups) {
		return asks, true, nil
	}
	if len(granted) > 0 {
		returned := asksOf(giveBack, granted)
		lost := l.ask(all, returned...)
		for i := range returned {
			if lost == nil {
				asks[places[i]] = returned[i]
			}
		}
	}
	return asks, false, err
}

// withoutAll decides takes without Redis. With Local, it takes from each bucket,
// and returns what it took if one of them refuses, or if it is not possible anyway
// that all are allowed.
func (l *Limiter) withoutAll(
	ctx context.Context, members []member, possible bool, usages []bearer.Usage, cause error,
) error {
	all := possible
	for i := range members {
		m := &members[i]
		u, err := l.without(ctx, m, cause)
		if err != nil {
			return err
		}
		usages[m.index] = u
		all = all && u.Allowed
	}
	if all || l.config.Outage != Local {
		return nil
	}
	for i := range members {
		if m := &members[i]; usages[m.index].Allowed {
			l.returnHere(ctx, m)
			none := *m
			none.price = l.prices.of(0, m.limit)
			usages[m.index], _ = l.without(ctx, &none, cause)
		}
	}
	return nil
}
