package bearerecho_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/blockauth/bearer"
	bearerecho "github.com/blockauth/bearer/adapters/echo"
	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"
)

// A small API: every key may list tokens, and only some may create them.
func Example() {
	text, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	store := bearer.NewMemoryStore(bearer.Key{
		ID: "key_1", Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live,
		Owner: "acme", Scopes: "tokens:read wallets:*",
	})
	guard, err := bearer.New(bearer.Config{
		Keys:         store,
		ErrorHandler: bearer.WriteStatusMessage,
		Observe: func(r *http.Request, p *bearer.Principal, e *bearer.Error) {
			verdict := "let in"
			if e != nil {
				verdict = e.Reason
			}
			fmt.Printf("%s: %v: %s\n", bearer.Route(r), p, verdict)
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	app := echo.New()
	app.Use(middleware.Recover())
	app.GET("/health", func(c *echo.Context) error { return c.String(http.StatusOK, "up") })
	v1 := app.Group("/v1")
	v1.GET("/tokens/:id", func(c *echo.Context) error {
		return c.String(http.StatusOK, "token "+c.Param("id")+" of "+bearerecho.Principal(c).Owner)
	}, bearerecho.Require(guard, "tokens:read"))
	v1.POST("/tokens", func(c *echo.Context) error {
		return c.String(http.StatusCreated, "minted")
	}, bearerecho.Require(guard, "tokens:write"))
	v1.Any("/wallets", func(c *echo.Context) error {
		return c.String(http.StatusOK, "wallets: "+c.Request().Method)
	}, bearerecho.Resource(guard, "wallets"))

	server := httptest.NewServer(app)
	defer server.Close()
	call := func(method, path, key string) {
		r, _ := http.NewRequest(method, server.URL+path, nil)
		if key != "" {
			r.Header.Set("Authorization", "Bearer "+key)
		}
		answer, err := server.Client().Do(r)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		fmt.Println(answer.StatusCode, strings.TrimSpace(string(body)))
	}
	call("GET", "/health", "")
	call("GET", "/v1/tokens/7", "")
	call("GET", "/v1/tokens/7", text)
	call("POST", "/v1/tokens", text)
	call("POST", "/v1/wallets", text)

	// Output:
	// 200 up
	// /v1/tokens/:id: nobody: missing_credentials
	// 401 {"status":false,"message":"This resource needs a bearer credential."}
	// /v1/tokens/:id: secret "key_1": let in
	// 200 token 7 of acme
	// /v1/tokens: secret "key_1": scope_insufficient
	// 403 {"status":false,"message":"The credential lacks a required scope."}
	// /v1/wallets: secret "key_1": let in
	// 200 wallets: POST
}
