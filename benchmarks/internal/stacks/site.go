// Package stacks is what the benchmarks and the server measurement have in
// common: the keys, and the stacks without a guard that check and limit them.
package stacks

import (
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/blockauth/bearer"
	"golang.org/x/time/rate"
)

// Route is what is asked for, and Scope what a key needs to get it.
const (
	Route = "/v1/tokens"
	Scope = "tokens:read"
)

// A Quota is N requests in a time: for windows as they are, for token buckets N
// at once, which flow in over that time.
type Quota struct {
	N   int
	Per time.Duration
}

// Slow is never reached by one of many callers, and no bucket of it is full
// again, and so forgotten, before its next request.
var Slow = Quota{1 << 20, 1 << 20 * time.Second}

// PerSecond returns the rate of q.
func (q Quota) PerSecond() float64 { return float64(q.N) / q.Per.Seconds() }

// Limit returns q as the guard has it.
func (q Quota) Limit() bearer.Limit {
	return bearer.Limit{Rate: rate.Limit(q.PerSecond()), Burst: q.N}
}

// A Record is what a home-made key check knows of a key.
type Record struct {
	ID      string
	Owner   string
	Scopes  []string
	Expires time.Time
	Revoked bool
}

// Holds reports whether the key has a scope.
func (r *Record) Holds(scope string) bool { return slices.Contains(r.Scopes, scope) }

// A Site is the keys and the quota that all stacks have in common.
type Site struct {
	Quota   Quota
	Fields  []string // the Authorization fields of keys that hold the scope
	Store   *bearer.MemoryStore
	Records map[[sha256.Size]byte]*Record
}

// NewSite makes a site with n keys, key_0 and so on.
func NewSite(n int, q Quota) (*Site, error) {
	s := &Site{Quota: q, Store: bearer.NewMemoryStore(), Records: make(map[[sha256.Size]byte]*Record)}
	for i := range n {
		field, err := s.AddKey("key_"+strconv.Itoa(i), "org_"+strconv.Itoa(i/4), Scope, "tokens:write")
		if err != nil {
			return nil, err
		}
		s.Fields = append(s.Fields, field)
	}
	return s, nil
}

// AddKey makes a key and returns its Authorization field. Each key has texts of
// its own, as if read from a database.
func (s *Site) AddKey(id, owner string, scopes ...string) (string, error) {
	text, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	expires := time.Now().Add(time.Hour)
	list := strings.Join(scopes, " ")
	s.Records[sha256.Sum256([]byte(text))] = &Record{
		ID: id, Owner: owner, Scopes: strings.Fields(list), Expires: expires,
	}
	return "Bearer " + text, s.Store.Add(bearer.Key{
		ID: id, Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live,
		Owner: owner, Scopes: bearer.Scopes(list), ExpiresAt: expires,
	})
}

// Find is the usual home-made check: SHA-256 and a map, here one that never
// changes and so needs no lock.
func (s *Site) Find(text string) *Record {
	rec := s.Records[sha256.Sum256([]byte(text))]
	if rec == nil || rec.Revoked || !time.Now().Before(rec.Expires) {
		return nil
	}
	return rec
}
