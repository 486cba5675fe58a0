package benchmarks_test

import (
	"context"
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
)

const (
	scope = "tokens:read"
	route = "/v1/tokens"
)

// A quota is n requests in a time: for windows as they are, for token buckets
// n at once, which flow in over that time.
type quota struct {
	n   int
	per time.Duration
}

var (
	// generous is never reached by one caller: a million a second.
	generous = quota{1 << 30, 1 << 30 * time.Microsecond}

	// slow is never reached by one of many callers, and no bucket of it is full
	// again, and so forgotten, before its next request.
	slow = quota{1 << 20, 1 << 20 * time.Second}

	// tight is reached by the third request.
	tight = quota{2, time.Hour}
)

// quotaFor returns the quota for benchmarks with n callers.
func quotaFor(n int) quota {
	if n == 1 {
		return generous
	}
	return slow
}

func (q quota) perSecond() float64   { return float64(q.n) / q.per.Seconds() }
func (q quota) limit() bearer.Limit  { return bearer.Limit{Rate: rate.Limit(q.perSecond()), Burst: q.n} }
func bearerField(text string) string { return "Bearer " + text }

// A record is what a home-made key check knows of a key.
type record struct {
	id      string
	scopes  []string
	expires time.Time
	revoked bool
}

func (r *record) holds(scope string) bool { return slices.Contains(r.scopes, scope) }

// A site is the keys and the limit that all stacks have in common.
type site struct {
	quota    quota
	fields   []string // the Authorization fields of keys that hold the scope
	unscoped string   // that of a key that does not
	store    *bearer.MemoryStore
	records  map[[sha256.Size]byte]*record
}

func newSite(tb testing.TB, n int, q quota) *site {
	tb.Helper()
	s := &site{quota: q, store: bearer.NewMemoryStore(), records: make(map[[sha256.Size]byte]*record)}
	for i := range n {
		s.fields = append(s.fields, s.addKey(tb, "key_"+strconv.Itoa(i), scope, "tokens:write"))
	}
	s.unscoped = s.addKey(tb, "key_unscoped", "wallets:read")
	return s
}

func (s *site) addKey(tb testing.TB, id string, scopes ...string) string {
	tb.Helper()
	text, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	expires := time.Now().Add(time.Hour)
	list := strings.Join(scopes, " ") // each key has its own, as if read from a database
	require.NoError(tb, s.store.Add(bearer.Key{
		ID: id, Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live,
		Owner: "acme", Scopes: bearer.Scopes(list), ExpiresAt: expires,
	}))
	s.records[sha256.Sum256([]byte(text))] = &record{id: id, scopes: strings.Fields(list), expires: expires}
	return bearerField(text)
}

// find is the usual home-made check: SHA-256 and a map, here one that never
// changes and so needs no lock.
func (s *site) find(text string) *record {
	rec := s.records[sha256.Sum256([]byte(text))]
	if rec == nil || rec.revoked || !time.Now().Before(rec.expires) {
		return nil
	}
	return rec
}

// A client sends one request with an Authorization field, and returns the
// status of the answer. It is for one goroutine.
type client func(field string) int

// A discard is a ResponseWriter without a cost of its own.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

// over returns a client of h, which serves one request again and again. The
// fields of the answer are cleared between, as each answer has its own.
func over(h http.Handler) client {
	w := &discard{header: make(http.Header)}
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, route, nil)
	r.Header["Authorization"] = []string{""}
	return func(field string) int {
		clear(w.header)
		w.status = http.StatusOK
		r.Header["Authorization"][0] = field
		h.ServeHTTP(w, r)
		return w.status
	}
}

// send sends requests with the fields in turn, beginning at start. All of them
// have to pass: a refusal would be other work.
func send(tb testing.TB, next func() bool, c client, fields []string, start int) {
	tb.Helper()
	for i := start % len(fields); next(); {
		if status := c(fields[i]); status != http.StatusOK {
			tb.Errorf("status %d", status)
			return
		}
		i++
		if i == len(fields) {
			i = 0
		}
	}
}

func serial(b *testing.B, open func() client, fields []string) {
	b.Helper()
	c := open()
	b.ReportAllocs()
	send(b, b.Loop, c, fields, 0)
}

func parallel(b *testing.B, open func() client, fields []string) {
	b.Helper()
	var start atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		send(b, pb.Next, open(), fields, int(start.Add(1))*7919)
	})
}

// retire puts what the records say of expiry and revocation into the store.
func (s *site) retire(tb testing.TB) {
	tb.Helper()
	for hash, rec := range s.records {
		key := bearer.Key{
			ID: rec.id, Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live,
			Scopes: bearer.Scopes(strings.Join(rec.scopes, " ")), ExpiresAt: rec.expires,
		}
		if rec.revoked {
			key.RevokedAt = time.Now()
		}
		require.NoError(tb, s.store.Update(key))
	}
}
