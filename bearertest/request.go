package bearertest

import (
	"context"
	"net/http"
	"net/http/httptest"

	"github.com/blockauth/bearer"
)

// Request returns a request to hand to a handler, made by
// [httptest.NewRequest], with the credential as a bearer credential. An empty
// credential is none. Its RemoteAddr is 192.0.2.1:1234. It panics if method or
// target is malformed.
func Request(method, target, credential string) *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), method, target, nil)
	if credential != "" {
		r.Header.Set("Authorization", "Bearer "+credential)
	}
	return r
}

// WithPrincipal returns r as a guard would hand it on that let p through, for
// tests of handlers without a guard. No guard trusts it: behind one, the
// request needs a credential all the same.
func WithPrincipal(r *http.Request, p *bearer.Principal) *http.Request {
	return r.WithContext(bearer.NewContext(r.Context(), p))
}
