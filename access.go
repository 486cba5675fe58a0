package bearer

import (
	"fmt"
	"net/http"
	"strconv"
)

// Access is what a request wants to do. The zero value counts as [Write].
type Access int

const (
	// Read changes nothing.
	Read Access = iota + 1
	// Write may change something.
	Write
)

// String returns "read" or "write".
func (a Access) String() string {
	switch a {
	case Read:
		return "read"
	case Write:
		return "write"
	default:
		return "Access(" + strconv.Itoa(int(a)) + ")"
	}
}

// MethodAccess returns Read for GET, HEAD and OPTIONS, compared byte for byte,
// and Write for every other method. A request that carries a header field by
// which frameworks override the method writes: X-HTTP-Method-Override,
// X-HTTP-Method or X-Method-Override.
func MethodAccess(r *http.Request) Access {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		if !overridesMethod(r) {
			return Read
		}
	}
	return Write
}

func overridesMethod(r *http.Request) bool {
	for _, name := range [...]string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"} {
		if _, ok := r.Header[name]; ok {
			return true
		}
	}
	return false
}

// ReadRoutes returns [MethodAccess] but for requests that match one of the
// patterns, which read: "POST /v1/search", say. The patterns are those of
// [http.ServeMux], and match the URL as it is where the guard stands. A request
// that overrides its method writes, whatever it matches, and so does one whose
// path is spelled in an unusual way or not cleaned, since another router may
// see another route in it. A pattern with a host trusts the Host that the
// client sends. A request
// without a URL writes. ReadRoutes panics if a pattern is malformed or conflicts
// with another.
func ReadRoutes(patterns ...string) func(*http.Request) Access {
	mux := http.NewServeMux()
	defer func() {
		if problem := recover(); problem != nil {
			panic(fmt.Sprint("bearer: ReadRoutes: ", problem))
		}
	}()
	for _, pattern := range patterns {
		mux.Handle(pattern, readRoute{})
	}
	return func(r *http.Request) Access {
		if r.URL == nil {
			return Write
		}
		h, _ := mux.Handler(r)
		if h != (readRoute{}) || r.URL.RawPath != "" || r.Method == http.MethodConnect || overridesMethod(r) {
			return MethodAccess(r)
		}
		return Read
	}
}

// readRoute marks the patterns of ReadRoutes; ServeMux answers with handlers of
// its own where it would redirect.
type readRoute struct{}

func (readRoute) ServeHTTP(http.ResponseWriter, *http.Request) {}

// Route returns the pattern that the request was routed by, such as
// "GET /v1/tokens/{id}" or, in a gin application, "/v1/tokens/:id": a label for
// metrics that takes few values. It is [http.Request.Pattern], which ServeMux
// sets and the adapters set for their frameworks. It is "" in front of the
// router, where no route is known yet.
func Route(r *http.Request) string { return r.Pattern }
