package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"

	"github.com/blockauth/bearer"
)

// What the API is about.
var (
	resources = []string{
		"tokens", "wallets", "transactions", "nfts", "identities", "compliance",
		"governance", "roles", "vesting", "vaults", "webhooks",
	}
	readOnly = []string{"events", "gas_estimates", "networks"}
)

// catalogue returns the scopes that exist.
func catalogue() []bearer.Scope {
	scopes := []bearer.Scope{"batch:write", "read", "write"} //nolint:prealloc // the last two are of OAuth clients
	for _, name := range resources {
		scopes = append(scopes, bearer.Scope(name+":read"), bearer.Scope(name+":write"))
	}
	for _, name := range readOnly {
		scopes = append(scopes, bearer.Scope(name+":read"))
	}
	return scopes
}

// handleResources adds a route for each resource, behind the guard of API keys.
func handleResources(mux *http.ServeMux, api *bearer.Guard) {
	shelf := &shelf{items: map[string][]item{}}
	for _, name := range resources {
		mux.Handle("GET /v1/"+name, api.Resource(name)(shelf.list(name)))
		mux.Handle("POST /v1/"+name, api.Resource(name)(shelf.add(name)))
	}
	for _, name := range readOnly {
		mux.Handle("GET /v1/"+name, api.Require(bearer.Scope(name+":read"))(shelf.list(name)))
	}
	mux.Handle("POST /v1/batch", api.Require("batch:write")(shelf.add("batch")))
}

// An item is one resource of a caller's.
type item struct {
	Object string          `json:"object"`
	Data   json.RawMessage `json:"data"` // what was sent
}

// A shelf holds the last items of each owner, those of test and live apart.
type shelf struct {
	mu    sync.Mutex
	items map[string][]item
}

// place returns where the items of the request's caller are.
func place(r *http.Request, resource string) string {
	p := bearer.FromContext(r.Context())
	return p.Owner + " " + p.Environment.String() + " " + resource
}

func (s *shelf) list(resource string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		items := append([]item{}, s.items[place(r, resource)]...)
		s.mu.Unlock()
		write(w, http.StatusOK, map[string]any{"data": items})
	})
}

func (s *shelf) add(resource string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		one := item{Object: resource, Data: json.RawMessage("{}")}
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&one.Data)
		var tooLarge *http.MaxBytesError
		switch {
		case errors.As(err, &tooLarge):
			refuse(w, r, &bearer.Error{Code: bearer.CodePayloadTooLarge})
			return
		case err != nil && !errors.Is(err, io.EOF): // no body is an empty object
			refuse(w, r, &bearer.Error{Code: bearer.CodeInvalidRequest, Detail: "The body is not JSON."})
			return
		}
		s.mu.Lock()
		at := place(r, resource)
		s.items[at] = append(s.items[at], one)
		s.items[at] = slices.Delete(s.items[at], 0, max(0, len(s.items[at])-20))
		s.mu.Unlock()
		write(w, http.StatusCreated, one)
	})
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) //nolint:errchkjson // nothing here has no JSON
}
