package jwks_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/blockauth/bearer/jwks"
)

func TestNewRefusesWhatCannotWork(t *testing.T) {
	for _, row := range []struct {
		name   string
		config jwks.Config
		want   string // in the error; "": none
	}{
		{"a URL", jwks.Config{URL: setURL}, ""},
		{"a URL with a query", jwks.Config{URL: setURL + "?client_id=x"}, ""},
		{"an issuer", jwks.Config{Issuer: issuerURL}, ""},
		{"an issuer with a slash at its end", jwks.Config{Issuer: "https://issuer.test/"}, ""},
		{"an issuer that is no URL, with a URL", jwks.Config{Issuer: "issuer", URL: setURL}, ""},
		{"http at a loopback address", jwks.Config{URL: "http://127.0.0.1:80/keys"}, ""},
		{"http at another one", jwks.Config{URL: "http://[::1]/keys"}, ""},
		{"http at localhost", jwks.Config{Issuer: "http://localhost:8080/realms/x"}, ""},
		{"HTTPS in capitals", jwks.Config{URL: "HTTPS://issuer.test/keys"}, ""},
		{"nothing", jwks.Config{}, "Config.Issuer: neither Issuer nor URL is set"},
		{"http", jwks.Config{URL: "http://issuer.test/keys"}, "Config.URL: the URL is neither https"},
		{"http at an issuer", jwks.Config{Issuer: "http://issuer.test"}, "Config.Issuer: the URL is neither https"},
		{"http at a name that begins like one", jwks.Config{URL: "http://localhost.issuer.test/"}, "Config.URL"},
		{"http at a name that begins like an address", jwks.Config{URL: "http://127.0.0.1.issuer.test/"}, "Config.URL"},
		{"http at every address", jwks.Config{URL: "http://0.0.0.0/"}, "Config.URL"},
		{"another scheme", jwks.Config{URL: "file:///etc/keys"}, "Config.URL: not an absolute URL"},
		{"a path", jwks.Config{URL: "/keys"}, "Config.URL: not an absolute URL"},
		{"a host", jwks.Config{Issuer: "issuer.test"}, "Config.Issuer: not an absolute URL"},
		{"no host", jwks.Config{URL: "https:///keys"}, "Config.URL: not an absolute URL"},
		{"an opaque URL", jwks.Config{URL: "https:keys"}, "Config.URL: not an absolute URL"},
		{"a user", jwks.Config{URL: "https://me:password@issuer.test/"}, "Config.URL: the URL has a user"},
		{"a fragment", jwks.Config{URL: setURL + "#x"}, "Config.URL: the URL has a fragment"},
		{"no URL", jwks.Config{URL: "https://me:password@issuer.test:port/"}, "Config.URL: not a URL"},
		{"an issuer with a query", jwks.Config{Issuer: issuerURL + "?a=b"}, "Config.Issuer: an issuer with metadata has no query"},
		{"an issuer with a question mark", jwks.Config{Issuer: issuerURL + "?"}, "Config.Issuer: an issuer with metadata has no query"},
		{"algorithms", jwks.Config{URL: setURL, Algorithms: []string{"RS256", "PS512"}}, ""},
		{"both names of EdDSA", jwks.Config{URL: setURL, Algorithms: []string{"EdDSA", "Ed25519"}}, ""},
		{"HMAC", jwks.Config{URL: setURL, Algorithms: []string{"HS256"}}, `Config.Algorithms: "HS256" is no asymmetric algorithm`},
		{"none", jwks.Config{URL: setURL, Algorithms: []string{"none"}}, `Config.Algorithms: "none" is no asymmetric algorithm`},
		{"two families", jwks.Config{URL: setURL, Algorithms: []string{"RS256", "ES256"}}, "Config.Algorithms: RS256 and ES256 are of two families"},
		{"a negative MaxAge", jwks.Config{URL: setURL, MaxAge: -1}, "Config.MaxAge: -1ns is less than 1s"},
		{"a MaxAge in other units", jwks.Config{URL: setURL, MaxAge: 900}, "Config.MaxAge: 900ns is less than 1s"},
		{"a negative MaxStale", jwks.Config{URL: setURL, MaxStale: -1}, "Config.MaxStale: -1ns is less than 1s"},
		{"a MaxStale of nanoseconds", jwks.Config{URL: setURL, MaxStale: 5}, "Config.MaxStale: 5ns is less than 1s"},
		{"a MaxStale in other units", jwks.Config{URL: setURL, MaxStale: 60}, "Config.MaxStale: 60ns is less than 1s"},
		{"a MaxStale of half a second", jwks.Config{URL: setURL, MaxStale: 500 * time.Millisecond}, "Config.MaxStale: 500ms is less than 1s"},
		{"a MaxStale of a second", jwks.Config{URL: setURL, MaxStale: time.Second}, ""},
		{"a MaxStale below MaxAge", jwks.Config{URL: setURL, MaxAge: time.Hour, MaxStale: time.Minute}, "Config.MaxStale: 1m0s is less than MaxAge, 1h0m0s"},
		{"a MaxStale below the default of MaxAge", jwks.Config{URL: setURL, MaxStale: time.Minute}, ""},
		{"a MaxAge above the default of MaxStale", jwks.Config{URL: setURL, MaxAge: 48 * time.Hour}, ""},
		{"a negative Timeout", jwks.Config{URL: setURL, Timeout: -1}, "Config.Timeout: -1ns is less than 10ms"},
		{"a Timeout in other units", jwks.Config{URL: setURL, Timeout: 5}, "Config.Timeout: 5ns is less than 10ms"},
		{"a Timeout of ten milliseconds", jwks.Config{URL: setURL, Timeout: 10 * time.Millisecond}, ""},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // nothing is fetched
		keys, err := jwks.New(ctx, row.config)
		assert.Equal(t, row.want == "", err == nil, "%s: %v", row.name, err)
		assert.Equal(t, row.want == "", keys != nil, row.name)
		if err != nil {
			assert.ErrorContains(t, err, row.want, row.name)
			assert.NotContains(t, err.Error(), "password", row.name)
		}
	}
}

// All that is wrong is told at once.
func TestNewJoinsErrors(t *testing.T) {
	var none context.Context
	_, err := jwks.New(none, jwks.Config{URL: "x", Algorithms: []string{"none"}, MaxAge: -1, Timeout: -1})
	assert.ErrorContains(t, err, "a nil context")
	assert.Len(t, strings.Split(err.Error(), "\n"), 5)
}
