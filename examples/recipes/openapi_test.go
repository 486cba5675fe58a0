package recipes_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const fragment = "../../docs/openapi.yaml"

// loadAPI loads an OpenAPI document and what it refers to, and validates it.
func loadAPI(t *testing.T, name string) *openapi3.T {
	t.Helper()
	loader := &openapi3.Loader{IsExternalRefsAllowed: true}
	document, err := loader.LoadFromFile(name)
	require.NoError(t, err)
	require.NoError(t, document.Validate(loader.Context))
	return document
}

// reasonsOfCode returns the reasons in the table of codes.go, with their codes.
func reasonsOfCode(t *testing.T) map[string]bearer.Code {
	t.Helper()
	source, err := os.ReadFile("../../codes.go")
	require.NoError(t, err)
	codes := make(map[string]bearer.Code)
	for _, m := range regexp.MustCompile(`(?m)^\s+Code(\w+)\s+Code = "(\w+)"`).FindAllStringSubmatch(string(source), -1) {
		codes[m[1]] = bearer.Code(m[2])
	}
	reasons := make(map[string]bearer.Code)
	for _, m := range regexp.MustCompile(`"(\w+)", Code(\w+),`).FindAllStringSubmatch(string(source), -1) {
		require.Contains(t, codes, m[2])
		reasons[m[1]] = codes[m[2]]
	}
	require.Len(t, reasons, 29)
	return reasons
}

// textsOf returns the enum of a property of the error in a schema.
func textsOf(t *testing.T, schema *openapi3.SchemaRef, property string) []string {
	t.Helper()
	var texts []string
	for _, value := range schema.Value.Properties["error"].Value.Properties[property].Value.Enum {
		texts = append(texts, value.(string))
	}
	slices.Sort(texts)
	return texts
}

// The fragment has each code and each reason of the package at its status, and no
// others.
func TestOpenAPIHasAllReasons(t *testing.T) {
	document := loadAPI(t, fragment)
	wantCodes, wantReasons := make(map[int][]string), make(map[int][]string)
	var all []string
	for reason, code := range reasonsOfCode(t) {
		status := (&bearer.Error{Code: code}).StatusCode()
		wantReasons[status] = append(wantReasons[status], reason)
		wantCodes[status] = append(wantCodes[status], string(code))
		all = append(all, string(code))
	}
	slices.Sort(all)
	assert.Equal(t, slices.Compact(all), textsOf(t, document.Components.Schemas["Error"], "code"))
	for status, reasons := range wantReasons {
		name := strings.ReplaceAll(http.StatusText(status), " ", "")
		require.Contains(t, document.Components.Schemas, name)
		schema := document.Components.Schemas[name].Value.AllOf[1]
		slices.Sort(reasons)
		assert.Equal(t, reasons, textsOf(t, schema, "reason"), name)
		slices.Sort(wantCodes[status])
		assert.Equal(t, slices.Compact(wantCodes[status]), textsOf(t, schema, "code"), name)
	}
	assert.Len(t, document.Components.Responses, len(wantReasons))
}

// A checker validates answers against the application's document.
type checker struct {
	input openapi3filter.RequestValidationInput
}

// newChecker loads the document that the comment of the fragment shows, with the
// security schemes pasted, as the comment says. It has a GET behind a guard, and a
// POST that an endpoint of the application's answers.
func newChecker(t *testing.T, method string) checker {
	t.Helper()
	text, err := os.ReadFile(fragment)
	require.NoError(t, err)
	document := "openapi: 3.1.0\ninfo: {title: Tokens, version: '1'}\n"
	for _, m := range regexp.MustCompile(`(?m)^# {3}(.+\n)`).FindAllStringSubmatch(string(text), -1) {
		document += m[1]
	}
	_, schemes, _ := strings.Cut(string(text), "\ncomponents:\n")
	schemes, _, _ = strings.Cut(schemes, "\n\n")
	document += "components:\n" + schemes + "\n"
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "openapi.yaml"), text, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tokens.yaml"), []byte(document), 0o600))
	router, err := gorillamux.NewRouter(loadAPI(t, filepath.Join(dir, "tokens.yaml")))
	require.NoError(t, err)
	r := httptest.NewRequest(method, "/v1/tokens", nil)
	route, params, err := router.FindRoute(r)
	require.NoError(t, err)
	return checker{openapi3filter.RequestValidationInput{Request: r, Route: route, PathParams: params}}
}

func (c checker) check(w *httptest.ResponseRecorder) error {
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &c.input, Status: w.Code, Header: w.Header(),
		Body:    io.NopCloser(strings.NewReader(w.Body.String())),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
}

// assertValid asserts that an answer is as the document says, and that the document
// names every member of its body.
func (c checker) assertValid(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	assert.NoError(t, c.check(w), w.Body.String())
	if w.Code == http.StatusOK {
		return
	}
	var body map[string]map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
	assert.Equal(t, []string{"error"}, slices.Collect(maps.Keys(body)))
	members := []string{"code", "message", "reason", "status", "type"}
	if body["error"]["param"] != nil {
		members = slices.Insert(members, 2, "param")
	}
	assert.Equal(t, members, slices.Sorted(maps.Keys(body["error"])))
	aboutCredentials := w.Code == http.StatusBadRequest && body["error"]["reason"] != "invalid_request"
	if aboutCredentials || w.Code == http.StatusUnauthorized {
		assert.NotEmpty(t, w.Header().Get("WWW-Authenticate"))
	}
	if w.Code == http.StatusServiceUnavailable {
		assert.NotEmpty(t, w.Header().Get("Retry-After"))
	}
}

// ofEndpoints are the reasons that no guard answers.
var ofEndpoints = []string{
	"invalid_request", "invalid_credentials", "invalid_refresh_token", "not_found",
	"method_not_allowed", "conflict", "payload_too_large", "unsupported_media_type",
}

func TestOpenAPIDescribesWriteError(t *testing.T) {
	c, post := newChecker(t, http.MethodGet), newChecker(t, http.MethodPost)
	for reason, code := range reasonsOfCode(t) {
		t.Run(reason, func(t *testing.T) {
			e := &bearer.Error{Code: code, Reason: reason, Scopes: "a:read b:read"}
			if slices.Contains(ofEndpoints, reason) {
				e.Param, e.Detail = "name", "name must not be empty"
			}
			checker := c
			if _, ok := c.input.Route.Operation.Responses.Map()[strconv.Itoa(e.StatusCode())]; !ok {
				checker = post
			}
			w := httptest.NewRecorder()
			bearer.WriteError(w, checker.input.Request, e)
			checker.assertValid(t, w)
		})
	}
	for name, body := range map[string]string{
		"an unknown reason": `{"error":{"type":"authentication_error","code":"unauthorized","reason":"other","message":"","status":401}}`,
		"another status":    `{"error":{"type":"authentication_error","code":"unauthorized","reason":"invalid_token","message":"","status":403}}`,
		"no reason":         `{"error":{"type":"authentication_error","code":"unauthorized","message":"","status":401}}`,
		"a param of none":   `{"error":{"type":"authentication_error","code":"unauthorized","reason":"invalid_token","message":"","param":"","status":401}}`,
	} {
		w := httptest.NewRecorder()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("WWW-Authenticate", `Bearer realm="api"`)
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.WriteString(body)
		assert.Error(t, c.check(w), name)
	}
}

// An answerer provokes answers of guards.
type answerer struct {
	keys    bearertest.Keys
	tokens  bearertest.Tokens
	limiter bearertest.Limiter
	config  bearer.Config
}

func newAnswerer() *answerer {
	a := new(answerer)
	a.config = bearer.Config{
		Keys: &a.keys, JWT: []bearer.JWT{a.tokens.JWT()},
		ResourceMetadata: "https://api.example/.well-known/oauth-protected-resource",
	}
	return a
}

func (a *answerer) key(key bearer.Key) string { return a.keys.Issue(key) }

func (a *answerer) token(change func(map[string]any)) string {
	claims := a.tokens.Claims("alice", "tokens:read")
	change(claims)
	return a.tokens.Sign(claims, nil)
}

func TestOpenAPIDescribesAGuard(t *testing.T) {
	c := newChecker(t, http.MethodGet)
	down := errors.New("connection refused")
	good := func(a *answerer) *http.Request { return get("/v1/tokens", a.key(bearer.Key{Scopes: "*"})) }
	seen := make(map[string]bool)
	for _, reason := range ofEndpoints {
		seen[reason] = true
	}
	for _, row := range []struct {
		reason string
		ask    func(*answerer) *http.Request // may change the config
	}{
		{"", good},
		{"", func(a *answerer) *http.Request {
			a.config.Policies = []bearer.Policy{{}, {Name: "two"}}
			return good(a)
		}},
		{"malformed_credentials", func(*answerer) *http.Request { return get("/", "a,b") }},
		{"multiple_credentials", func(a *answerer) *http.Request { return with(good(a), "Authorization", "Bearer x") }},
		{"credential_too_long", func(*answerer) *http.Request { return get("/", strings.Repeat("a", 9<<10)) }},
		{"missing_credentials", func(*answerer) *http.Request { return get("/", "") }},
		{"invalid_api_key", func(*answerer) *http.Request { return get("/", "sk_test_1") }},
		{"key_revoked", func(a *answerer) *http.Request { return get("/", a.key(bearer.Key{RevokedAt: time.Now()})) }},
		{"invalid_token", func(*answerer) *http.Request { return get("/", "a.b.c") }},
		{"token_revoked", func(a *answerer) *http.Request {
			a.config.JWT[0].Session = func(context.Context, *bearer.Principal) (bearer.Session, error) {
				return bearer.Session{Ended: true}, nil
			}
			return get("/", a.tokens.Token("alice", ""))
		}},
		{"wrong_credential_type", func(a *answerer) *http.Request {
			a.config.Keys = nil
			return get("/", a.key(bearer.Key{}))
		}},
		{"token_expired", func(a *answerer) *http.Request {
			return get("/", a.token(func(claims map[string]any) { claims["exp"] = time.Now().Add(-time.Hour).Unix() }))
		}},
		{"scope_insufficient", func(a *answerer) *http.Request { return get("/", a.key(bearer.Key{})) }},
		{"secret_key_required", func(a *answerer) *http.Request {
			a.config.SecretOnly = true
			return get("/", a.key(bearer.Key{Kind: bearer.PublishableKey}))
		}},
		{"environment_mismatch", func(a *answerer) *http.Request {
			a.config.Environment = bearer.Live
			return get("/", a.key(bearer.Key{Environment: bearer.Test}))
		}},
		{"origin_not_allowed", func(a *answerer) *http.Request {
			key := a.key(bearer.Key{Kind: bearer.PublishableKey, AllowedOrigins: []string{"https://app.example"}})
			return with(get("/", key), "Origin", "https://evil.example")
		}},
		{"key_expired", func(a *answerer) *http.Request {
			return get("/", a.key(bearer.Key{ExpiresAt: time.Now().Add(-time.Hour)}))
		}},
		{"ip_not_allowed", func(a *answerer) *http.Request {
			return get("/", a.key(bearer.Key{AllowedIPs: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}))
		}},
		{"rate_limit_exceeded", func(a *answerer) *http.Request {
			a.limiter.Refuse(3 * time.Second)
			a.config.Limiter = &a.limiter
			return good(a)
		}},
		{"rate_limit_exceeded", func(a *answerer) *http.Request {
			a.limiter.Refuse(3 * time.Second)
			a.config.Limiter, a.config.Policies = &a.limiter, []bearer.Policy{{}, {Name: "two"}}
			return good(a)
		}},
		{"cost_exceeds_limit", func(a *answerer) *http.Request {
			a.config.Cost = func(*http.Request) int { return 1000 }
			return good(a)
		}},
		{"store_unavailable", func(a *answerer) *http.Request {
			a.keys.Fail(down)
			return good(a)
		}},
		{"limiter_unavailable", func(a *answerer) *http.Request {
			a.limiter.Fail(down)
			a.config.Limiter = &a.limiter
			return good(a)
		}},
		{"keys_unavailable", func(a *answerer) *http.Request {
			a.tokens.Fail(down)
			return get("/", a.tokens.Token("alice", ""))
		}},
	} {
		t.Run(row.reason, func(t *testing.T) {
			a := newAnswerer()
			r := row.ask(a)
			w := serve(newGuard(t, a.config).Require("tokens:read")(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
			})), r)
			if row.reason == "" {
				require.Equal(t, http.StatusOK, w.Code)
				assert.NotEmpty(t, w.Header().Get("RateLimit"))
			} else {
				require.Contains(t, w.Body.String(), `"reason":"`+row.reason+`"`)
				seen[row.reason] = true
			}
			c.assertValid(t, w)
		})
	}
	assert.Equal(t, slices.Sorted(maps.Keys(reasonsOfCode(t))), slices.Sorted(maps.Keys(seen)))
}
