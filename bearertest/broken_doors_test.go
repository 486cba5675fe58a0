package bearertest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/blockauth/bearer"
)

func TestAdaptersThatLetPass(t *testing.T) {
	t.Parallel()
	const (
		every   = "the guard answers every method, and whatever else the request says"
		stopped = "a refused request never reaches the handler"
		unread  = "the body is the handler's to read"
		panics  = "a panic passes through"
	)
	cookie := func(r *http.Request) string {
		c, err := r.Cookie("access_token")
		if err != nil {
			return ""
		}
		return c.Value
	}
	address := func(field string) adapter {
		return arriving(func(r *http.Request) {
			if ip := r.Header.Get(field); ip != "" {
				r.RemoteAddr = ip + ":1"
			}
		})
	}
	assertBrokenAdapters(t, []brokenAdapter{
		{"lets OPTIONS through", method(http.MethodOptions), every, false},
		{"lets PUT through", method(http.MethodPut), every, false},
		{"lets PATCH through", method(http.MethodPatch), every, false},
		{"lets DELETE through", method(http.MethodDelete), every, false},
		{"lets TRACE through", method(http.MethodTrace), every, false},
		{"lets HEAD through", method(http.MethodHead), every, false},
		{"lets preflights through", having("Access-Control-Request-Method", ""), every, false},
		{"lets WebSockets through", having("Upgrade", "websocket"), every, false},
		{"lets this machine through", having("X-Forwarded-For", "127.0.0.1"), every, false},
		{"lets overridden methods through", having("X-HTTP-Method-Override", ""), every, false},
		{"lets / through", path("/"), every, false},
		{"lets /health through", path("/health"), every, false},
		{"lets /metrics through", path("/metrics"), every, false},
		{"answers preflights itself", outside(func(w http.ResponseWriter, r *http.Request, guarded, _ http.Handler) {
			if r.Method == http.MethodOptions {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			guarded.ServeHTTP(w, r)
		}), every, false},
		{"lets all through where there is no guard", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			if g == nil {
				return next
			}
			return g.Require(scopes...)(next)
		}, "where there is no guard, nobody is let in", false},

		{"takes the address from X-Forwarded-For", address("X-Forwarded-For"), "RemoteAddr: got 127.0.0.1:1, want 127.0.0.1:", false},
		{"takes the address from X-Real-IP", address("X-Real-IP"), "RemoteAddr: got 127.0.0.1:1, want 127.0.0.1:", false},
		{"takes keys from the query", credentialFrom(func(r *http.Request) string {
			return r.URL.Query().Get("access_token")
		}), "a key in the query", false},
		{"takes keys from X-API-Key", credentialFrom(func(r *http.Request) string {
			return r.Header.Get("X-API-Key")
		}), "a key in X-API-Key", false},
		{"takes keys from a cookie", credentialFrom(cookie), "a key in a cookie", false},
		{"takes keys from Proxy-Authorization", credentialFrom(func(r *http.Request) string {
			return strings.TrimPrefix(r.Header.Get("Proxy-Authorization"), "Bearer ")
		}), "a key in Proxy-Authorization", false},
		{"takes keys from a form", credentialFrom(func(r *http.Request) string { return r.PostFormValue("access_token") }), unread, false},
		{"takes a tab for a space", spelling(func(field string) string {
			return strings.ReplaceAll(field, "\t", " ")
		}), "400 malformed_credentials, a tab", false},
		{"overrides the method", arriving(func(r *http.Request) {
			if m := r.Header.Get("X-HTTP-Method-Override"); m != "" {
				r.Method = m
				r.Header.Del("X-HTTP-Method-Override")
			}
		}), "a publishable key's POST that says GET", false},
		{"drops the override", arriving(func(r *http.Request) {
			r.Header.Del("X-HTTP-Method-Override")
		}), "a publishable key with X-HTTP-Method-Override", false},
		{"reads the body first", outside(func(w http.ResponseWriter, r *http.Request, guarded, _ http.Handler) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			guarded.ServeHTTP(w, r)
		}), unread, false},

		{"recovers, and goes on", aborting(func(w *testWriter, ok bool) bool { return ok || w.status == 0 }), stopped, false},
		{"recovers panics", outside(func(w http.ResponseWriter, r *http.Request, guarded, _ http.Handler) {
			defer func() { _ = recover() }()
			guarded.ServeHTTP(w, r)
		}), panics, false},
		{"recovers panics of the handler", inside(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer func() { _ = recover() }()
				next.ServeHTTP(w, r)
			})
		}), panics, true},
	})
}
