package coexist_test

import (
	"maps"
	"net/http"
	"slices"
	"sync/atomic"
)

// A routeSwitch says which routes the guard decides on, while the program runs.
// The zero value is none.
type routeSwitch struct {
	routes atomic.Pointer[map[string]bool]
}

// set names all routes that the guard decides on from now on.
func (s *routeSwitch) set(routes ...string) {
	on := make(map[string]bool, len(routes))
	for _, route := range routes {
		on[route] = true
	}
	s.routes.Store(&on)
}

// either returns a middleware that is the new one if the route is switched on, and
// the old one if it is not.
func (s *routeSwitch) either(route string, older, newer func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		byOld, byNew := older(next), newer(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if on := s.routes.Load(); on != nil && (*on)[route] {
				byNew.ServeHTTP(w, r)
				return
			}
			byOld.ServeHTTP(w, r)
		})
	}
}

// list returns the routes that are switched on, sorted.
func (s *routeSwitch) list() []string {
	on := s.routes.Load()
	if on == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(*on))
}
