package bearertest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

// A mistake is reported by the rule that it breaks, without the advice that
// belongs to others.
func TestOneMistakeOfAKeyStoreBreaksOneRule(t *testing.T) {
	all := func(*key) bool { return true }
	tests := []struct {
		name   string
		broken *testStore
		rule   string
	}{
		{"loses the hash", reading(func(k *key) { k.Hash = hash{} }), "FindKey returns every field"},
		{"loses the ID", reading(func(k *key) { k.ID = "" }), "FindKey returns every field"},
		{"loses the owner", reading(func(k *key) { k.Owner = "" }), "FindKey returns every field"},
		{"loses the expiry", reading(func(k *key) { k.ExpiresAt = time.Time{} }), "FindKey returns every field"},
		{"loses the revocation", reading(func(k *key) { k.RevokedAt = time.Time{} }), "a key that is revoked or expired"},
		{"cannot read any key", failing(errScan, all), "FindKey returns a key that is in the store without an error"},
		{"cannot read an expiry", failing(errScan, func(k *key) bool { return !k.ExpiresAt.IsZero() }),
			"FindKey returns a key that is in the store without an error"},
		{"finds nothing", failing(bearer.ErrKeyNotFound, all), "FindKey finds what issue stored"},
		{"the driver's error for no rows", instead(nil, errNoRows), "a hash that is not in the store"},
		{"the driver's error for every row", failing(errNoRows, all), "FindKey returns a key that is in the store without"},
		{"an empty key for no rows", instead(new(key), nil), "a hash that is not in the store"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				err := bearertest.TestKeyStore(tt.broken, tt.broken.issue)
				require.ErrorContains(t, err, tt.rule)
				assert.Equal(t, 1, strings.Count(err.Error(), "\tfix: "), "%v", err)
			})
		})
	}
}

// One mistake is reported by its rule, without the advice of others.
func TestOneMistakeOfAnAdapterBreaksOneRule(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		broken adapter
	}{
		{"forgets to abort", aborting(func(*testWriter, bool) bool { return true })},
		{"lets TRACE through", method(http.MethodTrace)},
		{"swallows Cache-Control", dropping("Cache-Control")},
		{"adds a field", writing(func(w http.ResponseWriter) http.ResponseWriter {
			w.Header().Set("X-Powered-By", "adapter")
			return w
		})},
		{"loses the principal", setting(func(r *http.Request) {
			*r = *r.WithContext(bearer.NewContext(r.Context(), nil))
		})},
		{"copies the principal", posing(func(*bearer.Principal) {})},
		{"outlives the client", ending(func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithoutCancel(ctx), func() {}
		})},
		{"sets another host", setting(func(r *http.Request) { r.Host = "internal.test" })},
		{"never calls the handler", inside(func(http.Handler) http.Handler { return http.NotFoundHandler() })},
		{"writes refusals itself", checked(bearer.WriteError)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := bearertest.TestMiddleware(tt.broken.before(bearertest.Handler))
			require.Error(t, err)
			assert.Equal(t, 1, strings.Count(err.Error(), "\n\tfix: "), "%v", err)
			assert.Less(t, strings.Count(err.Error(), "\n"), 8, "a rule that is broken everywhere is listed a few times")
		})
	}
}
