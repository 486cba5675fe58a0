package main

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// handleSocial adds what is below /s2/: another API with other habits. Its tokens
// are API keys with at least one permission, which the platform's users make; a
// token may do 100 requests a second; errors have two members.
func (p *platform) handleSocial(mux *http.ServeMux, dashboard *bearer.Guard, log *slog.Logger) (err error) {
	p.social, err = issuer.New(issuer.Config{
		Store:        p.backing.social,
		Catalogue:    []bearer.Scope{"social-read-posts", "social-create-post"},
		Rules:        issuer.KeyRules{MustScope: true},
		Caller:       userOf(dashboard),
		ClientIP:     clientIP,
		Limiter:      p.backing.limiter,
		ErrorHandler: logOutages(log, bearer.WriteStatusMessage),
		Events:       logEvents(log),
	})
	if err != nil {
		return err
	}
	for pattern, h := range p.social.Routes() {
		method, path, _ := strings.Cut(pattern, " ")
		if keys, ok := strings.CutPrefix(path, "/v1/"); ok {
			mux.Handle(method+" /s2/"+keys, h) // POST /s2/api_keys is POST /v1/api_keys of this issuer
		}
	}
	config := p.social.KeyConfig()
	config.Limit = bearer.PerSecond(100)
	api, err := p.guard(config)
	if err != nil {
		return err
	}
	posts := &shelf{items: map[string][]item{}}
	mux.Handle("GET /s2/posts", api.Require("social-read-posts")(posts.list("posts")))
	mux.Handle("POST /s2/posts", api.Require("social-create-post")(posts.add("posts")))
	return nil
}

// userOf returns a function for issuer.Config.Caller: a user manages keys whose
// token the guard accepts. Tokens that were made from a key or for a program do
// not, so that none of them makes a key that outlives it.
func userOf(guard *bearer.Guard) func(*http.Request) (issuer.Caller, error) {
	return func(r *http.Request) (issuer.Caller, error) {
		principal, err := guard.Check(r)
		if err != nil {
			return issuer.Caller{}, err
		}
		id, ok := strings.CutPrefix(principal.ID, "user:")
		if !ok {
			return issuer.Caller{}, &bearer.Error{Code: bearer.CodeForbidden}
		}
		return issuer.Caller{
			ID: id, Owner: principal.Owner, Scopes: principal.Scopes, Environment: principal.Environment,
		}, nil
	}
}
