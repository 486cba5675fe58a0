package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A document is the OpenAPI description of the issuer, which is read once for
// all tests.
type document struct {
	api    *openapi3.T
	router routers.Router
	err    error
}

var readDocument = sync.OnceValue(func() document {
	loader := openapi3.NewLoader()
	api, err := loader.LoadFromFile("../../issuer/openapi.yaml")
	if err != nil {
		return document{err: err}
	}
	if err := api.Validate(loader.Context); err != nil {
		return document{err: err}
	}
	router, err := gorillamux.NewRouter(api)
	return document{api, router, err}
})

// assertDescribed asserts that an answer is as the document says, with no member
// more; and that what was accepted is a request as it says. The bodies of r and of
// the answer are given, since they have been read.
func assertDescribed(t *testing.T, r *http.Request, sent []byte, answer *http.Response, body []byte) {
	t.Helper()
	d := readDocument()
	require.NoError(t, d.err)
	r = r.Clone(context.Background())
	r.URL = &url.URL{Path: r.URL.Path, RawQuery: r.URL.RawQuery} // the document names no server
	r.Body = io.NopCloser(bytes.NewReader(sent))
	r.ContentLength = int64(len(sent))
	if path, ok := strings.CutPrefix(r.URL.Path, "/s2/api_keys"); ok {
		if answer.StatusCode >= http.StatusBadRequest {
			return // in another form
		}
		r.URL.Path = "/v1/api_keys" + path
	}
	if r.Method == http.MethodHead {
		return
	}
	route, params, err := d.router.FindRoute(r)
	var unknown *routers.RouteError
	if errors.As(err, &unknown) {
		d.assertNoRoute(t, r, answer, body)
		return
	}
	require.NoError(t, err)
	seen.Store(statusOf(r.Method, route.Path, strconv.Itoa(answer.StatusCode)), true)
	in := &openapi3filter.RequestValidationInput{Request: r, Route: route, PathParams: params, Options: strict}
	if answer.StatusCode < http.StatusBadRequest {
		assert.NoError(t, openapi3filter.ValidateRequest(context.Background(), in), "%s %s: %s", r.Method, r.URL, sent)
	}
	assert.NoError(t, validate(in, answer, body), "%s %s: %d %s", r.Method, r.URL, answer.StatusCode, body)
}

// seen holds what was answered by all tests: what statusOf returns.
var seen sync.Map

func statusOf(method, path, status string) string { return method + " " + path + " " + status }

// unseen returns which answers of the document no test has got.
func (d document) unseen() []string {
	var all []string
	for path, item := range d.api.Paths.Map() {
		for method, operation := range item.Operations() {
			for status := range operation.Responses.Map() {
				if name := statusOf(method, path, status); !isSeen(name) {
					all = append(all, name)
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

func isSeen(name string) bool {
	_, ok := seen.Load(name)
	return ok
}

// strict are the options under which each part of an answer is checked.
var strict = &openapi3filter.Options{
	IncludeResponseStatus:   true,
	MultiError:              true,
	AuthenticationFunc:      openapi3filter.NoopAuthenticationFunc,
	SkipSettingDefaults:     true,
	SchemaValidationOptions: []openapi3.SchemaValidationOption{openapi3.EnableJSONSchema2020()},
}

// validate returns in what an answer is other than the document says.
func validate(in *openapi3filter.RequestValidationInput, answer *http.Response, body []byte) error {
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: answer.StatusCode, Header: answer.Header,
		Body: io.NopCloser(bytes.NewReader(body)), Options: strict,
	})
}

// assertNoRoute asserts that an answer for which the document has no path, or no
// method, is the one that it has for these. Paths that are the platform's own are
// not looked at.
func (d document) assertNoRoute(t *testing.T, r *http.Request, answer *http.Response, body []byte) {
	t.Helper()
	name := map[int]string{http.StatusNotFound: "NotFound", http.StatusMethodNotAllowed: "MethodNotAllowed"}[answer.StatusCode]
	if name == "" || strings.HasPrefix(r.URL.Path, "/s2/") || strings.HasPrefix(r.URL.Path, "/oauth/") {
		return
	}
	schema := d.api.Components.Responses[name].Value.Content["application/json"].Schema.Value
	assert.NoError(t, schema.VisitJSON(decode(t, body), openapi3.EnableJSONSchema2020()), "%s %s: %s", r.Method, r.URL, body)
	assert.Equal(t, "no-store", answer.Header.Get("Cache-Control"))
	assert.Equal(t, answer.StatusCode == http.StatusMethodNotAllowed, answer.Header.Get("Allow") != "")
}

// An answer that is not as the document says is found out: with a member more or
// less, of another type, with another status or without a header field.
func TestOpenAPIIsStrict(t *testing.T) {
	p := sharedPlatform(t)
	admin := p.admin(t)
	_, id := p.key(t, admin, object{"allowed_ips": []string{"192.0.2.0/24"}})
	form := url.Values{"token": {admin}}
	for route, a := range map[string]answer{
		"POST /auth/token":           p.exchange(t, p.APIKey, p.APISecret),
		"POST /auth/login":           p.session(t, p.SecretKey, "strict"),
		"GET /auth/me":               p.get(t, "/auth/me", admin),
		"GET /auth/sessions":         p.get(t, "/auth/sessions?limit=1", admin),
		"POST /oauth/token":          p.grant(t, "read"),
		"POST /oauth/introspect":     p.oauth(t, "/oauth/introspect", p.IntrospectClientID, p.IntrospectClientSecret, form),
		"GET /v1/api_keys":           p.get(t, "/v1/api_keys?limit=1", admin),
		"POST /v1/api_keys":          p.newKey(t, admin, nil),
		"GET /v1/api_keys/ak_1":      p.get(t, "/v1/api_keys/"+id, admin),
		"PATCH /v1/api_keys/ak_1":    p.get(t, "/v1/api_keys/x", admin),
		"PUT /auth/credentials":      p.put(t, "/auth/credentials", p.pairToken(t), object{"apiKey": "x"}),
		"DELETE /auth/sessions/se_1": p.get(t, "/auth/me", ""),
	} {
		method, path, _ := strings.Cut(route, " ")
		r, err := http.NewRequestWithContext(t.Context(), method, path, nil)
		require.NoError(t, err)
		found, params, err := readDocument().router.FindRoute(r)
		require.NoError(t, err)
		in := &openapi3filter.RequestValidationInput{Request: r, Route: found, PathParams: params, Options: strict}
		require.NoError(t, validate(in, a.Response, a.text), route)
		for name, other := range mutations(t, a.text) {
			assert.Error(t, validate(in, a.Response, other), "%s %s: %s", route, name, other)
		}
		for _, name := range []string{"Cache-Control", "Pragma", "Content-Type"} {
			b := *a.Response
			b.Header = b.Header.Clone()
			b.Header.Del(name)
			assert.Error(t, validate(in, &b, a.text), "%s without %s", route, name)
		}
		b := *a.Response
		b.StatusCode = http.StatusTeapot
		assert.Error(t, validate(in, &b, a.text), route)
	}
}

// mutations returns the texts of objects that differ from one in a member, at its
// top or in the first object in it.
func mutations(t *testing.T, text []byte) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for name := range decode(t, text).(object) {
		whole := decode(t, text).(object)
		at, prefix := whole, ""
		if list, ok := whole[name].([]any); ok && len(list) > 0 {
			if inner, ok := list[0].(object); ok {
				at, prefix = inner, name+"[0]."
			}
		} else if inner, ok := whole[name].(object); ok && len(inner) > 0 {
			at, prefix = inner, name+"."
		}
		at["surplus"] = true
		all[prefix+"surplus"] = encode(t, whole)
		delete(at, "surplus")
		for member, value := range at {
			at[member] = object{"another": []any{"type"}}
			all["another "+prefix+member] = encode(t, whole)
			delete(at, member)
			if member != "param" { // the only one that is optional
				all["no "+prefix+member] = encode(t, whole)
			}
			at[member] = value
		}
	}
	return all
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return text
}

// Each route of the issuer is described, and nothing else is.
func TestOpenAPIHasAllRoutes(t *testing.T) {
	p := newPlatform(t)
	d := readDocument()
	require.NoError(t, d.err)
	var described, have []string
	for path, item := range d.api.Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	for pattern := range p.issuer.Routes() {
		have = append(have, pattern)
	}
	assert.ElementsMatch(t, have, described)
}
