package issuertest_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/issuertest"
)

// A brokenRow is a store that breaks a rule.
type brokenRow struct {
	name string
	rule string // in the name of the rule
	make func(*brokenStore)
}

// testBroken runs a suite against each store.
func testBroken(t *testing.T, suite string, run func(*brokenStore) error, rows []brokenRow) {
	t.Helper()
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			b := &brokenStore{MemoryStore: issuer.NewMemoryStore()}
			tt.make(b)
			err := run(b)
			require.ErrorContains(t, err, tt.rule)
			assert.ErrorContains(t, err, "issuertest: "+suite+" found broken rules:\n")
			assert.ErrorContains(t, err, "got ")
			assert.ErrorContains(t, err, ", want ")
			assert.ErrorContains(t, err, "\n\tfix: ")
		})
	}
}

// The rules that the rows name.
const (
	whole   = "what was stored comes back whole"
	copies  = "records are copied"
	unknown = "what is not there gives an error"
	outages = "nothing but what is said for it gives"
	exact   = "texts are compared byte for byte"
	owners  = "another owner's key is not found"
	taken   = "an ID or a hash that is taken"
	atomics = "a call that fails changes nothing"
	swaps   = "ReplaceX stores the record with Version+1"
	winners = "of many calls at once, one wins"
	ended   = "what is revoked, deleted or ended stays"
	fresh   = "look-ups read what was last written"
	secrets = "a hash finds its key"
	used    = "TouchKeys moves LastUsedAt forward"
	lists   = "a list has what the query finds"
	opens   = "OpenSession returns the one session"
	fulls   = "a subject with max live sessions"
	ends    = "EndSessions ends all live sessions"
	emails  = "an email is one user's"
	first   = "what was created is found"
	panics  = "no call panics"
)

var (
	ctx       = context.Background()
	errNoRows = errors.New("sql: no rows in result set")
)

// The good store passes, again and again, also where its IDs and owners come
// from a database.
func TestGoodStores(t *testing.T) {
	store := &issuertest.Faults{Store: issuer.NewMemoryStore()}
	uuids := issuertest.Options{NewID: newUUID, NewOwner: newUUID}
	for _, tt := range []struct {
		name string
		run  func(...issuertest.Options) error
		most int // calls
	}{
		{"keys", func(o ...issuertest.Options) error { return issuertest.TestKeyStore(store, o...) }, 3000},
		{"clients", func(o ...issuertest.Options) error { return issuertest.TestClientStore(store, o...) }, 3000},
		{"sessions", func(o ...issuertest.Options) error { return issuertest.TestSessionStore(store, o...) }, 3000},
		{"users", func(o ...issuertest.Options) error { return issuertest.TestPasswordStore(store, o...) }, 3000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 {
				require.NoError(t, tt.run())
				assert.Less(t, len(store.Calls()), tt.most, "calls")
				require.NoError(t, tt.run(uuids))
				store.Calls()
			}
		})
	}
}

// newUUID returns a random name of lower-case hexadecimal digits: 32 bytes.
func newUUID() string {
	_, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Test)
	return hash.String()[:32]
}

// A lockedMap is a map that a broken store keeps beside the good one.
type lockedMap[K comparable, V any] struct {
	mu sync.Mutex
	m  map[K]V
}

func (l *lockedMap[K, V]) get(k K) (V, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v, ok := l.m[k]
	return v, ok
}

func (l *lockedMap[K, V]) set(k K, v V) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m == nil {
		l.m = make(map[K]V)
	}
	l.m[k] = v
}

// cut returns the first n bytes of a text, as some databases store no more.
func cut(text string, n int) string { return text[:min(n, len(text))] }

// ascii replaces what one-byte columns cannot hold.
func ascii(text string) string {
	return strings.Map(func(r rune) rune {
		if r > 127 {
			return '?'
		}
		return r
	}, text)
}

// Over a network, where each call takes five milliseconds, a suite takes seconds;
// a store that never answers is told.
func TestSlowStores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(context.Context) error {
			time.Sleep(5 * time.Millisecond)
			return nil
		}
		b := &brokenStore{MemoryStore: issuer.NewMemoryStore(), down: slow}
		start := time.Now()
		require.NoError(t, issuertest.TestKeyStore(b))
		require.NoError(t, issuertest.TestClientStore(b))
		require.NoError(t, issuertest.TestSessionStore(b))
		require.NoError(t, issuertest.TestPasswordStore(b))
		assert.Less(t, time.Since(start), 45*time.Second)

		release := make(chan struct{})
		b.down = func(context.Context) error {
			<-release
			return nil
		}
		err := issuertest.TestKeyStore(b)
		require.ErrorContains(t, err, "every call comes to an end")
		assert.ErrorContains(t, err, "a first key: got no end of it in 1m0s, want one")
		close(release)
	})
}

// letOthersRace gives others the time to do what is done between a read and a
// write.
func letOthersRace() { time.Sleep(time.Millisecond) }
