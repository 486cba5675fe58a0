package bearer_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"net/http"
	"net/netip"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A change in the store holds from the next request.
func TestMemoryStoreNextRequest(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live, named("key_1"))
	store := bearer.NewMemoryStore()
	h := newGuard(t, bearer.Config{Keys: store, Limit: bearer.Unlimited}).Handler(pass)
	for _, row := range []struct {
		name string
		tell func() error
		want string
	}{
		{"unknown", func() error { return nil }, "401 invalid_api_key"},
		{"added", func() error { return store.Add(key) }, "passed"},
		{"S1.8 revoked", func() error { k := key; k.RevokedAt = time.Now(); return store.Update(k) }, "401 key_revoked"},
		{"restored", func() error { return store.Update(key) }, "passed"},
		{"expired", func() error { k := key; k.ExpiresAt = time.Now(); return store.Update(k) }, "403 key_expired"},
		{"bound to an address", func() error {
			k := key
			k.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
			return store.Update(k)
		}, "403 ip_not_allowed"},
		{"bound to its address", func() error {
			k := key
			k.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}
			return store.Update(k)
		}, "passed"},
		{"S1.8 removed", func() error { return store.Remove("key_1") }, "401 invalid_api_key"},
		{"added again", func() error { return store.Add(key) }, "passed"},
	} {
		require.NoError(t, row.tell(), row.name)
		assert.Equal(t, row.want, verdict(get(h, text)), row.name)
	}
}

func TestMemoryStoreFaults(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live, named("key_1"))
	otherText, other := newKey(bearer.SecretKey, bearer.Live, named("key_2"))
	store := bearer.NewMemoryStore(key)
	h := newGuard(t, bearer.Config{Keys: store, Limit: bearer.Unlimited}).Handler(pass)

	twin := key
	twin.ID = "key_3"
	err := store.Add(other, twin, key)
	assert.EqualError(t, err, `bearer: key "key_3" (secret, live): its hash is in the store already`)
	assert.Equal(t, "passed", verdict(get(h, otherText)), "the keys before it were added")
	found, err := store.FindKey(t.Context(), key.Hash)
	require.NoError(t, err)
	assert.Equal(t, "key_1", found.ID, "and the old key stays")

	_, unknown := newKey(bearer.SecretKey, bearer.Live, named("key_4"))
	assert.ErrorIs(t, store.Update(unknown), bearer.ErrKeyNotFound)
	assert.ErrorIs(t, store.Remove("key_4"), bearer.ErrKeyNotFound)
	assert.EqualError(t, store.Remove("key\n"), `bearer: key not found: none has the ID "key\n"`)
	_, err = store.FindKey(t.Context(), unknown.Hash)
	assert.ErrorIs(t, err, bearer.ErrKeyNotFound, "Update did not add it")
	assert.Equal(t, "passed", verdict(get(h, text)))
}

func TestMemoryStoreOneIDTwoTexts(t *testing.T) {
	oldText, oldKey := newKey(bearer.SecretKey, bearer.Live, named("key_1"))
	newText, renewed := newKey(bearer.SecretKey, bearer.Live, named("key_1"))
	otherText, other := newKey(bearer.SecretKey, bearer.Live, named("key_2"))
	store := bearer.NewMemoryStore(oldKey, other)
	require.NoError(t, store.Add(renewed))
	h := newGuard(t, bearer.Config{Keys: store, Limit: bearer.Unlimited}).Handler(pass)
	assert.Equal(t, "passed", verdict(get(h, oldText)))
	assert.Equal(t, "passed", verdict(get(h, newText)))
	oldKey.RevokedAt = time.Now()
	require.NoError(t, store.Update(oldKey))
	assert.Equal(t, "401 key_revoked", verdict(get(h, oldText)))
	assert.Equal(t, "passed", verdict(get(h, newText)), "Update is by hash")
	require.NoError(t, store.Remove("key_1"))
	assert.Equal(t, "401 invalid_api_key", verdict(get(h, oldText)))
	assert.Equal(t, "401 invalid_api_key", verdict(get(h, newText)))
	assert.Equal(t, "passed", verdict(get(h, otherText)))
}

func TestMemoryStoreNewTakesTheLater(t *testing.T) {
	_, key := newKey(bearer.SecretKey, bearer.Live, named("key_1"))
	later := key
	later.ID = "key_2"
	found, err := bearer.NewMemoryStore(key, later).FindKey(t.Context(), key.Hash)
	require.NoError(t, err)
	assert.Equal(t, "key_2", found.ID)
}

// The store keeps copies: callers may change the keys that they gave it.
func TestMemoryStoreCopies(t *testing.T) {
	addresses := func() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} }
	origins := func() []string { return []string{"https://app.example"} }
	for _, row := range []struct {
		name string
		put  func(keys []bearer.Key) (*bearer.MemoryStore, error)
	}{
		{"NewMemoryStore", func(keys []bearer.Key) (*bearer.MemoryStore, error) { return bearer.NewMemoryStore(keys...), nil }},
		{"Add", func(keys []bearer.Key) (*bearer.MemoryStore, error) {
			store := new(bearer.MemoryStore)
			return store, store.Add(keys...)
		}},
		{"Update", func(keys []bearer.Key) (*bearer.MemoryStore, error) {
			store := bearer.NewMemoryStore(bearer.Key{Hash: keys[0].Hash})
			return store, store.Update(keys[0])
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, key := newKey(bearer.SecretKey, bearer.Live, scoped("tokens:read"))
			key.AllowedIPs, key.AllowedOrigins, key.Data = addresses(), origins(), &row
			keys := []bearer.Key{key}
			store, err := row.put(keys)
			require.NoError(t, err)
			keys[0].RevokedAt, keys[0].Scopes = time.Now(), bearer.FullAccess
			keys[0].AllowedIPs[0] = netip.MustParsePrefix("0.0.0.0/0")
			keys[0].AllowedOrigins[0] = "https://other.example"
			found, err := store.FindKey(t.Context(), key.Hash)
			require.NoError(t, err)
			key.AllowedIPs, key.AllowedOrigins = addresses(), origins()
			assert.Equal(t, &key, found)
			assert.Same(t, &row, found.Data, "what is the application's own is shared")
		})
	}
}

func TestMemoryStoreZero(t *testing.T) {
	var store bearer.MemoryStore
	text, key := newKey(bearer.SecretKey, bearer.Live, named("key_1"))
	_, err := store.FindKey(t.Context(), key.Hash)
	assert.ErrorIs(t, err, bearer.ErrKeyNotFound)
	assert.ErrorIs(t, store.Update(key), bearer.ErrKeyNotFound)
	assert.ErrorIs(t, store.Remove("key_1"), bearer.ErrKeyNotFound)
	h := newGuard(t, bearer.Config{Keys: &store, Limit: bearer.Unlimited}).Handler(pass)
	assert.Equal(t, "401 invalid_api_key", verdict(get(h, text)))
	require.NoError(t, store.Add())
	require.NoError(t, store.Add(key))
	assert.Equal(t, "passed", verdict(get(h, text)))
}

func TestMemoryStoreNil(t *testing.T) {
	var store *bearer.MemoryStore
	_, key := newKey(bearer.SecretKey, bearer.Live, named("key_1"))
	found, err := store.FindKey(t.Context(), key.Hash)
	assert.Nil(t, found)
	assert.EqualError(t, err, "bearer: nil MemoryStore")
	assert.NotErrorIs(t, err, bearer.ErrKeyNotFound, "it is an outage, not a wrong key")
	_, err = bearer.New(bearer.Config{Keys: store})
	assert.ErrorContains(t, err, "bearer: Config.Keys: a nil pointer")
}

func TestMemoryStoreConcurrent(t *testing.T) {
	steadyText, steady := newKey(bearer.SecretKey, bearer.Live, named("steady"))
	store := bearer.NewMemoryStore(steady)
	h := newGuard(t, bearer.Config{Keys: store, Limit: bearer.Unlimited}).Handler(pass)
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 200 {
				text, key := newKey(bearer.SecretKey, bearer.Live, named(fmt.Sprintf("key_%d_%d", worker, i)))
				assert.NoError(t, store.Add(key))
				assert.Equal(t, "passed", verdict(get(h, text)))
				key.RevokedAt = time.Now()
				assert.NoError(t, store.Update(key))
				assert.Equal(t, "401 key_revoked", verdict(get(h, text)))
				assert.NoError(t, store.Remove(key.ID))
				assert.Equal(t, "401 invalid_api_key", verdict(get(h, text)))
				assert.Equal(t, "passed", verdict(get(h, steadyText)))
			}
		})
	}
	wg.Wait()
}

// Of several goroutines that add one key, one succeeds.
func TestMemoryStoreAddOnce(t *testing.T) {
	_, key := newKey(bearer.SecretKey, bearer.Live, named("key_1"))
	var store bearer.MemoryStore
	results := make(chan error, 16)
	var wg sync.WaitGroup
	for range cap(results) {
		wg.Go(func() { results <- store.Add(key) })
	}
	wg.Wait()
	close(results)
	added := 0
	for err := range results {
		if err == nil {
			added++
		}
	}
	assert.Equal(t, 1, added)
}

// Requests with made-up keys fill no memory, though they come from many
// addresses and failures are limited.
// Keys that are added together are there together: a Remove of their ID that
// succeeds meanwhile leaves none of them.
func TestMemoryStoreAddsInOneStep(t *testing.T) {
	keys := make([]bearer.Key, 200)
	for i := range keys {
		_, keys[i] = newKey(bearer.SecretKey, bearer.Test, named("one"))
	}
	for range 50 {
		store := bearer.NewMemoryStore()
		var adding sync.WaitGroup
		adding.Go(func() { assert.NoError(t, store.Add(keys...)) })
		err := store.Remove("one")
		for err != nil { // not there yet
			runtime.Gosched()
			err = store.Remove("one")
		}
		adding.Wait()
		for i := range keys {
			_, err := store.FindKey(t.Context(), keys[i].Hash)
			require.ErrorIs(t, err, bearer.ErrKeyNotFound)
		}
	}
}

func TestMemoryStoreUnknownKeysTakeNoMemory(t *testing.T) {
	_, key := newKey(bearer.SecretKey, bearer.Live, named("key_1"))
	guard, err := bearer.New(bearer.Config{
		Keys: bearer.NewMemoryStore(key), FailureLimit: bearer.PerMinute(1000), Limiter: &bearer.Buckets{Max: 1024},
	})
	require.NoError(t, err)
	n := 40_000
	if raceEnabled {
		n = 10_000
	}
	r := request(http.MethodGet, "/v1/tokens", "")
	try := func(i int) {
		body := fmt.Sprintf("sk_"+"live_%08d_%024d", i, i)
		r.Header["Authorization"] = []string{"Bearer " + keysForged(body)}
		r.RemoteAddr = fmt.Sprintf("[2001:db8:%x:%x::1]:80", i>>16, i&0xffff)
		if _, err := guard.Check(r); bearer.CodeOf(err) == "" {
			assert.Fail(t, "accepted", "%d", i)
		}
	}
	for i := range 2000 {
		try(i)
	}
	before := heap()
	for i := range n {
		try(i)
	}
	assert.Less(t, heap()-before, int64(1<<18))
	runtime.KeepAlive(guard)
}

// A store holds what a map would, whatever is done to it.
func TestMemoryStoreIsAMap(t *testing.T) {
	seed := mathrand.Uint64()
	t.Log("seed", seed)
	random := mathrand.New(mathrand.NewPCG(seed, 0))
	var store bearer.MemoryStore
	want := make(map[bearer.KeyHash]string)
	for range fewer(100_000) {
		// The hashes differ in one byte of many, to fill one region of a table.
		var hash bearer.KeyHash
		hash[random.IntN(2)*31] = byte(random.IntN(256))
		key := bearer.Key{ID: strconv.Itoa(random.IntN(100)), Hash: hash}
		id, held := want[hash]
		done := held // whether the store ought to do what it is told
		var err error
		switch random.IntN(8) {
		case 0, 1, 2:
			done, err = !held, store.Add(key)
			if !held {
				want[hash] = key.ID
			}
		case 3:
			err = store.Update(key)
			if held {
				want[hash] = key.ID
			}
		case 4:
			before := len(want)
			maps.DeleteFunc(want, func(_ bearer.KeyHash, id string) bool { return id == key.ID })
			done, err = len(want) < before, store.Remove(key.ID)
		default:
			var found *bearer.Key
			if found, err = store.FindKey(t.Context(), hash); err == nil && found.ID != id {
				require.Equal(t, id, found.ID)
			}
		}
		if done != (err == nil) {
			require.Fail(t, "not as a map", "%v, %v", done, err)
		}
	}
}

// A key is found while others are added and removed at the same time.
func TestMemoryStoreFindsWhileItGrows(t *testing.T) {
	_, kept := newKey(bearer.SecretKey, bearer.Live, named("kept"))
	store := bearer.NewMemoryStore(kept)
	done := make(chan struct{})
	var readers sync.WaitGroup
	var lost atomic.Int64
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					if key, err := store.FindKey(t.Context(), kept.Hash); err != nil || key.ID != "kept" {
						lost.Add(1)
					}
				}
			}
		})
	}
	n := fewer(20_000)
	for i := range n {
		var hash bearer.KeyHash
		binary.LittleEndian.PutUint64(hash[:], mathrand.Uint64())
		require.NoError(t, store.Add(bearer.Key{ID: "passing", Hash: hash}))
		require.NoError(t, store.Update(kept))
		if i%(n/4) == n/4-1 {
			require.NoError(t, store.Remove("passing"))
		}
	}
	close(done)
	readers.Wait()
	assert.Zero(t, lost.Load(), "look-ups that missed a key which was there")
}

// A store that was emptied holds little memory.
func TestMemoryStoreGivesMemoryBack(t *testing.T) {
	store := new(bearer.MemoryStore)
	before := heap()
	for i := range 20_000 {
		require.NoError(t, store.Add(bearer.Key{ID: "x", Hash: bearer.KeyFormat{}.Hash(strconv.Itoa(i))}))
	}
	full := heap() - before
	require.NoError(t, store.Remove("x"))
	assert.Less(t, heap()-before, full/10)
	_, err := store.FindKey(t.Context(), bearer.KeyFormat{}.Hash("1"))
	assert.ErrorIs(t, err, bearer.ErrKeyNotFound)
}
