package adaptersuite

import (
	"context"
	"net/http"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest/internal/report"
)

// A row is one request, with which the adapter must do what Guard.Require does.
// In its path, header and body, ${name} stands for the text of a credential.
type row struct {
	name   string
	rule   report.Rule                                         // that it is about; zero: that of what differs
	guard  func(*bearer.Config)                                // changes the guard
	nested bool                                                // behind the same guard's Handler
	scopes []bearer.Scope                                      // that the adapter requires
	as     string                                              // the name of the credential; zero: none, or in the header
	method string                                              // zero: GET
	path   string                                              // zero: goodPath
	header string                                              // more fields
	body   string                                              // zero: none, or of the size
	size   int                                                 // of a body of any bytes
	do     func(*exchange, http.ResponseWriter, *http.Request) // what Handler answers; nil: the principal
	copies bool                                                // the principal may be a copy: what it lacks says more

	chunked bool                // the body is sent without its length
	direct  bool                // without a connection
	routed  bool                // a router may answer that it has no such route
	alike   bool                // the guard refuses it as all others with the credential
	change  func(*http.Request) // what else newRequest's lacks
	part    func(i int) row     // of which it is made: one alone says more
	parts   int                 // how many there are
}

const goodPath = "/v1/things"

// The guards of several rows.

func optional(c *bearer.Config) { c.Optional = true }

func panickingObserve(c *bearer.Config) {
	c.Observe = func(*http.Request, *bearer.Principal, *bearer.Error) { panic(errOutage) }
}

func panickingLimiter(c *bearer.Config) {
	c.Limiter = limiter(func(context.Context, bearer.Bucket, int, bearer.Limit) (bearer.Usage, error) { panic(errOutage) })
}

// errorHandler returns a change of the guard's ErrorHandler.
func errorHandler(h func(http.ResponseWriter, *http.Request, *bearer.Error)) func(*bearer.Config) {
	return func(c *bearer.Config) { c.ErrorHandler = h }
}

var (
	tokensRead  = []bearer.Scope{"tokens:read"}
	threeScopes = []bearer.Scope{"tokens:read", "wallets:read", "events:read"}

	preflight = "Origin: https://app.test\nAccess-Control-Request-Method: POST\n" +
		"Access-Control-Request-Headers: authorization"
	webSocket = "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n" +
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
	trusted = "X-Forwarded-For: 127.0.0.1\nX-Real-IP: 127.0.0.1\nX-Requested-With: XMLHttpRequest\n" +
		"X-Forwarded-User: admin\nUser-Agent: kube-probe/1.30\nAccept: text/event-stream\nCookie: session=a"
	proxied = "X-Forwarded-For: 203.0.113.7\nX-Real-IP: 203.0.113.7\nForwarded: for=203.0.113.7\n" +
		"True-Client-IP: 203.0.113.7\nCF-Connecting-IP: 203.0.113.7"
	gzipped = "Accept-Encoding: gzip"
	form    = "Content-Type: application/x-www-form-urlencoded"
)

var rows = []row{
	// The table of refusals.
	{name: "400 malformed_credentials", header: "Authorization: Bearer a b"},
	{name: "400 malformed_credentials, nothing after the scheme", header: "Authorization: Bearer"},
	{name: "400 malformed_credentials, a tab", header: "Authorization: Bearer\t${reader}"},
	{name: "400 multiple_credentials", header: "Authorization: Bearer a\nAuthorization: Bearer b"},
	{name: "401 missing_credentials"},
	{name: "401 missing_credentials, another scheme", header: "Authorization: Basic YTpi"},
	{name: "401 invalid_api_key", as: "unknown"},
	{name: "401 key_revoked", as: "revoked"},
	{name: "401 invalid_token", as: "forged token"},
	{name: "401 token_revoked", as: "token", guard: func(c *bearer.Config) {
		c.JWT[0].Session = func(context.Context, *bearer.Principal) (bearer.Session, error) {
			return bearer.Session{Ended: true}, nil
		}
	}},
	{name: "401 wrong_credential_type, a token", as: "token", guard: func(c *bearer.Config) { c.JWT = nil }},
	{name: "401 wrong_credential_type, a key", as: "reader", guard: func(c *bearer.Config) { c.Keys = nil }},
	{name: "401 token_expired", as: "expired token"},
	{name: "403 scope_insufficient", as: "reader", scopes: []bearer.Scope{"tokens:read", "tokens:write"}},
	{name: "403 scope_insufficient, the third of three", as: "two scopes", scopes: threeScopes},
	{name: "403 secret_key_required, a write", as: "publishable", method: http.MethodPost},
	{name: "403 secret_key_required, the guard", as: "publishable",
		guard: func(c *bearer.Config) { c.SecretOnly = true }},
	{name: "403 environment_mismatch", as: "reader", guard: func(c *bearer.Config) { c.Environment = bearer.Live }},
	{name: "403 key_expired", as: "expired"},
	{name: "403 ip_not_allowed", as: "far away"},
	{name: "503 store_unavailable", as: "outage"},
	{name: "503 keys_unavailable", as: "token", guard: func(c *bearer.Config) {
		c.JWT[0].Keyfunc = func(*jwt.Token) (any, error) { return nil, errOutage }
	}},
	{name: "503 limiter_unavailable", as: "reader", guard: func(c *bearer.Config) { c.Limiter = limiter(broken) }},
	{name: "429 rate_limit_exceeded", as: "reader", guard: func(c *bearer.Config) { c.Limiter = limiter(empty) }},
	{name: "429 rate_limit_exceeded, with legacy fields", as: "reader", guard: func(c *bearer.Config) {
		c.Limiter, c.LegacyRateHeaders = limiter(empty), true
	}},
	{name: "a refused HEAD", method: http.MethodHead},
	{name: "a refused POST", method: http.MethodPost, body: "a body"},
	{name: "a refusal with a realm", guard: func(c *bearer.Config) { c.Realm = "another realm" }},
	{name: "a refusal by a custom ErrorHandler", guard: errorHandler(bearer.WriteProblem)},
	{name: "a refusal without a body", guard: errorHandler(func(w http.ResponseWriter, _ *http.Request, e *bearer.Error) {
		w.WriteHeader(e.StatusCode())
	})},
	{name: "a refusal by an ErrorHandler that writes nothing",
		guard: errorHandler(func(http.ResponseWriter, *http.Request, *bearer.Error) {})},
	{name: "a refusal that may be compressed", header: gzipped},
	{name: "a refusal by a nested guard", as: "reader", nested: true, scopes: []bearer.Scope{"tokens:write"}},
	{name: "no credential where it is optional, but a scope is required", guard: optional, scopes: tokensRead},

	// What adapters let through by mistake.
	{name: "OPTIONS without a credential", method: http.MethodOptions},
	{name: "PUT without a credential", method: http.MethodPut},
	{name: "PATCH without a credential", method: http.MethodPatch},
	{name: "DELETE without a credential", method: http.MethodDelete},
	{name: "TRACE without a credential", method: http.MethodTrace},
	{name: "OPTIONS with a revoked key", method: http.MethodOptions, as: "revoked"},
	{name: "a CORS preflight", method: http.MethodOptions, header: preflight},
	{name: "the fields of a CORS preflight", header: preflight},
	{name: "the opening of a WebSocket", header: webSocket},
	{name: "the fields of trusted machines", header: trusted},
	{name: "/ without a credential", path: "/"},
	{name: "/health without a credential", path: "/health"},
	{name: "/healthz without a credential", path: "/healthz"},
	{name: "/metrics without a credential", path: "/metrics"},
	{name: "/login without a credential", path: "/login"},
	{name: "/favicon.ico without a credential", path: "/favicon.ico"},

	// What adapters turn into a credential or an address by mistake.
	{name: "a key for another address, which proxies are said to have seen", as: "far away", header: proxied},
	{name: "a key in the query", rule: ruleAlone,
		path: goodPath + "?access_token=${reader}&api_key=${reader}&token=${reader}"},
	{name: "a key in X-API-Key", rule: ruleAlone, header: "X-API-Key: ${reader}"},
	{name: "a key in Proxy-Authorization", rule: ruleAlone, header: "Proxy-Authorization: Bearer ${reader}"},
	{name: "a key in a cookie", rule: ruleAlone, header: "Cookie: access_token=${reader}"},
	{name: "a key in a form", method: http.MethodPost, header: form, body: "access_token=${reader}"},
	{name: "a publishable key with X-HTTP-Method-Override", as: "publishable", header: "X-HTTP-Method-Override: DELETE"},
	{name: "a publishable key with X-HTTP-Method", as: "publishable", header: "X-HTTP-Method: DELETE"},
	{name: "a publishable key with X-Method-Override", as: "publishable", header: "X-Method-Override: DELETE"},
	{name: "a publishable key's POST that says GET", as: "publishable", method: http.MethodPost,
		header: "X-HTTP-Method-Override: GET"},

	// Parts of the guard that panic: no request is let through.
	{name: "an Observe that panics at a refusal", guard: panickingObserve},
	{name: "a Limiter that panics", as: "reader", guard: panickingLimiter},
	{name: "an ErrorHandler that panics", guard: errorHandler(func(http.ResponseWriter, *http.Request, *bearer.Error) {
		panic(errOutage)
	})},

	// Requests that are let through.
	{name: "a token", as: "token", scopes: tokensRead, copies: true},
	{name: "a publishable key", as: "publishable", scopes: tokensRead, copies: true},
	{name: "a secret key", as: "reader", scopes: tokensRead},
	{name: "a token's principal", as: "token"},
	{name: "a key with all of three scopes", as: "admin", scopes: threeScopes},
	{name: "no scope required", as: "reader"},
	{name: "an admitted request with legacy fields", as: "reader", guard: func(c *bearer.Config) {
		c.LegacyRateHeaders = true
	}},
	{name: "a request that costs 3", as: "reader", guard: func(c *bearer.Config) {
		c.Cost = func(*http.Request) int { return 3 }
	}},
	{name: "a scheme in another case", header: "Authorization: bearer ${reader}"},
	{name: "spaces behind the scheme", header: "Authorization: Bearer   ${reader}"},
	{name: "no credential where it is optional", guard: optional},
	{name: "a POST with a body", as: "reader", method: http.MethodPost, body: "a body\n"},
	{name: "a POST with a large body", as: "reader", method: http.MethodPost, body: strings.Repeat("a body\n", 3000)},
	{name: "a HEAD", as: "reader", method: http.MethodHead},
	{name: "a DELETE", as: "reader", method: http.MethodDelete},
	{name: "a PUT", as: "reader", method: http.MethodPut, body: "a body"},
	{name: "a PATCH", as: "reader", method: http.MethodPatch, body: "a body"},
	{name: "an OPTIONS", as: "reader", method: http.MethodOptions, header: preflight},
	{name: "a POST of a form", as: "reader", method: http.MethodPost, header: form, body: "b=c&a=2"},
	{name: "a path with an escaped slash", as: "reader", path: "/v1/a%2Fb"},
	{name: "the fields of proxies", as: "reader", header: proxied},
	{name: "another method in a field", as: "reader", header: "X-HTTP-Method-Override: DELETE"},
	{name: "an answer that may be compressed", as: "reader", header: gzipped},
	{name: "a status and a field of the handler", as: "reader", do: teapot},
	{name: "a handler that flushes", rule: ruleWriter, as: "reader", do: flush},
	{name: "a handler that hijacks", rule: ruleWriter, as: "reader", do: hijack},
	{name: "a handler that sets deadlines", rule: ruleWriter, as: "reader", do: deadlines},
	{name: "an answer in pieces", rule: ruleWriter, as: "reader", do: stream},
	{name: "a request charged by a nested guard", as: "reader", nested: true},
	{name: "a handler with a trailer", as: "reader", do: trailer},
	{name: "a handler that panics", as: "reader", do: panics},
	{name: "a handler that panics with an error", as: "reader", do: panicsWithError},
	{name: "a handler that ends a connection in the middle of an answer", as: "reader", do: aborts},
	{name: "a client that goes away", rule: ruleEnds, as: "reader", do: wait},
}
