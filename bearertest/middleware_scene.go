package bearertest

import (
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/blockauth/bearer"
)

// An exchange is a request to a door, the same for the adapter and the guard.
type exchange struct {
	name       string
	rule       rule                         // what the exchange is about; zero: answers in general
	config     func(*scene, *bearer.Config) // changes the door
	scopes     []bearer.Scope               // what the route requires
	nested     bool                         // behind the same guard's Handler
	method     string                       // zero: GET
	path       string                       // zero: where the adapter is
	credential func(*scene) string          // zero: a good secret key
	place      func(*http.Request, string)  // puts it into the request; zero: asBearer
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
	path    string // where the adapter is

	refused  atomic.Int64
	observed atomic.Int64
	decided  atomic.Pointer[sight] // by the last decision
}

// scene makes the door of an exchange.
func (t *middlewareTest) scene(c *exchange) *scene {
	s := &scene{path: t.path}
	config := bearer.Config{
		Keys:         &s.keys,
		JWT:          s.tokens.JWT(),
		Limiter:      &s.limiter,
		ErrorHandler: bearer.WriteError,
		Observe:      func(*http.Request, *bearer.Principal, *bearer.Error) {},
	}
	if c.config != nil {
		c.config(s, &config)
	}
	write, observe := config.ErrorHandler, config.Observe
	config.ErrorHandler = func(w http.ResponseWriter, r *http.Request, e *bearer.Error) {
		s.refused.Add(1)
		write(w, r, e)
	}
	config.Observe = func(r *http.Request, p *bearer.Principal, e *bearer.Error) {
		decided := see(p)
		s.decided.Store(&decided)
		s.observed.Add(1)
		visitOf(r.Context()).decide(r)
		observe(r, p, e)
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
	var body io.Reader
	if c.body != "" {
		body = strings.NewReader(c.body)
	}
	path := c.path
	if path == "" {
		path = s.path
	}
	r, err := http.NewRequest(c.method, base+path+"?a=1&b=%20", body) //nolint:noctx // the client has a timeout
	if err != nil {
		panic(err) // no method or URL here is malformed
	}
	for name, value := range c.header {
		r.Header.Set(name, value)
	}
	if c.do != "" {
		r.Header.Set(doField, c.do)
	}
	r.Header.Set("Bearertest-Field", "kept")
	credential, place := c.credential, c.place
	if credential == nil {
		credential = secretKey
	}
	if place == nil {
		place = asBearer
	}
	place(r, credential(s))
	return r
}

// The places of a credential, of which the guard knows only the first.

func asBearer(r *http.Request, text string) {
	if text != "" {
		r.Header.Set("Authorization", "Bearer "+text)
	}
}

// spelled places a credential behind another spelling of the scheme.
func spelled(scheme string) func(*http.Request, string) {
	return func(r *http.Request, text string) { r.Header.Set("Authorization", scheme+text) }
}

// raw places no credential, but other Authorization fields.
func raw(fields ...string) func(*http.Request, string) {
	return func(r *http.Request, _ string) { r.Header["Authorization"] = fields }
}

func inField(name, before string) func(*http.Request, string) {
	return func(r *http.Request, text string) { r.Header.Set(name, before+text) }
}

func inQuery(r *http.Request, text string) {
	r.URL.RawQuery += "&access_token=" + text + "&api_key=" + text + "&token=" + text
}

func inForm(r *http.Request, text string) {
	form := "access_token=" + text
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(form)), int64(len(form))
}

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

// twoScopes returns a key that holds the first two of threeScopes.
func twoScopes(s *scene) string {
	return s.keys.Issue(bearer.Key{ID: "key_d", Owner: "owner_d", Scopes: "tokens:read wallets:read"})
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

var errOutage = errors.New("bearertest: out of order")
