package recipes

import (
	"net/http"

	"github.com/blockauth/bearer"
)

// HeaderKeys returns a guard that also takes keys from X-API-Key.
func HeaderKeys(store bearer.KeyStore) (*bearer.Guard, error) {
	return bearer.New(bearer.Config{
		Keys:       store,
		Credential: bearer.HeaderCredential("X-API-Key"),
	})
}

// BasicUser is a Config.Credential: the user name of Basic authentication.
func BasicUser(r *http.Request) string {
	key, _, _ := r.BasicAuth()
	return key
}

// KeysOrUsers returns a guard for routes that are for both.
func KeysOrUsers(keys bearer.KeyStore, users bearer.JWT) (*bearer.Guard, error) {
	return bearer.New(bearer.Config{Keys: keys, JWT: []bearer.JWT{users}})
}

// KeysNeed lets users with a JWT pass without a scope, and keys with the scopes.
func KeysNeed(guard *bearer.Guard, scopes ...bearer.Scope) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		scoped := guard.Require(scopes...)(next)
		return guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if p := bearer.FromContext(r.Context()); p != nil && p.Kind == bearer.Token {
				next.ServeHTTP(w, r)
				return
			}
			scoped.ServeHTTP(w, r)
		}))
	}
}
