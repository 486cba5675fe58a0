package main

import (
	"net/http"
	"path"
	"strings"

	"github.com/blockauth/bearer"
)

// refuse answers in the form that belongs to the path.
func refuse(w http.ResponseWriter, r *http.Request, e *bearer.Error) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/s2/"):
		bearer.WriteStatusMessage(w, r, e)
	case strings.HasPrefix(r.URL.Path, "/oauth/"):
		bearer.WriteOAuthError(w, r, e)
	default:
		bearer.WriteError(w, r, e)
	}
}

// orRefuse returns a handler that answers what the mux has no route for with a
// refusal like all others, in place of a line of text.
func orRefuse(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		if p := r.URL.Path; p != "/" && p != path.Clean(p) { // the mux would redirect
			h, pattern = http.NotFoundHandler(), ""
		}
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		answer := headerOnly{}
		h.ServeHTTP(answer, r)
		code := bearer.CodeNotFound
		if allowed := answer.Header().Get("Allow"); allowed != "" {
			w.Header().Set("Allow", allowed)
			code = bearer.CodeMethodNotAllowed
		}
		refuse(w, r, &bearer.Error{Code: code})
	})
}

// A headerOnly takes an answer for the sake of its header fields.
type headerOnly http.Header

func (h headerOnly) Header() http.Header         { return http.Header(h) }
func (h headerOnly) Write(p []byte) (int, error) { return len(p), nil }
func (h headerOnly) WriteHeader(int)             {}
