package main_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
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
	options := &openapi3filter.Options{
		IncludeResponseStatus:   true,
		MultiError:              true,
		AuthenticationFunc:      openapi3filter.NoopAuthenticationFunc,
		SkipSettingDefaults:     true,
		SchemaValidationOptions: []openapi3.SchemaValidationOption{openapi3.EnableJSONSchema2020()},
	}
	in := &openapi3filter.RequestValidationInput{Request: r, Route: route, PathParams: params, Options: options}
	if answer.StatusCode < http.StatusBadRequest {
		assert.NoError(t, openapi3filter.ValidateRequest(context.Background(), in), "%s %s: %s", r.Method, r.URL, sent)
	}
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: answer.StatusCode, Header: answer.Header,
		Body: io.NopCloser(bytes.NewReader(body)), Options: options,
	})
	assert.NoError(t, err, "%s %s: %d %s", r.Method, r.URL, answer.StatusCode, body)
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
