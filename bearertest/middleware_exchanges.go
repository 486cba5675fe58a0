package bearertest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/blockauth/bearer"
)

// This file lists the requests of TestMiddleware: every row of the table of
// refusals, and what an admitted request may do.

// An exchange is a request to a door, the same for the adapter and the guard.
type exchange struct {
	name       string
	rule       rule                         // what the exchange is about; zero: answers in general
	config     func(*scene, *bearer.Config) // changes the door
	scopes     []bearer.Scope               // what the route requires
	nested     bool                         // behind the same guard's Handler
	method     string                       // zero: GET
	credential func(*scene) string          // zero: a good secret key
	fields     []string                     // Authorization fields, instead of a credential
	header     map[string]string            // other fields
	do         string                       // what Handler is to do
	body       string
}

// A scene is a guard and all that it asks.
type scene struct {
	keys    Keys
	tokens  Tokens
	limiter Limiter
	guard   *bearer.Guard

	refused  atomic.Int64
	observed atomic.Int64
	decided  atomic.Pointer[sight] // by the last decision
}

// about returns the rule that the exchange is about, or else r.
func (c *exchange) about(r rule) rule {
	if c.rule != (rule{}) {
		return c.rule
	}
	return r
}

func newScene(c *exchange) *scene {
	s := new(scene)
	config := bearer.Config{
		Keys:         &s.keys,
		JWT:          s.tokens.JWT(),
		Limiter:      &s.limiter,
		ErrorHandler: bearer.WriteError,
	}
	if c.config != nil {
		c.config(s, &config)
	}
	write := config.ErrorHandler
	config.ErrorHandler = func(w http.ResponseWriter, r *http.Request, e *bearer.Error) {
		s.refused.Add(1)
		write(w, r, e)
	}
	config.Observe = func(_ *http.Request, p *bearer.Principal, _ *bearer.Error) {
		decided := see(p)
		s.decided.Store(&decided)
		s.observed.Add(1)
	}
	guard, err := bearer.New(config)
	if err != nil {
		panic(err) // no door here is wrong
	}
	s.guard = guard
	return s
}

// request makes the request of an exchange.
func (s *scene) request(base string, c *exchange) *http.Request {
	method := c.method
	if method == "" {
		method = http.MethodGet
	}
	var body io.Reader
	if c.body != "" {
		body = strings.NewReader(c.body)
	}
	r, err := http.NewRequest(method, base+"/v1/things?a=1&b=%20", body) //nolint:noctx // the client has a timeout
	if err != nil {
		panic(err) // no method or URL here is malformed
	}
	for name, value := range c.header {
		r.Header.Set(name, value)
	}
	r.Header["Authorization"] = c.fields
	if c.fields == nil {
		r.Header["Authorization"] = s.authorization(c)
	}
	if c.do != "" {
		r.Header.Set(doField, c.do)
	}
	r.Header.Set("Bearertest-Field", "kept")
	return r
}

func (s *scene) authorization(c *exchange) []string {
	credential := c.credential
	if credential == nil {
		credential = secretKey
	}
	if text := credential(s); text != "" {
		return []string{"Bearer " + text}
	}
	return nil
}

var errOutage = errors.New("bearertest: out of order")

// The credentials. Keys have IDs, so that the answers to two are the same.

func noCredential(*scene) string { return "" }

func secretKey(s *scene) string {
	return s.keys.Issue(bearer.Key{ID: "key_a", Owner: "owner_a", Scopes: "tokens:read"})
}

func otherKey(s *scene) string {
	return s.keys.Issue(bearer.Key{ID: "key_b", Owner: "owner_b", Scopes: bearer.FullAccess})
}

func weakKey(s *scene) string {
	return s.keys.Issue(bearer.Key{ID: "key_c", Owner: "owner_c", Scopes: "wallets:read"})
}

func publishableKey(s *scene) string {
	return s.keys.Issue(bearer.Key{ID: "key_p", Kind: bearer.PublishableKey, Scopes: bearer.FullAccess})
}

func unknownKey(*scene) string {
	text, _ := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Test)
	return text
}

func revokedKey(s *scene) string {
	return s.keys.Issue(bearer.Key{ID: "key_r", RevokedAt: time.Now().Add(-time.Hour)})
}

func expiredKey(s *scene) string {
	return s.keys.Issue(bearer.Key{ID: "key_e", ExpiresAt: time.Now().Add(-time.Hour)})
}

func farKey(s *scene) string {
	return s.keys.Issue(bearer.Key{ID: "key_f", AllowedIPs: []netip.Prefix{netip.MustParsePrefix("203.0.113.7/32")}})
}

func goodToken(s *scene) string { return s.tokens.Token("user_1", "tokens:read") }

func forgedToken(*scene) string { return new(Tokens).Token("user_1", "tokens:read") }

func expiredToken(s *scene) string {
	claims := s.tokens.Claims("user_1", "tokens:read")
	claims["exp"] = time.Now().Add(-time.Hour).Unix()
	return s.tokens.Sign(claims, nil)
}

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

func legacyFields(_ *scene, c *bearer.Config) { c.LegacyRateHeaders = true }

func legacyExhausted(s *scene, c *bearer.Config) {
	legacyFields(s, c)
	exhausted(s, c)
}

func costly(_ *scene, c *bearer.Config) { c.Cost = func(*http.Request) int { return 3 } }

var tokensRead = []bearer.Scope{"tokens:read"}

// refusals are the rows of the table of refusals, but for the limits.
var refusals = []exchange{
	{name: "400 malformed_credentials", fields: []string{"Bearer a b"}},
	{name: "400 malformed_credentials, nothing after the scheme", fields: []string{"Bearer"}},
	{name: "400 multiple_credentials", fields: []string{"Bearer a", "Bearer b"}},
	{name: "401 missing_credentials", credential: noCredential},
	{name: "401 missing_credentials, another scheme", fields: []string{"Basic YTpi"}},
	{name: "401 invalid_api_key", credential: unknownKey},
	{name: "401 key_revoked", credential: revokedKey},
	{name: "401 invalid_token", credential: forgedToken},
	{name: "401 token_revoked", config: revoking, credential: goodToken},
	{name: "401 wrong_credential_type, a token", config: keysOnly, credential: goodToken},
	{name: "401 wrong_credential_type, a key", config: tokensOnly},
	{name: "401 token_expired", credential: expiredToken},
	{name: "403 scope_insufficient", scopes: []bearer.Scope{"tokens:read", "tokens:write"}},
	{name: "403 secret_key_required, a write", method: http.MethodPost, credential: publishableKey},
	{name: "403 secret_key_required, the door", config: secretOnly, credential: publishableKey},
	{name: "403 environment_mismatch", config: liveOnly},
	{name: "403 key_expired", credential: expiredKey},
	{name: "403 ip_not_allowed", credential: farKey},
	{name: "503 store_unavailable", config: brokenStore},
	{name: "503 keys_unavailable", config: brokenTokens, credential: goodToken},
	{name: "a refused HEAD", method: http.MethodHead, credential: noCredential},
	{name: "a refused POST", method: http.MethodPost, credential: noCredential, body: "a body"},
	{name: "a refusal with a realm", config: anotherRealm, credential: noCredential},
	{name: "a refusal by a custom ErrorHandler", rule: ruleErrorHandler, config: problems, credential: noCredential},
	{name: "a refusal without a body", config: bareStatus, credential: noCredential},
	{name: "a refusal by a nested guard", nested: true, scopes: []bearer.Scope{"tokens:write"}},
	{name: "nobody where a scope is required", config: optionalDoor, credential: noCredential, scopes: tokensRead},
}

// skipped are refused requests that adapters like to let through.
var skipped = []exchange{
	{name: "OPTIONS without a credential", rule: ruleEvery, method: http.MethodOptions, credential: noCredential},
	{name: "PUT without a credential", rule: ruleEvery, method: http.MethodPut, credential: noCredential},
	{name: "PATCH without a credential", rule: ruleEvery, method: http.MethodPatch, credential: noCredential},
	{name: "DELETE without a credential", rule: ruleEvery, method: http.MethodDelete, credential: noCredential},
	{name: "TRACE without a credential", rule: ruleEvery, method: http.MethodTrace, credential: noCredential},
	{name: "HEAD without a credential", rule: ruleEvery, method: http.MethodHead, credential: noCredential},
	{name: "OPTIONS with a revoked key", rule: ruleEvery, method: http.MethodOptions, credential: revokedKey},
	{
		name: "a CORS preflight", rule: ruleEvery,
		method: http.MethodOptions, credential: noCredential, header: preflightFields,
	},
	{name: "the fields of a CORS preflight", rule: ruleEvery, credential: noCredential, header: preflightFields},
	{name: "the opening of a WebSocket", rule: ruleEvery, credential: noCredential, header: webSocketFields},
	{name: "the fields of trusted machines", rule: ruleEvery, credential: noCredential, header: proxiedFields},
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
	proxiedFields = map[string]string{
		"X-Forwarded-For":  "127.0.0.1",
		"X-Real-IP":        "127.0.0.1",
		"X-Requested-With": "XMLHttpRequest",
		"X-Forwarded-User": "admin",
		"User-Agent":       "kube-probe/1.30",
		"Accept":           "text/event-stream",
		"Cookie":           "session=a",
	}
	formFields = map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
)

// limits are the answers of limiters.
var limits = []exchange{
	{name: "429 rate_limit_exceeded", config: exhausted},
	{name: "429 rate_limit_exceeded, with legacy fields", config: legacyExhausted},
	{name: "503 limiter_unavailable", config: brokenLimiter},
	{name: "an admitted request with legacy fields", config: legacyFields},
	{name: "a request that costs 3", config: costly},
	{name: "a request charged by a nested guard", nested: true},
}

// admissions are what an admitted request may do.
var admissions = []exchange{
	{name: "a token", credential: goodToken, scopes: tokensRead},
	{name: "a publishable key", credential: publishableKey, scopes: tokensRead},
	{name: "a secret key", scopes: tokensRead},
	{name: "no scope required"},
	{name: "nobody at an optional door", config: optionalDoor, credential: noCredential},
	{name: "a POST with a body", rule: ruleRequest, method: http.MethodPost, body: "a body\n"},
	{name: "a HEAD", rule: ruleRequest, method: http.MethodHead},
	{name: "a DELETE", rule: ruleRequest, method: http.MethodDelete},
	{name: "a PUT", rule: ruleRequest, method: http.MethodPut, body: "a body"},
	{name: "a PATCH", rule: ruleRequest, method: http.MethodPatch, body: "a body"},
	{name: "an OPTIONS", rule: ruleRequest, method: http.MethodOptions, header: preflightFields},
	{name: "a POST of a form", rule: ruleRequest, method: http.MethodPost, header: formFields, body: "b=c&a=2"},
	{name: "a handler that asks the guard again", rule: ruleKnown, do: "check", scopes: tokensRead},
	{name: "a token's handler that asks again", rule: ruleKnown, do: "check", credential: goodToken},
	{
		name: "nobody's handler that asks again", rule: ruleKnown, do: "check",
		config: optionalDoor, credential: noCredential,
	},
	{name: "a status and a field of the handler", do: "status"},
	{name: "a handler that flushes", rule: ruleWriter, do: "flush"},
	{name: "a handler that hijacks", rule: ruleWriter, do: "hijack"},
	{name: "a handler that panics", rule: ruleHandlerPanic, do: "panic"},
}
