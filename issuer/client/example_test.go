package client_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/blockauth/bearer/issuer/client"
)

// A program that has an apiKey and an apiSecret uses an API as if there were no
// tokens.
func Example() {
	platform := newServer()
	api := httptest.NewServer(http.HandlerFunc(platform.serve))
	defer api.Close()

	transport, err := client.New(client.Config{
		Source: client.Credential(api.URL+"/auth/token", "0b5a1d3e-8f3a-4c64-9d0f-6f2f1c2b3a49", "its secret"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	c := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	for range 3 {
		answer, err := c.Get(api.URL + "/v1/tokens")
		if err != nil {
			fmt.Println(err)
			return
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		fmt.Println(answer.StatusCode, string(body))
	}
	fmt.Println("tokens fetched:", platform.fetched())
	fmt.Println(transport)
	// Output:
	// 200 ok
	// 200 ok
	// 200 ok
	// tokens fetched: 1
	// client.Transport
}
