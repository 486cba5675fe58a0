package bearerotel

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/blockauth/bearer"
)

// A verdict is what tells decisions apart.
type verdict struct {
	code, reason, policy string
	kind                 string
	method, route        string
}

func verdictOf(r *http.Request, p *bearer.Principal, e *bearer.Error) verdict {
	v := verdict{code: "ok", kind: "none", method: methodOf(r), route: routeOf(r)}
	if p != nil {
		v.kind = p.Kind.String()
	}
	if e == nil {
		return v
	}
	v.code, v.reason = string(e.Code), e.Reason
	if v.reason == "" {
		v.reason = v.code
	}
	if e.Code == bearer.CodeRateLimitExceeded {
		v.policy = e.Policy
		if v.policy == "" {
			v.policy = "default"
		}
	}
	return v
}

// methodOf returns the method of a request, or "_OTHER" if it is none of those
// that the semantic conventions know: clients may send any.
func methodOf(r *http.Request) string {
	switch r.Method {
	case "": // a client's own request: see http.Request
		return http.MethodGet
	case http.MethodConnect, http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodOptions,
		http.MethodPatch, http.MethodPost, http.MethodPut, http.MethodTrace:
		return r.Method
	default:
		return "_OTHER"
	}
}

// routeOf returns the template of the path that the request was routed by, without
// the method and the host of ServeMux's patterns; "": no route is known.
func routeOf(r *http.Request) string {
	route := bearer.Route(r)
	if i := strings.IndexByte(route, '/'); i > 0 {
		return route[i:]
	}
	return route
}

// attributes returns the attributes of a verdict, as the semantic conventions have
// it: without those that are not known.
func (v *verdict) attributes() []attribute.KeyValue {
	return known(
		attribute.String("bearer.code", v.code),
		attribute.String("bearer.reason", v.reason),
		attribute.String("bearer.policy", v.policy),
		attribute.String("bearer.credential.kind", v.kind),
	)
}

func known(attributes ...attribute.KeyValue) []attribute.KeyValue {
	return slices.DeleteFunc(attributes, func(a attribute.KeyValue) bool { return a.Value.AsString() == "" })
}

// A decision is how the decisions of one verdict are recorded.
type decision struct {
	request  []metric.AddOption
	duration []metric.RecordOption
	span     []attribute.KeyValue // nil: those of the verdict
}

// maxDecisions is how many verdicts are told apart. SDKs have a limit of their
// own, of 2000 series if they are told no other. An application with hundreds of
// routes has thousands of verdicts; a router that takes paths for routes, or an
// application that makes up reasons, would have a new one for each request.
const maxDecisions = 10_000

// The decisions are those that were seen. To make the attributes of each request
// would take longer than to record it.
type decisions struct {
	attributes []attribute.KeyValue // of all
	overflow   decision             // of verdicts beyond the limit

	mu   sync.RWMutex // guards seen
	seen map[verdict]*decision
}

func newDecisions(attributes []attribute.KeyValue) decisions {
	overflow := attribute.Bool("otel.metric.overflow", true) // as SDKs name it
	return decisions{
		attributes: slices.Clone(attributes),
		overflow:   decision{request: addOptions(attributes, overflow), duration: recordOptions(attributes, overflow)},
		seen:       make(map[verdict]*decision),
	}
}

// of returns how decisions of a verdict are recorded.
func (s *decisions) of(v *verdict) *decision {
	s.mu.RLock()
	d, isFull := s.seen[*v], len(s.seen) >= maxDecisions
	s.mu.RUnlock()
	switch {
	case d != nil:
		return d
	case isFull:
		return &s.overflow
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if d = s.seen[*v]; d == nil { // several may come here at once: a few more than the limit are no harm
		d = s.newDecision(v)
		s.seen[*v] = d
	}
	return d
}

func (s *decisions) newDecision(v *verdict) *decision {
	own := v.attributes()
	return &decision{
		request: addOptions(s.attributes, append(known(
			attribute.String("http.request.method", v.method), attribute.String("http.route", v.route)), own...)...),
		duration: recordOptions(s.attributes, attribute.String("bearer.code", v.code)),
		span:     own,
	}
}

func addOptions(attributes []attribute.KeyValue, more ...attribute.KeyValue) []metric.AddOption {
	return []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(slices.Concat(attributes, more)...))}
}

func recordOptions(attributes []attribute.KeyValue, more ...attribute.KeyValue) []metric.RecordOption {
	return []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(slices.Concat(attributes, more)...))}
}
