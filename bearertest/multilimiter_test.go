package bearertest_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

// A multiLimiter holds token buckets in a map, and takes from several of them.
type multiLimiter struct {
	*mapLimiter

	all func(m *multiLimiter, ctx ctxt, takes []bearer.Take) ([]usage, error) // the mistake
}

func (m *multiLimiter) TakeAll(ctx ctxt, takes []bearer.Take) ([]usage, error) {
	return m.all(m, ctx, takes)
}

// takeAll is right.
func (m *multiLimiter) takeAll(_ ctxt, takes []bearer.Take) ([]usage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	usages, all := m.look(takes)
	if all {
		for i, t := range takes {
			usages[i] = m.bucket(t.Bucket, t.Limit).take(t.N, t.Limit)
		}
	}
	return usages, nil
}

// look returns what takeAll does where one of the buckets refuses, and whether
// none does.
func (m *multiLimiter) look(takes []bearer.Take) (usages []usage, all bool) {
	all = true
	for _, t := range takes {
		b := *m.bucket(t.Bucket, t.Limit)
		u := b.take(t.N, t.Limit) // of a copy
		if u.Allowed {
			u = m.bucket(t.Bucket, t.Limit).take(0, t.Limit)
		}
		usages, all = append(usages, u), all && u.Allowed
	}
	return usages, all
}

// multi replaces TakeAll.
func multi(all func(m *multiLimiter, ctx ctxt, takes []bearer.Take) ([]usage, error)) func() bearer.Limiter {
	return func() bearer.Limiter {
		return &multiLimiter{mapLimiter: &mapLimiter{buckets: make(map[any]*tokenBucket)}, all: all}
	}
}

// askingAll changes what a good limiter is asked.
func askingAll(change func(t *bearer.Take)) func() bearer.Limiter {
	return multi(func(m *multiLimiter, ctx ctxt, takes []bearer.Take) ([]usage, error) {
		takes = slices.Clone(takes)
		for i := range takes {
			change(&takes[i])
		}
		return m.takeAll(ctx, takes)
	})
}

// answeringAll changes what a good limiter answers.
func answeringAll(change func(takes []bearer.Take, usages []usage) []usage) func() bearer.Limiter {
	return multi(func(m *multiLimiter, ctx ctxt, takes []bearer.Take) ([]usage, error) {
		usages, err := m.takeAll(ctx, takes)
		return change(takes, usages), err
	})
}

func areAllowed(usages []usage) bool {
	return !slices.ContainsFunc(usages, func(u usage) bool { return !u.Allowed })
}

// oneByOne takes from one bucket after the other, and returns what it took if one
// refuses after all, as a limiter over a cluster does.
func oneByOne(m *multiLimiter, ctx ctxt, takes []bearer.Take) ([]usage, error) {
	m.mu.Lock()
	usages, all := m.look(takes)
	m.mu.Unlock()
	for i, t := range takes {
		if !all {
			break
		}
		time.Sleep(time.Microsecond)
		usages[i], _ = m.Take(ctx, t.Bucket, t.N, t.Limit)
		all = usages[i].Allowed
		for j := range i {
			if !all {
				_, _ = m.Take(ctx, takes[j].Bucket, -takes[j].N, takes[j].Limit)
			}
		}
	}
	return usages, nil
}

func TestRightMultiLimiters(t *testing.T) {
	t.Parallel()
	for _, tt := range []namedLimiter{
		{"one lock", multi((*multiLimiter).takeAll)},
		{"no limit in the answer", answeringAll(func(_ []bearer.Take, usages []usage) []usage {
			for i := range usages {
				usages[i].Limit = limit{}
			}
			return usages
		})},
		{"what was taken is returned", multi(oneByOne)},
		{"the error of a context that is done", multi(func(m *multiLimiter, ctx ctxt, takes []bearer.Take) ([]usage, error) {
			if isDone(ctx) {
				return nil, ctx.Err()
			}
			return m.takeAll(ctx, takes)
		})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				assert.NoError(t, bearertest.TestLimiter(tt.make))
			})
			if !testing.Short() {
				assert.NoError(t, bearertest.TestLimiter(tt.make), "by a real clock")
			}
		})
	}
}

// Each of these limiters has one mistake in TakeAll, and breaks one rule.
func TestBrokenMultiLimiters(t *testing.T) {
	t.Parallel()
	const (
		all     = "TakeAll takes from all buckets, or from none"
		order   = "TakeAll returns a usage for each take, in their order"
		same    = "TakeAll and Take have the same buckets"
		noError = "an error means that the limiter is out of order"
		refuses = "a refusal tells how long to wait"
		look    = "n == 0 only looks"
		never   = "n > Burst is never allowed"
		exact   = "concurrent takes are exact"
		zero    = "the zero Limit lets nothing through"
		done    = "a context that is done changes no verdict"
	)
	tests := []struct {
		name   string
		broken func() bearer.Limiter
		want   string // in the error
	}{
		{"takes from one after the other, up to a refusal", multi(func(m *multiLimiter, ctx ctxt, takes []bearer.Take) ([]usage, error) {
			m.mu.Lock()
			defer m.mu.Unlock()
			usages, _ := m.look(takes)
			for i, t := range takes {
				if usages[i] = m.bucket(t.Bucket, t.Limit).take(t.N, t.Limit); !usages[i].Allowed {
					break
				}
			}
			return usages, nil
		}), all},
		{"takes from those that have tokens", multi(func(m *multiLimiter, ctx ctxt, takes []bearer.Take) ([]usage, error) {
			var usages []usage
			for _, t := range takes {
				u, _ := m.Take(ctx, t.Bucket, t.N, t.Limit)
				usages = append(usages, u)
			}
			return usages, nil
		}), all},
		{"takes from those in front of a refusal, and does not tell", multi(func(m *multiLimiter, ctx ctxt, takes []bearer.Take) ([]usage, error) {
			usages, err := m.takeAll(ctx, takes)
			if !areAllowed(usages) && usages[0].Allowed {
				_, err = m.Take(ctx, takes[0].Bucket, takes[0].N, takes[0].Limit)
			}
			return usages, err
		}), all},
		{"takes nothing", multi(func(m *multiLimiter, ctx ctxt, takes []bearer.Take) ([]usage, error) {
			usages, _ := m.look(takes)
			return usages, nil
		}), all},
		{"says that all refuse", answeringAll(func(_ []bearer.Take, usages []usage) []usage {
			for i := range usages {
				if !areAllowed(usages) {
					usages[i].Allowed = false
				}
			}
			return usages
		}), all},
		{"says that none refuses", answeringAll(func(_ []bearer.Take, usages []usage) []usage {
			if areAllowed(usages[1:]) {
				usages[0].Allowed, usages[0].Wait = true, 0
			}
			return usages
		}), all},
		{"returns usages in the order of bursts", answeringAll(func(_ []bearer.Take, usages []usage) []usage {
			slices.SortFunc(usages, func(a, b usage) int { return b.Limit.Burst - a.Limit.Burst })
			return usages
		}), order},
		{"returns usages in the order of bursts, without limits", answeringAll(func(_ []bearer.Take, usages []usage) []usage {
			slices.SortFunc(usages, func(a, b usage) int { return b.Limit.Burst - a.Limit.Burst })
			for i := range usages {
				usages[i].Limit = limit{}
			}
			return usages
		}), order},
		{"returns the usages of those that refuse", answeringAll(func(_ []bearer.Take, usages []usage) []usage {
			if areAllowed(usages) {
				return usages
			}
			return slices.DeleteFunc(usages, func(u usage) bool { return u.Allowed })
		}), order},
		{"returns no usage of a look", answeringAll(func(takes []bearer.Take, usages []usage) []usage {
			if takes[len(takes)-1].N == 0 {
				return usages[:len(usages)-1]
			}
			return usages
		}), order},
		{"has other buckets than Take", askingAll(func(t *bearer.Take) { t.Bucket.Class += "s" }), same},
		{"has one bucket for all policies", askingAll(func(t *bearer.Take) { t.Bucket.Policy = "p" }), order},
		{"answers a refusal with an error", multi(func(m *multiLimiter, ctx ctxt, takes []bearer.Take) ([]usage, error) {
			usages, err := m.takeAll(ctx, takes)
			if !areAllowed(usages) {
				err = errors.New("rate limit exceeded")
			}
			return usages, err
		}), noError},
		{"tells no wait", answeringAll(func(_ []bearer.Take, usages []usage) []usage {
			for i := range usages {
				usages[i].Wait = 0
			}
			return usages
		}), refuses},
		{"tells the longest wait of all", answeringAll(func(_ []bearer.Take, usages []usage) []usage {
			for i := range usages {
				usages[i].Wait = max(usages[0].Wait, usages[len(usages)-1].Wait)
			}
			return usages
		}), refuses},
		{"tells what was there before", answeringAll(func(takes []bearer.Take, usages []usage) []usage {
			for i := range usages {
				if areAllowed(usages) {
					usages[i].Remaining += takes[i].N
				}
			}
			return usages
		}), all},
		{"takes one where it looks", askingAll(func(t *bearer.Take) { t.N = max(t.N, 1) }), order},
		{"takes one where it looks beside a take", multi(func(m *multiLimiter, ctx ctxt, takes []bearer.Take) ([]usage, error) {
			usages, err := m.takeAll(ctx, takes)
			for i, t := range takes {
				if t.N == 0 && takes[1-i%2].N > 0 {
					_, err = m.Take(ctx, t.Bucket, 1, t.Limit)
				}
			}
			return usages, err
		}), look},
		{"refuses to look into an empty bucket", answeringAll(func(takes []bearer.Take, usages []usage) []usage {
			for i := range usages {
				usages[i].Allowed = usages[i].Allowed && (takes[i].N > 0 || usages[i].Remaining > 0)
			}
			return usages
		}), look},
		{"takes the burst for more", askingAll(func(t *bearer.Take) { t.N = min(t.N, t.Limit.Burst) }), never},
		{"takes no limit for unlimited", multi(func(m *multiLimiter, ctx ctxt, takes []bearer.Take) ([]usage, error) {
			takes = slices.Clone(takes)
			for i := range takes {
				if takes[i].Limit.Burst < 1 {
					takes[i].Limit = limit{Rate: 1, Burst: 10}
				}
			}
			return m.takeAll(ctx, takes)
		}), zero},
		{"charges a client that has gone", multi(func(m *multiLimiter, ctx ctxt, takes []bearer.Take) ([]usage, error) {
			usages, err := m.takeAll(ctx, takes)
			return usages, errors.Join(err, ctx.Err())
		}), done},
		{"refuses a client that has gone", multi(func(m *multiLimiter, ctx ctxt, takes []bearer.Take) ([]usage, error) {
			if isDone(ctx) {
				return make([]usage, len(takes)), nil
			}
			return m.takeAll(ctx, takes)
		}), done},
		{"looks, waits and takes", multi(func(m *multiLimiter, ctx ctxt, takes []bearer.Take) ([]usage, error) {
			m.mu.Lock()
			usages, all := m.look(takes)
			m.mu.Unlock()
			time.Sleep(time.Microsecond)
			for i, t := range takes {
				if all {
					usages[i], _ = m.Take(ctx, t.Bucket, t.N, t.Limit)
					usages[i].Allowed, usages[i].Wait = true, 0
				}
			}
			return usages, nil
		}), exact},
		{"panics at a refusal", answeringAll(func(_ []bearer.Take, usages []usage) []usage {
			if !areAllowed(usages) {
				panic("refused")
			}
			return usages
		}), "Take does not panic"},
	}
	for _, tt := range fewer(tests) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				err := bearertest.TestLimiter(tt.broken)
				assertBroken(t, "TestLimiter", tt.want, err)
				assert.Equal(t, 1, strings.Count(err.Error(), "\tfix: "), "%v", err)
			})
		})
	}
}
