package issuer

import (
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/blockauth/bearer"
)

// A route is one call of the wire contract.
type route struct {
	pattern string // as of http.ServeMux
	exists  bool   // with this config
	form    form   // of its refusals
	serve   func(http.ResponseWriter, *http.Request) error
}

// A form is how refusals look.
type form int

const (
	envelope  form = iota // Config.ErrorHandler writes them
	oauthForm             // RFC 6749 section 5.2
)

// routes returns the whole wire contract, one call a line.
func (i *Issuer) routes() []route {
	var (
		c      = &i.config
		tokens = c.Tokens != nil
		caller = c.Caller != nil || tokens
		hasURL = tokens && isURL(c.Tokens.Issuer)
	)
	return []route{
		{"POST /auth/token", tokens, envelope, i.serveCredentialToken},
		{"PUT /auth/credentials", tokens, envelope, i.serveReplaceCredential},
		{"DELETE /auth/credentials", tokens, envelope, i.serveDeleteCredential},
		{"POST /auth/login", tokens, envelope, i.serveLogin},
		{"POST /auth/refresh", tokens, envelope, i.serveRefresh},
		{"POST /auth/register", tokens && c.Registrar != nil, envelope, i.serveRegister},
		{"POST /auth/logout", tokens, envelope, i.serveLogout},
		{"GET /auth/me", tokens, envelope, i.serveMe},
		{"GET /api/v1/users/me", true, envelope, i.serveAnyMe},
		{"GET /auth/sessions", tokens, envelope, i.serveListSessions},
		{"DELETE /auth/sessions/{id}", tokens, envelope, i.serveEndSession},
		{"POST /oauth/token", tokens, oauthForm, i.serveOAuthToken},
		{"POST /oauth/revoke", tokens, oauthForm, i.serveOAuthRevoke},
		{"POST /oauth/introspect", tokens, oauthForm, i.serveOAuthIntrospect},
		{"GET /.well-known/jwks.json", tokens, envelope, i.serveKeySet},
		{"GET /.well-known/oauth-authorization-server", hasURL, envelope, i.serveServerMetadata},
		{"GET /.well-known/oauth-protected-resource", hasURL, envelope, i.serveResourceMetadata},
		{"POST /v1/api_keys", caller, envelope, i.serveCreateKey},
		{"GET /v1/api_keys", caller, envelope, i.serveListKeys},
		{"GET /v1/api_keys/{id}", caller, envelope, i.serveGetKey},
		{"PATCH /v1/api_keys/{id}", caller, envelope, i.serveUpdateKey},
		{"DELETE /v1/api_keys/{id}", caller, envelope, i.serveRevokeKey},
		{"POST /v1/api_keys/{id}/rotate", caller, envelope, i.serveRotateKey},
		{"DELETE /v1/api_keys/{id}/secrets/{secret}", caller, envelope, i.serveEndSecret},
	}
}

// isURL reports whether metadata can be found below an iss.
func isURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" &&
		u.RawQuery == "" && u.Fragment == ""
}

// Routes returns the patterns and handlers of all that is configured, for a
// [http.ServeMux]: "POST /auth/token", say.
func (i *Issuer) Routes() iter.Seq2[string, http.Handler] {
	return func(yield func(string, http.Handler) bool) {
		for _, t := range i.table {
			if t.exists && !yield(t.pattern, i.handler(t)) {
				return
			}
		}
	}
}

// Route returns the handler of one of the Routes, to stand under another path or
// in another router. The last elements of the path must be those of the pattern,
// where the pattern ends in wildcards and what follows them. It panics if there
// is no such route, or if it is not configured.
func (i *Issuer) Route(pattern string) http.Handler {
	for _, t := range i.table {
		if t.pattern != pattern {
			continue
		}
		if !t.exists {
			panic(fmt.Sprintf("issuer: the route %q is not configured", pattern))
		}
		return i.handler(t)
	}
	panic(fmt.Sprintf("issuer: there is no route %q", pattern))
}

// Handler returns a handler of all Routes. It answers other paths with 404, and
// other methods with 405 and Allow. Behind a prefix, it stands in
// [http.StripPrefix].
func (i *Issuer) Handler() http.Handler {
	mux := http.NewServeMux()
	methods := map[string][]string{} // by path
	for pattern, h := range i.Routes() {
		mux.Handle(pattern, h)
		method, place, _ := strings.Cut(pattern, " ")
		methods[place] = append(methods[place], method)
	}
	for place, allowed := range methods {
		mux.Handle(place, i.refuser(bearer.CodeMethodNotAllowed, allow(allowed), place))
	}
	unknown := i.refuser(bearer.CodeNotFound, "", "")
	mux.Handle("/", unknown)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := r.URL.Path; p != "/" && p != path.Clean(p) { // the mux would redirect
			unknown.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}
