package bearertest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

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
