package issuer

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// from returns a context of a client with the address.
func from(ctx context.Context, addr string) context.Context {
	return withAddress(ctx, netip.MustParseAddr(addr))
}

// fill takes all slots of the gate.
func (g *gate) fill(t *testing.T) {
	t.Helper()
	for range g.slots {
		require.NoError(t, g.enter(t.Context()))
	}
}

// counts returns how many run and wait.
func (g *gate) counts() (running, waiting int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.running, len(g.queue)
}

// assertBusy asserts that err is 503 with Retry-After.
func assertBusy(t *testing.T, err error) {
	t.Helper()
	var e *bearer.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, bearer.CodeServiceUnavailable, e.Code)
	assert.Positive(t, e.RetryAfter)
}

func TestGateQueue(t *testing.T) {
	for _, row := range []struct {
		name  string
		slots int
		from  []string // who come while all slots are taken
		wait  []bool   // and which of them may wait
	}{
		{
			"two of one address", 1,
			[]string{"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"}, []bool{true, true, false, true},
		},
		{
			"an IPv6 site is one", 1,
			[]string{"2001:db8::1", "2001:db8:0:1::2", "2001:db8:0:ffff::3", "2001:db8:1::1"}, []bool{true, true, false, true},
		},
		{
			"an IPv4 address in an IPv6 one is the same", 1,
			[]string{"192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"}, []bool{true, true, false},
		},
		{
			"four for one slot", 1,
			[]string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"}, []bool{true, true, true, true, false},
		},
		{
			"eight for two slots", 2,
			[]string{
				"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4",
				"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5",
			},
			[]bool{true, true, true, true, true, true, true, true, false},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGate()
				g.slots = row.slots
				g.fill(t)
				errs := make([]error, len(row.from))
				var waits []bool
				var group sync.WaitGroup
				for n, addr := range row.from {
					_, before := g.counts()
					group.Go(func() {
						if errs[n] = g.enter(from(t.Context(), addr)); errs[n] == nil {
							g.leave()
						}
					})
					synctest.Wait()
					_, after := g.counts()
					waits = append(waits, after > before)
				}
				assert.Equal(t, row.wait, waits)
				for range g.slots {
					g.leave()
				}
				group.Wait()
				for n, err := range errs {
					if row.wait[n] {
						assert.NoError(t, err)
					} else {
						assertBusy(t, err)
					}
				}
				running, waiting := g.counts()
				assert.Zero(t, running)
				assert.Zero(t, waiting)
			})
		})
	}
}

func TestGateIsFirstComeFirstServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		g.slots = 1
		g.fill(t)
		order := make(chan string, 4)
		for _, addr := range []string{"192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"} {
			go func() {
				if g.enter(from(t.Context(), addr)) == nil {
					order <- addr
					g.leave()
				}
			}()
			synctest.Wait()
		}
		g.leave()
		synctest.Wait()
		close(order)
		assert.Equal(t, []string{"192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"}, slices.Collect(values(order)))
	})
}

// values returns what is received until the channel is closed.
func values[T any](c <-chan T) func(func(T) bool) {
	return func(yield func(T) bool) {
		for v := range c {
			if !yield(v) {
				return
			}
		}
	}
}

func TestGateWaitsTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		g.fill(t)
		start := time.Now()
		_, err := g.hash(t.Context(), "a secret")
		assertBusy(t, err)
		assert.Equal(t, 2*time.Second, time.Since(start))
		running, waiting := g.counts()
		assert.Equal(t, g.slots, running)
		assert.Zero(t, waiting)
	})
}

func TestGateForgetsWhoGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		g.slots = 1
		g.fill(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- g.enter(ctx) }()
		synctest.Wait()
		_, waiting := g.counts()
		assert.Equal(t, 1, waiting)
		cancel()
		err := <-done
		assertBusy(t, err)
		assert.ErrorIs(t, err, context.Canceled)
		_, waiting = g.counts()
		assert.Zero(t, waiting)

		g.leave()
		assertBusy(t, g.enter(ctx)) // also if a slot is free
		running, _ := g.counts()
		assert.Zero(t, running)
	})
}

// A slot that is passed on to a waiter who goes in the same moment is not lost.
func TestGateKeepsItsSlots(t *testing.T) {
	g := newGate()
	g.slots = 2
	var now, most atomic.Int64
	var group sync.WaitGroup
	for n := range 64 {
		group.Go(func() {
			for round := range 50 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n*round%7)*10*time.Microsecond)
				if g.enter(from(ctx, fmt.Sprintf("192.0.2.%d", n))) == nil {
					most.Store(max(most.Load(), now.Add(1)))
					now.Add(-1)
					g.leave()
				}
				cancel()
			}
		})
	}
	group.Wait()
	running, waiting := g.counts()
	assert.Zero(t, running)
	assert.Zero(t, waiting)
	assert.LessOrEqual(t, most.Load(), int64(2))
}

func TestHash(t *testing.T) {
	g := newGate()
	hash, err := g.hash(t.Context(), "correct horse")
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$"), "S0.10")
	other, err := g.hash(t.Context(), "correct horse")
	require.NoError(t, err)
	assert.NotEqual(t, hash, other)
	for _, row := range []struct {
		name, secret, hash string
		want               bool
	}{
		{"right", "correct horse", hash, true},
		{"wrong", "correct horsf", hash, false},
		{"longer", "correct horse ", hash, false},
		{"empty", "", hash, false},
		{"unknown user", "correct horse", "", false},
		{"unknown user, empty", "", "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := g.matches(t.Context(), row.secret, row.hash)
			require.NoError(t, err)
			assert.Equal(t, row.want, got)
		})
	}
	running, _ := g.counts()
	assert.Zero(t, running)
}

// A hash that is stored may cost no more than the cap, and is an outage else.
func TestStoredHashes(t *testing.T) {
	b64 := base64.RawStdEncoding.EncodeToString
	salt, key := make([]byte, 16), make([]byte, 32)
	_, _ = rand.Read(salt)
	_, _ = rand.Read(key)
	with := func(params string) string { return "$argon2id$v=19$" + params + "$" + b64(salt) + "$" + b64(key) }
	cheap, err := argon2id.CreateHash("s", &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 4, SaltLength: 8, KeyLength: 16})
	require.NoError(t, err)
	for _, row := range []struct {
		name, hash string
		isGood     bool
	}{
		{"lower parameters", cheap, true},
		{"64 MiB", with("m=65536,t=1,p=1"), true},
		{"more memory", with("m=65537,t=1,p=1"), false},
		{"4 GiB", with("m=4294967295,t=1,p=1"), false},
		{"more passes", with("m=64,t=11,p=1"), false},
		{"no pass", with("m=64,t=0,p=1"), false},
		{"more threads", with("m=64,t=1,p=5"), false},
		{"no thread", with("m=64,t=1,p=0"), false},
		{"no parameters", with(""), false},
		{"empty key", "$argon2id$v=19$m=64,t=1,p=1$" + b64(salt) + "$", false},
		{"short key", "$argon2id$v=19$m=64,t=1,p=1$" + b64(salt) + "$" + b64(key[:15]), false},
		{"empty salt", "$argon2id$v=19$m=64,t=1,p=1$$" + b64(key), false},
		{"another variant", strings.Replace(with("m=64,t=1,p=1"), "argon2id", "argon2i", 1), false},
		{"another version", strings.Replace(with("m=64,t=1,p=1"), "v=19", "v=16", 1), false},
		{"very long", with("m=64,t=1,p=1") + strings.Repeat("A", 1<<20), false},
		{"another form", "$2b$10$" + b64(key), false},
		{"plain text", "password", false},
		{"blank", " ", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			ok, err := newGate().matches(t.Context(), "not a secret of these", row.hash)
			assert.False(t, ok)
			if row.isGood {
				assert.NoError(t, err)
				return
			}
			var e *bearer.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, bearer.CodeServiceUnavailable, e.Code)
			assert.NotErrorIs(t, err, ErrInvalidCredentials)
			assert.NotContains(t, fmt.Sprintf("%v %+v", err, err), b64(key), "the hash shows")
		})
	}
}

// The hash of an unknown user costs what ours do, and is another for each gate.
func TestDecoy(t *testing.T) {
	g := newGate()
	p, _, _, err := argon2id.DecodeHash(g.decoy)
	require.NoError(t, err)
	assert.Equal(t, &ourParams, p)
	assert.NotEqual(t, g.decoy, newGate().decoy)
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", g, g, g), "argon2id")
}

// Go code of the application comes from no address: more of it than of one address
// may wait.
func TestGateLetsGoCodeWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		g.slots = 1
		g.fill(t)
		for range waitersPerSlot {
			go func() { assert.NoError(t, g.enter(t.Context())) }()
		}
		synctest.Wait()
		_, waiting := g.counts()
		assert.Equal(t, waitersPerSlot, waiting)
		assertBusy(t, g.enter(t.Context()))
		for range waitersPerSlot + 1 {
			g.leave()
		}
		synctest.Wait()
		running, _ := g.counts()
		assert.Zero(t, running)
	})
}
