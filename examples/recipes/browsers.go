package recipes

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/blockauth/bearer"
)

// CORS answers preflights, and lets the scripts of every origin read answers. It
// stands outside of the guard.
func CORS(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*") // there are no cookies: the key's AllowedOrigins decide
		h.Set("Access-Control-Expose-Headers", "RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, HEAD")
			h.Set("Access-Control-Allow-Headers", "Authorization") // "*" would not stand for it
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Visitors returns a policy by which each visitor of the pages with publishable
// keys has a limit: an IPv4 address, or the /64 of an IPv6 address. The function
// is that of Config.ClientIP, or bearer.RemoteIP.
func Visitors(clientIP func(*http.Request) netip.Addr) bearer.Policy {
	return bearer.Policy{
		Name: "visitors",
		Limit: func(_ *http.Request, p *bearer.Principal) bearer.Limit {
			if p == nil || p.Kind != bearer.PublishableKey {
				return bearer.Limit{} // does not apply
			}
			return bearer.PerSecond(5)
		},
		Bucket: func(r *http.Request, _ *bearer.Principal) string {
			addr := clientIP(r).Unmap()
			if addr.Is6() {
				if prefix, err := addr.Prefix(64); err == nil {
					return prefix.String()
				}
			}
			return addr.String()
		},
	}
}

const streamCookie = "__Secure-stream"

// LendCookie stands behind a guard that reads the Authorization field. It puts
// the token of the caller into a cookie for one stream.
func LendCookie(w http.ResponseWriter, r *http.Request) {
	p := bearer.FromContext(r.Context())
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if p == nil || p.Kind != bearer.Token || token == "" { // not a key, which lasts for long
		http.Error(w, "a stream needs a token", http.StatusForbidden)
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: streamCookie, Value: strings.TrimSpace(token), Path: "/v1/events",
		HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode,
	})
	w.WriteHeader(http.StatusNoContent)
}

// CookieToken is the Config.Credential of the guard of that stream alone.
func CookieToken(r *http.Request) string {
	cookie, err := r.Cookie(streamCookie)
	if err != nil || r.Method != http.MethodGet {
		return ""
	}
	return cookie.Value
}
