package issuer_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
)

// Observe is told whether the issuer remembered the key, or the session of a token.
func TestGuardsTellWhatWasRemembered(t *testing.T) {
	for _, row := range []struct {
		name string
		ttl  time.Duration
		want []bearer.Source
	}{
		{"a cache", time.Minute, []bearer.Source{bearer.FromStore, bearer.FromCache}},
		{"no cache", -1, []bearer.Source{bearer.FromStore, bearer.FromStore}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSigned(t)
			s.config.CacheTTL = row.ttl
			key, _ := s.key(nil)
			user, _ := s.session("user:42", nil)
			iss := s.issuer()
			for text, config := range map[string]bearer.Config{key: iss.KeyConfig(), user: iss.TokenConfig()} {
				var sources []bearer.Source
				config.Observe = func(r *http.Request, _ *bearer.Principal, e *bearer.Error) {
					assert.Nil(t, e)
					sources = append(sources, bearer.TimingOf(r).Source)
				}
				guard, err := bearer.New(config)
				require.NoError(t, err)
				for range 2 {
					r := httptest.NewRequest(http.MethodGet, "/", nil)
					r.Header.Set("Authorization", "Bearer "+text)
					guard.Handler(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r)
				}
				assert.Equal(t, row.want, sources)
			}
		})
	}
}
