package bearerredis

import (
	"hash/maphash"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
)

// Of two buckets with one place, the first has it as long as it is in use: else each
// would lose what the other left.
func TestLeasesOfOnePlace(t *testing.T) {
	const size = 10
	l := &Limiter{seed: maphash.MakeSeed()}
	places, now := new(leases), time.Now()
	first := l.newMember(&bearer.Bucket{ID: "1"}, 1, hourly(100))
	second := l.newMember(&bearer.Bucket{ID: "2"}, 1, hourly(100))
	second.hash = first.hash + uint64(len(places))

	own := places.of(&first, size, now)
	require.NotNil(t, own)
	own.counted(1, now, size)
	assert.Nil(t, places.of(&second, size, now))
	assert.Same(t, own, places.of(&first, size, now.Add(leaseTime)))

	later := now.Add(2 * leaseTime)
	other := places.of(&second, size, later)
	require.NotNil(t, other)
	other.counted(1, later, size)
	assert.Nil(t, places.of(&first, size, later))
}
