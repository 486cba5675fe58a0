package bearertest

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/blockauth/bearer"
)

// This file lists the requests of TestMiddleware: every row of the table of
// refusals, what adapters like to let through, and what an admitted request may
// do.

// The doors.

func keysOnly(_ *scene, c *bearer.Config) { c.JWT = nil }

func tokensOnly(_ *scene, c *bearer.Config) { c.Keys = nil }

func liveOnly(_ *scene, c *bearer.Config) { c.Environment = bearer.Live }

func secretOnly(_ *scene, c *bearer.Config) { c.SecretOnly = true }

func optionalDoor(_ *scene, c *bearer.Config) { c.Optional = true }

func brokenStore(s *scene, _ *bearer.Config) { s.keys.Fail(errOutage) }

func brokenLimiter(s *scene, _ *bearer.Config) { s.limiter.Fail(errOutage) }

func brokenTokens(s *scene, _ *bearer.Config) { s.tokens.Fail(errOutage) }

func exhausted(s *scene, _ *bearer.Config) { s.limiter.Refuse(1500 * time.Millisecond) }

func revoking(_ *scene, c *bearer.Config) {
	c.JWT.Revoked = func(context.Context, *bearer.Principal) (bool, error) { return true, nil }
}

func anotherRealm(_ *scene, c *bearer.Config) { c.Realm = "another realm" }

func problems(_ *scene, c *bearer.Config) { c.ErrorHandler = bearer.WriteProblem }

func bareStatus(_ *scene, c *bearer.Config) {
	c.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, e *bearer.Error) { w.WriteHeader(e.StatusCode()) }
}

func silent(_ *scene, c *bearer.Config) {
	c.ErrorHandler = func(http.ResponseWriter, *http.Request, *bearer.Error) {}
}

func panickingHandler(_ *scene, c *bearer.Config) {
	c.ErrorHandler = func(http.ResponseWriter, *http.Request, *bearer.Error) { panic(errOutage) }
}

func panickingObserver(_ *scene, c *bearer.Config) {
	c.Observe = func(*http.Request, *bearer.Principal, *bearer.Error) { panic(errOutage) }
}

func legacyFields(_ *scene, c *bearer.Config) { c.LegacyRateHeaders = true }

func legacyExhausted(s *scene, c *bearer.Config) {
	legacyFields(s, c)
	exhausted(s, c)
}

func costly(_ *scene, c *bearer.Config) { c.Cost = func(*http.Request) int { return 3 } }

var (
	tokensRead  = []bearer.Scope{"tokens:read"}
	threeScopes = []bearer.Scope{"tokens:read", "wallets:read", "events:read"}
)

// refusals are the rows of the table of refusals.
var refusals = []exchange{
	{name: "400 malformed_credentials", place: raw("Bearer a b")},
	{name: "400 malformed_credentials, nothing after the scheme", place: raw("Bearer")},
	{name: "400 malformed_credentials, a tab", place: spelled("Bearer\t")},
	{name: "400 multiple_credentials", place: raw("Bearer a", "Bearer b")},
	{name: "401 missing_credentials", credential: noCredential},
	{name: "401 missing_credentials, another scheme", place: raw("Basic YTpi")},
	{name: "401 invalid_api_key", credential: unknownKey},
	{name: "401 key_revoked", credential: revokedKey},
	{name: "401 invalid_token", credential: forgedToken},
	{name: "401 token_revoked", config: revoking, credential: goodToken},
	{name: "401 wrong_credential_type, a token", config: keysOnly, credential: goodToken},
	{name: "401 wrong_credential_type, a key", config: tokensOnly},
	{name: "401 token_expired", credential: expiredToken},
	{name: "403 scope_insufficient", scopes: []bearer.Scope{"tokens:read", "tokens:write"}},
	{name: "403 scope_insufficient, the third of three", scopes: threeScopes, credential: twoScopes},
	{name: "403 secret_key_required, a write", method: http.MethodPost, credential: publishableKey},
	{name: "403 secret_key_required, the door", config: secretOnly, credential: publishableKey},
	{name: "403 environment_mismatch", config: liveOnly},
	{name: "403 key_expired", credential: expiredKey},
	{name: "403 ip_not_allowed", credential: farKey},
	{name: "503 store_unavailable", config: brokenStore},
	{name: "503 keys_unavailable", config: brokenTokens, credential: goodToken},
	{name: "503 limiter_unavailable", config: brokenLimiter},
	{name: "429 rate_limit_exceeded", config: exhausted},
	{name: "429 rate_limit_exceeded, with legacy fields", config: legacyExhausted},
	{name: "a refused HEAD", method: http.MethodHead, credential: noCredential},
	{name: "a refused POST", method: http.MethodPost, credential: noCredential, body: "a body"},
	{name: "a refusal with a realm", config: anotherRealm, credential: noCredential},
	{name: "a refusal by a custom ErrorHandler", rule: ruleErrorHandler, config: problems, credential: noCredential},
	{name: "a refusal without a body", config: bareStatus, credential: noCredential},
	{name: "a refusal by an ErrorHandler that writes nothing", config: silent, credential: noCredential},
	{name: "a refusal that may be compressed", credential: noCredential, header: gzipFields},
	{name: "a refusal by a nested guard", nested: true, scopes: []bearer.Scope{"tokens:write"}},
	{name: "nobody where a scope is required", config: optionalDoor, credential: noCredential, scopes: tokensRead},
}

// skipped are refused requests that adapters like to let through.
var skipped = []exchange{
	{name: "OPTIONS without a credential", method: http.MethodOptions, credential: noCredential},
	{name: "PUT without a credential", method: http.MethodPut, credential: noCredential},
	{name: "PATCH without a credential", method: http.MethodPatch, credential: noCredential},
	{name: "DELETE without a credential", method: http.MethodDelete, credential: noCredential},
	{name: "TRACE without a credential", method: http.MethodTrace, credential: noCredential},
	{name: "HEAD without a credential", method: http.MethodHead, credential: noCredential},
	{name: "OPTIONS with a revoked key", method: http.MethodOptions, credential: revokedKey},
	{name: "a CORS preflight", method: http.MethodOptions, credential: noCredential, header: preflightFields},
	{name: "the fields of a CORS preflight", credential: noCredential, header: preflightFields},
	{name: "the opening of a WebSocket", credential: noCredential, header: webSocketFields},
	{name: "the fields of trusted machines", credential: noCredential, header: trustedFields},
	{name: "/ without a credential", path: "/", credential: noCredential},
	{name: "/health without a credential", path: "/health", credential: noCredential},
	{name: "/healthz without a credential", path: "/healthz", credential: noCredential},
	{name: "/metrics without a credential", path: "/metrics", credential: noCredential},
	{name: "/login without a credential", path: "/login", credential: noCredential},
	{name: "/favicon.ico without a credential", path: "/favicon.ico", credential: noCredential},
}

// smuggled are requests that adapters make others of, which would be admitted.
var smuggled = []exchange{
	{name: "a key for another address, which proxies are said to have seen", credential: farKey, header: proxiedFields},
	{name: "a key in the query", place: inQuery},
	{name: "a key in X-API-Key", place: inField("X-API-Key", "")},
	{name: "a key in Proxy-Authorization", place: inField("Proxy-Authorization", "Bearer ")},
	{name: "a key in a cookie", place: inField("Cookie", "access_token=")},
	{name: "a key in a form", method: http.MethodPost, place: inForm},
	{
		name: "a publishable key with X-HTTP-Method-Override", credential: publishableKey,
		header: map[string]string{"X-HTTP-Method-Override": http.MethodDelete},
	},
	{
		name: "a publishable key with X-HTTP-Method", credential: publishableKey,
		header: map[string]string{"X-HTTP-Method": http.MethodDelete},
	},
	{
		name: "a publishable key with X-Method-Override", credential: publishableKey,
		header: map[string]string{"X-Method-Override": http.MethodDelete},
	},
	{
		name: "a publishable key's POST that says GET", credential: publishableKey, method: http.MethodPost,
		header: map[string]string{"X-HTTP-Method-Override": http.MethodGet},
	},
}

// breaking are requests at which a part of the guard panics: nobody is let in
// then.
var breaking = []exchange{
	{name: "an Observe that panics at a refusal", config: panickingObserver, credential: noCredential},
	{name: "an Observe that panics at a good key", config: panickingObserver},
	{name: "an ErrorHandler that panics", config: panickingHandler, credential: noCredential},
}

var (
	preflightFields = map[string]string{
		"Origin":                         "https://app.test",
		"Access-Control-Request-Method":  http.MethodPost,
		"Access-Control-Request-Headers": "authorization",
	}
	webSocketFields = map[string]string{
		"Connection":            "Upgrade",
		"Upgrade":               "websocket",
		"Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key":     "AAAAAAAAAAAAAAAAAAAAAA==",
	}
	trustedFields = map[string]string{
		"X-Forwarded-For":  "127.0.0.1",
		"X-Real-IP":        "127.0.0.1",
		"X-Requested-With": "XMLHttpRequest",
		"X-Forwarded-User": "admin",
		"User-Agent":       "kube-probe/1.30",
		"Accept":           "text/event-stream",
		"Cookie":           "session=a",
	}
	proxiedFields = map[string]string{
		"X-Forwarded-For":  "203.0.113.7",
		"X-Real-IP":        "203.0.113.7",
		"Forwarded":        "for=203.0.113.7",
		"True-Client-IP":   "203.0.113.7",
		"CF-Connecting-IP": "203.0.113.7",
	}
	overrideFields = map[string]string{"X-HTTP-Method-Override": http.MethodDelete}
	formFields     = map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	gzipFields     = map[string]string{"Accept-Encoding": "gzip"}
)

// admissions are what an admitted request may do.
var admissions = []exchange{
	{name: "a token", credential: goodToken, scopes: tokensRead},
	{name: "a publishable key", credential: publishableKey, scopes: tokensRead},
	{name: "a secret key", scopes: tokensRead},
	{name: "a key with all of three scopes", scopes: threeScopes, credential: otherKey},
	{name: "no scope required"},
	{name: "an admitted request with legacy fields", config: legacyFields},
	{name: "a request that costs 3", config: costly},
	{name: "a request charged by a nested guard", nested: true},
	{name: "a scheme in another case", place: spelled("bearer ")},
	{name: "spaces behind the scheme", rule: ruleRequest, place: spelled("Bearer   ")},
	{name: "nobody at an optional door", config: optionalDoor, credential: noCredential},
	{name: "a POST with a body", rule: ruleRequest, method: http.MethodPost, body: "a body\n"},
	{name: "a POST with a large body", rule: ruleRequest, method: http.MethodPost, body: strings.Repeat("a body\n", 3000)},
	{name: "a HEAD", rule: ruleRequest, method: http.MethodHead},
	{name: "a DELETE", rule: ruleRequest, method: http.MethodDelete},
	{name: "a PUT", rule: ruleRequest, method: http.MethodPut, body: "a body"},
	{name: "a PATCH", rule: ruleRequest, method: http.MethodPatch, body: "a body"},
	{name: "an OPTIONS", rule: ruleRequest, method: http.MethodOptions, header: preflightFields},
	{name: "a POST of a form", rule: ruleRequest, method: http.MethodPost, header: formFields, body: "b=c&a=2"},
	{name: "a path with an escaped slash", rule: ruleRequest, path: "/v1/a%2Fb"},
	{name: "the fields of proxies", rule: ruleRequest, header: proxiedFields},
	{name: "another method in a field", rule: ruleRequest, header: overrideFields},
	{name: "an answer that may be compressed", header: gzipFields},
	{name: "a handler that asks the guard again", rule: ruleKnown, do: "check", scopes: tokensRead},
	{name: "a token's handler that asks again", rule: ruleKnown, do: "check", credential: goodToken},
	{
		name: "nobody's handler that asks again", rule: ruleKnown, do: "check",
		config: optionalDoor, credential: noCredential,
	},
	{name: "a status and a field of the handler", do: "status"},
	{name: "a handler with a trailer", do: "trailer"},
	{name: "a handler that flushes", rule: ruleWriter, do: "flush"},
	{name: "a handler that hijacks", rule: ruleWriter, do: "hijack"},
	{name: "a handler that sets deadlines", rule: ruleWriter, do: "deadlines"},
	{name: "a handler that panics", rule: ruleHandlerPanic, do: "panic"},
}
