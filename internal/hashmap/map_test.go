package hashmap_test

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/internal/hashmap"
)

func digest(n int) hashmap.Digest {
	return sha256.Sum256(binary.LittleEndian.AppendUint64(nil, uint64(n)))
}

func entry(n, value int) *hashmap.Entry[int] {
	return &hashmap.Entry[int]{Digest: digest(n), Value: value}
}

func load(m *hashmap.Map[int], n int) (value int, ok bool) {
	d := digest(n)
	if v := m.Load(&d); v != nil {
		return *v, true
	}
	return 0, false
}

// A Map does what a map of Go does, whatever is put in and removed.
func TestMapIsAMap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var m hashmap.Map[int]
	want := make(map[int]int)
	for i := range 20_000 {
		n := random.IntN(1 + i/20)
		_, there := want[n]
		switch random.IntN(6) {
		case 0, 1:
			m.Put(entry(n, i))
			want[n] = i
		case 2:
			added := m.Add(entry(n, i), entry(n, -i)) // the second is never taken in
			assert.Equal(t, !there, added == 1)
			if !there {
				want[n] = i
			}
		case 3:
			assert.Equal(t, there, m.Replace(entry(n, i)))
			if there {
				want[n] = i
			}
		case 4:
			m.Remove(digest(n))
			delete(want, n)
		case 5:
			value, ok := load(&m, n)
			require.Equal(t, there, ok)
			require.Equal(t, want[n], value)
		}
	}
	odd := 0
	for n, value := range want {
		if value%2 == 1 {
			odd++
			delete(want, n)
		}
	}
	assert.Equal(t, odd, m.RemoveFunc(func(v *int) bool { return *v%2 == 1 }))
	for n := range 1100 {
		value, ok := load(&m, n)
		wantValue, there := want[n]
		require.Equal(t, there, ok)
		require.Equal(t, wantValue, value)
	}
}

// Readers find what is there all the time, while others come and go and the
// table is rebuilt.
func TestMapIsReadWhileItChanges(t *testing.T) {
	var m hashmap.Map[int]
	for n := range 10 {
		m.Put(entry(n, n))
	}
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for w := range 2 {
		writers.Go(func() {
			for i := range 5_000 {
				m.Put(entry(100+i%500+1000*w, i))
				m.Remove(digest(100 + i*7%500 + 1000*w))
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			for n := 0; ; n = (n + 1) % 10 {
				select {
				case <-done:
					return
				default:
				}
				if value, ok := load(&m, n); !ok || value != n {
					t.Errorf("got %d, %t, want %d", value, ok, n)
					return
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
}

func TestExpiring(t *testing.T) {
	const most = 10
	x := hashmap.NewExpiring[int](most)
	now := time.Now()
	d := digest(0)
	_, ok := x.Load(d)
	assert.False(t, ok, "an empty map")
	x.Store(d, 7, now.Add(time.Hour))
	x.Remove(d)
	_, ok = x.Load(d)
	assert.False(t, ok, "removed")

	for n := range 1000 {
		d := digest(n)
		x.Store(d, n, now.Add(time.Hour))
		value, ok := x.Load(d)
		assert.True(t, ok, "the last one is always there")
		assert.Equal(t, n, value)
	}
	held := 0
	for n := range 1000 {
		d := digest(n)
		if _, ok := x.Load(d); ok {
			held++
		}
	}
	assert.Equal(t, most, held)
}

// A value expires exactly, by the clock that its end was made by.
func TestExpiringEnds(t *testing.T) {
	for name, by := range map[string]func(time.Time) time.Time{
		"monotonic": func(t time.Time) time.Time { return t },
		"wall":      func(t time.Time) time.Time { return t.Round(0) },
	} {
		synctest.Test(t, func(t *testing.T) {
			x, d := hashmap.NewExpiring[int](8), digest(0)
			x.Store(d, 7, by(time.Now().Add(time.Second)))
			time.Sleep(time.Second - 1)
			value, ok := x.Load(d)
			assert.True(t, ok, name)
			assert.Equal(t, 7, value, name)
			time.Sleep(time.Nanosecond)
			_, ok = x.Load(d)
			assert.False(t, ok, "%s: as it expires", name)
		})
	}
}
