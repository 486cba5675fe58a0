package bearertest

import (
	"net/http"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest/internal/adaptersuite"
)

// Handler is what [TestMiddleware] wants behind the adapter under test: for a
// framework, by its wrapper of an [http.Handler]. It tells the test what it was
// called with, by a value in the request's context. It is of no use outside of
// that test.
var Handler http.Handler = adaptersuite.Handler

// TestMiddleware tests an adapter of guards for a web framework: that it does
// what [bearer.Guard.Require] does under net/http. If it finds misbehaviour, it
// returns an error that says which rule was broken, what was found and what to
// do about it. It stops at the first mistake, which often causes others.
//
// The wrap function must return a handler of the framework that serves
// [Handler] on every path and method, behind the adapter alone, which requires
// all of the scopes: no logging, no recovery. A router may answer methods by
// itself that are not in RFC 9110 or RFC 5789. Wrap is called often, with many
// guards and sometimes again with one, and once with nil. For net/http itself,
// it is
//
//	func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
//		return g.Require(scopes...)(bearertest.Handler)
//	}
//
// If another handler answers, that is an error, too: it would show too little
// of what the adapter does.
//
// The test sends requests over connections to this machine, and compares the
// answers with those of the guard byte for byte. Some thousand more are handed
// over without a connection. For these, the test knows the exceptions that are
// common: names of paths, methods, fields and places of credentials. Others are
// drawn at random, so that an exception for a name of one's own may be missed.
// The test cannot run in a bubble of [testing/synctest], where it would wait for
// connections without end.
func TestMiddleware(wrap func(*bearer.Guard, ...bearer.Scope) http.Handler) error {
	return adaptersuite.Test(wrap)
}
