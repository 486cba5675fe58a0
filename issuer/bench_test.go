package issuer_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// BenchmarkGuard compares what the issuer's guards cost a request: keys, beside a
// plain CachedStore, and tokens, whose session is asked for at each request.
func BenchmarkGuard(b *testing.B) {
	s := newSigned(b)
	iss := s.issuer()
	key, record := s.key(nil)
	ofKey, _ := s.session("key:"+record.ID, func(x *issuer.Session) { x.SecretHash = record.Secrets[0].Hash })
	ofUser, _ := s.session("user:42", nil)
	plain := iss.KeyConfig()
	plain.Keys = bearer.CachedStore(guardStore{s.store}, bearer.CacheConfig{})
	alone := iss.TokenConfig()
	alone.JWT[0].Session = nil
	for _, row := range []struct {
		name   string
		config bearer.Config
		text   string
	}{
		{"CachedStore", plain, key},
		{"KeyConfig", iss.KeyConfig(), key},
		{"no session", alone, ofUser},
		{"TokenConfig/user", iss.TokenConfig(), ofUser},
		{"TokenConfig/key", iss.TokenConfig(), ofKey},
	} {
		row.config.Limit = bearer.Limit{Rate: 1e9, Burst: 1e9}
		guard, err := bearer.New(row.config)
		require.NoError(b, err)
		h := guard.Require("tokens:read")(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+row.text)
		_, err = guard.Check(r, "tokens:read")
		require.NoError(b, err)
		b.Run(row.name, func(b *testing.B) {
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
		b.Run(row.name+"/parallel", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				w, r := httptest.NewRecorder(), r.Clone(r.Context())
				for pb.Next() {
					h.ServeHTTP(w, r)
				}
			})
		})
	}
}
