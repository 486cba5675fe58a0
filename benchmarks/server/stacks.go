//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/blockauth/bearer"
	bearerecho "github.com/blockauth/bearer/adapters/echo"
	"github.com/blockauth/bearer/benchmarks/internal/stacks"
	"github.com/labstack/echo/v5"
)

// A stack is a way to serve the route.
type stack struct {
	name string
	bare string // the stack that this one adds to; "": it is bare
	open open
}

// An open opens a stack whose answers have a number of items.
type open func(s *stacks.Site, items int) (http.Handler, error)

const (
	bareName  = "net/http, bare"
	echoName  = "echo, bare"
	guardName = "net/http, this guard"
)

var wholeStacks = []stack{
	{bareName, "", bare},
	{guardName, bareName, guarded},
	{"net/http, home-made with throttled", bareName, throttled},
	{"net/http, home-made with httprate", bareName, httprate},
	{echoName, "", echoBare},
	{"echo, this guard", echoName, echoGuarded},
	{"echo, KeyAuth and RateLimiter", echoName, echoStack},
}

func opener(name string) (open, error) {
	for _, st := range slices.Concat(wholeStacks, partStacks) {
		if st.name == name {
			return st.open, nil
		}
	}
	return nil, fmt.Errorf("no stack is named %q", name)
}

// A token is an object of the answer, about 85 bytes of JSON.
type token struct {
	ID      string    `json:"id"`
	Chain   string    `json:"chain"`
	Symbol  string    `json:"symbol"`
	Created time.Time `json:"created"`
}

type answer struct {
	Owner  string  `json:"owner"`
	Tokens []token `json:"tokens"`
}

// answers returns what the handlers of all stacks answer, to an owner.
func answers(items int) func(owner string) answer {
	tokens := make([]token, items)
	for i := range tokens {
		tokens[i] = token{"tok_" + strconv.Itoa(i), "ethereum", "USDC", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	}
	return func(owner string) answer { return answer{owner, tokens} }
}

// handler is the application, which says who it answers to.
func handler(items int, owner func(*http.Request) string) http.Handler {
	answer := answers(items)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer(owner(r)))
	})
}

func anyone(*http.Request) string             { return "org_0" }
func ownerOfRecord(r *http.Request) string    { return stacks.RecordOf(r).Owner }
func ownerOfPrincipal(r *http.Request) string { return bearer.FromContext(r.Context()).Owner }

func bare(_ *stacks.Site, items int) (http.Handler, error) { return handler(items, anyone), nil }

func guarded(s *stacks.Site, items int) (http.Handler, error) {
	guard, err := bearer.New(bearer.Config{Keys: s.Store, Limit: s.Quota.Limit()})
	if err != nil {
		return nil, err
	}
	return guard.Require(stacks.Scope)(handler(items, ownerOfPrincipal)), nil
}

func throttled(s *stacks.Site, items int) (http.Handler, error) {
	limit, err := stacks.Throttled(s.Quota)
	if err != nil {
		return nil, err
	}
	return s.Homemade(limit, handler(items, ownerOfRecord)), nil
}

func httprate(s *stacks.Site, items int) (http.Handler, error) {
	return s.Homemade(stacks.HTTPRate(s.Quota), handler(items, ownerOfRecord)), nil
}

// echoHandler is handler for echo.
func echoHandler(items int, owner func(*echo.Context) string) echo.HandlerFunc {
	answer := answers(items)
	return func(c *echo.Context) error { return c.JSON(http.StatusOK, answer(owner(c))) }
}

func echoBare(_ *stacks.Site, items int) (http.Handler, error) {
	app := echo.New()
	app.GET(stacks.Route, echoHandler(items, func(*echo.Context) string { return "org_0" }))
	return app, nil
}

func echoGuarded(s *stacks.Site, items int) (http.Handler, error) {
	guard, err := bearer.New(bearer.Config{Keys: s.Store, Limit: s.Quota.Limit()})
	if err != nil {
		return nil, err
	}
	app := echo.New()
	app.GET(stacks.Route, echoHandler(items, func(c *echo.Context) string { return bearerecho.Principal(c).Owner }),
		bearerecho.Require(guard, stacks.Scope))
	return app, nil
}

func echoStack(s *stacks.Site, items int) (http.Handler, error) {
	return s.Echo(echoHandler(items, func(c *echo.Context) string { return stacks.EchoRecord(c).Owner })), nil
}
