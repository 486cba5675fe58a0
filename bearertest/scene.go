package bearertest

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"

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
