package otel_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/blockauth/bearer"
)

// hostile sends what clients choose: methods, paths, credentials, header fields and
// addresses, each one once.
func hostile(h http.Handler, n int, credentials ...string) {
	methods := []string{"GET", "POST", "BREW", "get", "PROPFIND", rand.Text()}
	for i := range n {
		word := rand.Text()
		r := httptest.NewRequest(methods[i%len(methods)], "/v1/tokens/"+word+"?q="+word, nil)
		r.Method = strings.Replace(r.Method, "PROPFIND", word, 1)
		r.RemoteAddr, r.Host = fmt.Sprintf("10.%d.%d.%d:80", i%256, i/256%256, i%7), word+".example"
		for _, name := range []string{"Origin", "User-Agent", "Traceparent", "X-Policy", "X-Http-Method-Override"} {
			r.Header.Set(name, word)
		}
		unknown, _ := bearer.KeyFormat{}.Generate(bearer.PublishableKey, bearer.Test)
		forms := append([]string{
			"", "Bearer " + word, "Bearer " + unknown, "Bearer a.b.c", "Basic " + word, word, "Bearer " + strings.Repeat(word, 1000),
		}, credentials...)
		if form := forms[i/len(methods)%len(forms)]; form != "" {
			r.Header.Set("Authorization", form)
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}

// However many requests a client sends, it makes no more series than there are
// routes, methods and reasons, and none of its text is in one.
func TestHostileClient(t *testing.T) {
	text, key := newKey(bearer.SecretKey)
	small, smallKey := newKey(bearer.SecretKey, func(k *bearer.Key) { k.Limit = bearer.PerMinute(1) })
	secret := []byte(rand.Text() + rand.Text())
	claims := jwt.MapClaims{"iss": "https://issuer.example", "aud": "api", "sub": "subject_9", "scope": "a b", "exp": 1 << 40}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(secret)
	require.NoError(t, err)
	c := newCollector(t)
	handler := app(newGuard(t, bearer.Config{
		Keys: bearer.CachedStore(storeFunc(bearer.NewMemoryStore(key, smallKey).FindKey), bearer.CacheConfig{}),
		JWT: []bearer.JWT{{
			Issuer: "https://issuer.example", Audiences: []string{"api"}, Algorithms: []string{"HS256"},
			Keyfunc: func(*jwt.Token) (any, error) { return secret, nil },
		}},
		Policies: []bearer.Policy{{Name: "second"}, {Name: "minute", Limit: func(*http.Request, *bearer.Principal) bearer.Limit {
			return bearer.PerMinute(50)
		}}},
		FailureLimit: bearer.PerMinute(3), Observe: c.observe(),
	}))
	credentials := []string{"Bearer " + text, "Bearer " + small, "Bearer " + token}
	hostile(handler, 2000, credentials...)
	first := len(c.series(""))
	hostile(handler, 4000, credentials...)
	series := c.series("")
	assert.Len(t, series, first, "all that there are came at first")
	assert.Less(t, len(series), 150)

	// Each value of each label is one of these.
	allowed := map[string]string{
		"http.route":             " /v1/tokens/{id} ",
		"http.request.method":    " GET POST _OTHER ",
		"bearer.credential.kind": " secret token none ",
		"bearer.policy":          " second minute ",
		"bearer.lookup.source":   " store cache ",
		"bearer.code":            " ok invalid_request unauthorized forbidden rate_limit_exceeded ",
		"bearer.reason": " missing_credentials malformed_credentials credential_too_long invalid_api_key invalid_token " +
			"scope_insufficient rate_limit_exceeded ",
	}
	for _, line := range series {
		_, pairs, _ := strings.Cut(line[:strings.LastIndexByte(line, '}')], "{")
		for pair := range strings.SplitSeq(pairs, ",") {
			if name, value, ok := strings.Cut(pair, "="); ok {
				assert.Contains(t, allowed[name], " "+value+" ", line)
			}
		}
	}
}

// A router that takes paths for routes, and an application that makes up reasons,
// make a bounded number of series.
func TestOverflow(t *testing.T) {
	c := newCollector(t, metric.WithCardinalityLimit(0)) // no limit of the SDK's
	observe := c.observe()
	for i := range 12_000 {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Pattern = fmt.Sprintf("/v1/%d", i)
		observe(r, nil, &bearer.Error{Code: bearer.CodeConflict, Reason: rand.Text()})
	}
	series := c.series("bearer.requests")
	assert.Len(t, series, 10_001)
	assert.Contains(t, series, "bearer.requests{otel.metric.overflow=true} 2000", "no request is lost")
	before := len(series)
	observe(httptest.NewRequest(http.MethodGet, "/", nil), nil, nil)
	assert.Len(t, c.series("bearer.requests"), before)
}

// No attribute tells who a request came from.
func TestNoIdentity(t *testing.T) {
	text, key := newKey(bearer.SecretKey)
	revoked, revokedKey := newKey(bearer.SecretKey, func(k *bearer.Key) { k.ID, k.RevokedAt = "key_of_another", k.ExpiresAt.AddDate(9, 0, 0) })
	provider, spans := newTracer(t)
	c := newCollector(t)
	handler := app(newGuard(t, bearer.Config{
		Keys: storeFunc(func(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
			found, err := bearer.NewMemoryStore(key, revokedKey).FindKey(ctx, hash)
			if err != nil {
				return nil, errors.Join(err, errors.New("10.0.0.8 does not know it"))
			}
			return found, nil
		}),
		Observe: c.observe(),
	}))
	for _, credential := range []string{text, revoked, "sk_live_mistyped"} {
		ctx, span := provider.Tracer("test").Start(t.Context(), "request")
		sendIn(ctx, handler, http.MethodGet, "/v1/tokens/private", credential)
		span.End()
	}
	all := strings.Join(c.series(""), "\n")
	for _, span := range spans.Ended() {
		all += fmt.Sprintln(span.Attributes(), span.Status(), span.Events())
	}
	assert.Len(t, spans.Ended(), 3)
	for _, secret := range []string{key.ID, revokedKey.ID, key.Owner, text, revoked, "192.0.2.1", "10.0.0.8", "private", "mistyped"} {
		assert.NotContains(t, all, secret)
	}
}
