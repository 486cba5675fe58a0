package recipes

import (
	"net/http"
	"net/http/httputil"
	"net/url"

	"github.com/blockauth/bearer"
)

// Proxy returns a handler for behind the guard. The upstream learns who calls,
// and does not get the credential.
func Proxy(upstream *url.URL) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(upstream)
			r.Out.Header.Del("Authorization")
			r.Out.Header.Del("Acme-Owner") // what the client says of itself
			if p := bearer.FromContext(r.In.Context()); p != nil {
				r.Out.Header.Set("Acme-Owner", p.Owner)
			}
		},
		ModifyResponse: func(r *http.Response) error {
			r.Header.Del("RateLimit") // the guard's own are there already
			r.Header.Del("RateLimit-Policy")
			return nil
		},
	}
}
