package recipes_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
	"github.com/stretchr/testify/require"
)

func newGuard(t *testing.T, config bearer.Config) *bearer.Guard {
	t.Helper()
	guard, err := bearer.New(config)
	require.NoError(t, err)
	return guard
}

// serve returns the answer of a handler.
func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// get returns a request that has a credential in the usual place, if any.
func get(path, credential string) *http.Request {
	return bearertest.Request(http.MethodGet, path, credential)
}

// with returns a request that has one more header field.
func with(r *http.Request, name, value string) *http.Request {
	r.Header.Add(name, value)
	return r
}

// whoami answers with the caller.
var whoami = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	if p := bearer.FromContext(r.Context()); p != nil {
		_, _ = w.Write([]byte(p.ID))
	}
})
