package bearer_test

import (
	"math"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBucketsBytesOfABucket(t *testing.T) {
	var b bearer.Buckets
	n := less(1_000_000)
	before := heap()
	for i := range n {
		require.True(t, take(t, &b, callerBucket(i), 1, slow).Allowed)
	}
	grown := heap() - before
	assert.LessOrEqual(t, grown, int64(n)*40)
	for i := range n {
		if u := take(t, &b, callerBucket(i), 0, slow); u.Remaining != 4 {
			require.Equal(t, 4, u.Remaining, "bucket %d is lost", i)
		}
	}
	runtime.KeepAlive(&b)
}

func TestBucketsForgetFullBuckets(t *testing.T) {
	var b bearer.Buckets
	before := heap()
	most := int64(0)
	n := less(10_000_000)
	for i := range n {
		if u := take(t, &b, bearer.Bucket{Class: "nobody", ID: strconv.Itoa(i)}, 1, bearer.PerSecond(100)); !u.Allowed {
			require.Fail(t, "a new bucket is full")
		}
		if i%(n/20) == 0 {
			most = max(most, heap()-before)
		}
	}
	assert.Less(t, most, int64(16<<20))
	runtime.KeepAlive(&b)
}

func TestBucketsFloodResetsNoSpentBucket(t *testing.T) {
	for _, row := range []struct {
		name       string
		max, flood int
	}{
		{"negative", -1, 100_000},
		{"default", 0, 2_500_000},
		{"1", 1, 20_000},
		{"7", 7, 20_000},
		{"100", 100, 100_000},
		{"1000", 1000, 100_000},
		{"the largest", math.MaxInt, 100_000},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := bearer.Buckets{Max: row.max}
			spent := callerBucket(-1)
			require.True(t, take(t, &b, spent, 5, slow).Allowed)
			for i := range less(row.flood) {
				require.True(t, take(t, &b, callerBucket(i), 1, slow).Allowed)
				if i%64 == 0 {
					require.False(t, take(t, &b, spent, 1, slow).Allowed, "reset by flood of %d", i)
				}
			}
			assert.Zero(t, take(t, &b, spent, 0, slow).Remaining)
		})
	}
}

// As many spent buckets as half the cap stay spent, whatever else comes.
func TestBucketsFloodResetsNoneOfManySpentBuckets(t *testing.T) {
	for _, row := range []struct {
		name       string
		max, spent int
		flood      bearer.Limit
		gap        time.Duration // between the takes of the flood
	}{
		{"a few", 64, 16, slow, 0},
		{"half", 64, 32, slow, 0},
		{"a few of many", 1000, 50, slow, 0},
		{"half of many", 1000, 500, slow, 0},
		{"half of several shards", 4000, 2000, slow, 0},
		{"buckets that are soon full again", 1000, 500, bearer.PerSecond(100), 10 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := bearer.Buckets{Max: row.max}
			for i := range row.spent {
				require.True(t, take(t, &b, callerBucket(-1-i), 5, slow).Allowed, row.name)
			}
			for i := range less(100_000) {
				require.True(t, take(t, &b, callerBucket(i), 1, row.flood).Allowed, row.name)
				time.Sleep(row.gap)
			}
			for i := range row.spent {
				require.False(t, take(t, &b, callerBucket(-1-i), 1, slow).Allowed, row.name)
			}
		})
	}
}

func TestBucketsHoldNoMoreThanMax(t *testing.T) {
	for _, limit := range []int{8, 100, 513, 1000, 1001} {
		b := bearer.Buckets{Max: limit}
		for i := range 20 * limit {
			take(t, &b, callerBucket(i), 1, slow)
		}
		held := 0
		for i := range 20 * limit {
			if take(t, &b, callerBucket(i), 0, slow).Remaining < 5 {
				held++
			}
		}
		assert.LessOrEqual(t, held, limit)
		assert.Greater(t, held, limit/2)
	}
}

func TestBucketsStrangersCrowdOutStrangersOnly(t *testing.T) {
	const callers = 8
	for _, class := range []string{"ip", "nobody", "other", ""} {
		b := bearer.Buckets{Max: callers}
		for i := range callers {
			take(t, &b, bearer.Bucket{Class: []string{"key", "token"}[i%2], ID: strconv.Itoa(i)}, 1, slow)
		}
		for i := range less(50_000) {
			take(t, &b, bearer.Bucket{Class: class, ID: strconv.Itoa(i)}, 5, slow)
		}
		for i := range callers {
			u := take(t, &b, bearer.Bucket{Class: []string{"key", "token"}[i%2], ID: strconv.Itoa(i)}, 0, slow)
			assert.Equal(t, 4, u.Remaining, "class %q crowds out callers", class)
		}
	}
}

func TestBucketsAllocateNothingForAKnownBucket(t *testing.T) {
	var b bearer.Buckets
	for _, class := range []string{"key", "token", "ip", "nobody"} {
		k := bearer.Bucket{Class: class, ID: "1"}
		for _, limit := range []bearer.Limit{slow, bearer.PerSecond(100), bearer.Unlimited, {}} {
			take(t, &b, k, 1, limit)
			assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = b.Take(t.Context(), k, 1, limit) }), "%s %v", class, limit)
			assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = b.Take(t.Context(), k, 0, limit) }), "%s %v", class, limit)
		}
	}
}

func TestBucketsStartNoGoroutine(t *testing.T) {
	var b bearer.Buckets
	before := runtime.NumGoroutine()
	for i := range 10_000 {
		take(t, &b, callerBucket(i), 1, slow)
	}
	assert.LessOrEqual(t, runtime.NumGoroutine(), before)
}
