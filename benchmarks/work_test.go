package benchmarks_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/benchmarks/internal/stacks"
	"github.com/stretchr/testify/require"
)

const (
	scope = stacks.Scope
	route = stacks.Route
)

type (
	quota  = stacks.Quota
	record = stacks.Record
)

var (
	// generous is never reached by one caller: a million a second.
	generous = quota{N: 1 << 30, Per: 1 << 30 * time.Microsecond}

	slow = stacks.Slow

	// tight is reached by the third request.
	tight = quota{N: 2, Per: time.Hour}
)

// quotaFor returns the quota for benchmarks with n callers.
func quotaFor(n int) quota {
	if n == 1 {
		return generous
	}
	return slow
}

func bearerField(text string) string { return "Bearer " + text }

// A site has one key more, which does not hold the scope.
type site struct {
	*stacks.Site
	unscoped string // its field
}

func newSite(tb testing.TB, n int, q quota) *site {
	tb.Helper()
	common, err := stacks.NewSite(n, q)
	require.NoError(tb, err)
	unscoped, err := common.AddKey("key_unscoped", "acme", "wallets:read")
	require.NoError(tb, err)
	return &site{common, unscoped}
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
	for hash, rec := range s.Records {
		key := bearer.Key{
			ID: rec.ID, Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live,
			Scopes: bearer.Scopes(strings.Join(rec.Scopes, " ")), ExpiresAt: rec.Expires,
		}
		if rec.Revoked {
			key.RevokedAt = time.Now()
		}
		require.NoError(tb, s.Store.Update(key))
	}
}
