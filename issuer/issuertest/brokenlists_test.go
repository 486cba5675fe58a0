package issuertest_test

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/blockauth/bearer/issuer"
)

// A listing lists keys as ListKeys does, but for what its fields do instead.
type listing struct {
	finds func(q *issuer.KeyQuery, k *key) bool
	order func(a, b *key) int
	after func(q *issuer.KeyQuery, k *key) bool
	limit func(q *issuer.KeyQuery, keys []key) []key
	early bool // limits before it filters
}

func (l listing) make(b *brokenStore) {
	b.listKeys = func(q issuer.KeyQuery) ([]key, error) {
		keys, err := b.MemoryStore.ListKeys(ctx, issuer.KeyQuery{Owner: q.Owner, IncludeRevoked: true})
		if err != nil {
			return nil, err
		}
		slices.SortStableFunc(keys, func(a, b key) int { return l.order(&a, &b) })
		keys = slices.DeleteFunc(keys, func(k key) bool { return q.After != (issuer.Position{}) && !l.after(&q, &k) })
		if l.early {
			keys = l.limit(&q, keys)
		}
		keys = slices.DeleteFunc(keys, func(k key) bool { return !l.finds(&q, &k) })
		return l.limit(&q, keys), nil
	}
}

func goodFinds(q *issuer.KeyQuery, k *key) bool {
	return (q.CreatedBy == "" || q.CreatedBy == k.CreatedBy) && (q.IncludeRevoked || k.RevokedAt.IsZero()) &&
		(q.ExpiresBefore.IsZero() || !k.ExpiresAt.IsZero() && k.ExpiresAt.Before(q.ExpiresBefore)) &&
		(q.UnusedSince.IsZero() || k.CreatedAt.Before(q.UnusedSince) && k.LastUsedAt.Before(q.UnusedSince))
}

func goodOrder(a, b *key) int {
	return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), strings.Compare(b.ID, a.ID))
}

func goodAfter(q *issuer.KeyQuery, k *key) bool {
	return cmp.Or(k.CreatedAt.Compare(q.After.CreatedAt), strings.Compare(k.ID, q.After.ID)) < 0
}

func goodLimit(q *issuer.KeyQuery, keys []key) []key {
	if q.Limit == 0 {
		return keys
	}
	return keys[:min(q.Limit, len(keys))]
}

// like returns a listing that is good but for what change does.
func like(change func(*listing)) func(*brokenStore) {
	l := listing{goodFinds, goodOrder, goodAfter, goodLimit, false}
	change(&l)
	return l.make
}

func TestBrokenKeyLists(t *testing.T) {
	type query = issuer.KeyQuery
	finds := func(f func(*query, *key) bool) func(*brokenStore) { return like(func(l *listing) { l.finds = f }) }
	ordered := func(f func(a, b *key) int) func(*brokenStore) { return like(func(l *listing) { l.order = f }) }
	after := func(f func(*query, *key) bool) func(*brokenStore) { return like(func(l *listing) { l.after = f }) }
	limited := func(f func(*query, []key) []key) func(*brokenStore) { return like(func(l *listing) { l.limit = f }) }
	testKeys(t, []brokenRow{
		{"the oldest first", lists, ordered(func(a, b *key) int { return goodOrder(b, a) })},
		{"by time alone", lists, ordered(func(a, b *key) int {
			return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), bytes.Compare(a.Secrets[0].Hash[:], b.Secrets[0].Hash[:]))
		})},
		{"IDs upwards", lists, ordered(func(a, b *key) int {
			return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), strings.Compare(a.ID, b.ID))
		})},
		{"IDs without case", lists, ordered(func(a, b *key) int {
			return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), strings.Compare(strings.ToLower(b.ID), strings.ToLower(a.ID)))
		})},
		{"by ID alone", lists, ordered(func(a, b *key) int { return strings.Compare(b.ID, a.ID) })},
		{"times to the millisecond", lists, ordered(func(a, b *key) int {
			const ms = time.Millisecond
			return cmp.Or(b.CreatedAt.Truncate(ms).Compare(a.CreatedAt.Truncate(ms)), strings.Compare(b.ID, a.ID))
		})},
		{"after is included", lists, after(func(q *query, k *key) bool { return goodAfter(q, k) || k.ID == q.After.ID })},
		{"after by time alone", lists, after(func(q *query, k *key) bool {
			return k.CreatedAt.Before(q.After.CreatedAt)
		})},
		{"after by time or ID", lists, after(func(q *query, k *key) bool {
			return k.CreatedAt.Before(q.After.CreatedAt) || k.ID < q.After.ID
		})},
		{"after by time and ID", lists, after(func(q *query, k *key) bool {
			return !k.CreatedAt.After(q.After.CreatedAt) && k.ID < q.After.ID
		})},
		{"after an ID that is there", lists, func(b *brokenStore) {
			b.listKeys = func(q query) ([]key, error) {
				if q.After != (issuer.Position{}) {
					if _, err := b.MemoryStore.GetKey(ctx, q.Owner, q.After.ID); err != nil {
						q.After = issuer.Position{}
					}
				}
				return b.MemoryStore.ListKeys(ctx, q)
			}
		}},
		{"no cursor", lists, after(func(*query, *key) bool { return true })},
		{"no limit", lists, limited(func(_ *query, keys []key) []key { return keys })},
		{"one more than the limit", lists, limited(func(q *query, keys []key) []key {
			if q.Limit == 0 {
				return keys
			}
			return keys[:min(q.Limit+1, len(keys))]
		})},
		{"a limit of 100 if none is set", lists, limited(func(q *query, keys []key) []key {
			return keys[:min(cmp.Or(q.Limit, 100), len(keys))]
		})},
		{"the limit before the filter", lists, like(func(l *listing) { l.early = true })},
		{"revoked keys are not left out", lists, finds(func(q *query, k *key) bool {
			all := *q
			all.IncludeRevoked = true
			return goodFinds(&all, k)
		})},
		{"who created a key does not matter", lists, finds(func(q *query, k *key) bool {
			all := *q
			all.CreatedBy = ""
			return goodFinds(&all, k)
		})},
		{"who created a key, without case", lists, finds(func(q *query, k *key) bool {
			all := *q
			if strings.EqualFold(q.CreatedBy, k.CreatedBy) {
				all.CreatedBy = ""
			}
			return goodFinds(&all, k)
		})},
		{"who created a key, without spaces", lists, finds(func(q *query, k *key) bool {
			trimmed := *k
			trimmed.CreatedBy = strings.TrimRight(k.CreatedBy, " ")
			return goodFinds(q, &trimmed)
		})},
		{"ExpiresBefore finds what never expires", lists, finds(func(q *query, k *key) bool {
			all := *q
			if k.ExpiresAt.IsZero() {
				all.ExpiresBefore = time.Time{}
			}
			return goodFinds(&all, k)
		})},
		{"ExpiresBefore is included", lists, finds(func(q *query, k *key) bool {
			all := *q
			if k.ExpiresAt.Equal(q.ExpiresBefore) {
				all.ExpiresBefore = time.Time{}
			}
			return goodFinds(&all, k)
		})},
		{"UnusedSince finds what was used at it", lists, finds(func(q *query, k *key) bool {
			unused := *k
			if k.LastUsedAt.Equal(q.UnusedSince) {
				unused.LastUsedAt = time.Time{}
			}
			return goodFinds(q, &unused)
		})},
		{"UnusedSince finds what was created later", lists, finds(func(q *query, k *key) bool {
			older := *k
			if !q.UnusedSince.IsZero() {
				older.CreatedAt = time.Time{}
			}
			return goodFinds(q, &older)
		})},
		{"UnusedSince leaves out what was never used", lists, finds(func(q *query, k *key) bool {
			return goodFinds(q, k) && (q.UnusedSince.IsZero() || !k.LastUsedAt.IsZero())
		})},
		{"an empty list is an error", lists, func(b *brokenStore) {
			b.listKeys = func(q query) ([]key, error) {
				keys, err := b.MemoryStore.ListKeys(ctx, q)
				if len(keys) == 0 {
					return nil, issuer.ErrNotFound
				}
				return keys, err
			}
		}},
		{"owners without case", lists, func(b *brokenStore) {
			var owners lockedMap[string, string]
			b.keyIn = func(k *key) { owners.set(strings.ToLower(k.Owner), k.Owner) }
			b.listKeys = func(q query) ([]key, error) {
				q.Owner, _ = owners.get(strings.ToLower(q.Owner))
				return b.MemoryStore.ListKeys(ctx, q)
			}
		}},
	})
}
