package issuer_test

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// basicField returns the Authorization field of a client (RFC 6749 section 2.3.1).
func basicField(id, secret string) string {
	return rawBasicField(url.QueryEscape(id) + ":" + url.QueryEscape(secret))
}

func rawBasicField(pair string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
}

// The body of the refusal of a client.
const failedAuthentication = `{"error":"invalid_client","error_description":"Client authentication failed"}`

const clientGrant = "grant_type=client_credentials"

func TestOAuthToken(t *testing.T) {
	w := newClientWorld(t)
	secret, _ := w.client(issuer.Client{ID: "app", Scopes: "read write"})
	odd, _ := w.client(issuer.Client{ID: "a+b %&=ü"[:7], Scopes: "read"})
	inForm := "&client_id=app&client_secret=" + secret
	tests := []struct {
		name   string
		body   string
		fields []string
		scope  string
	}{
		{"S1.4 by form", clientGrant + inForm, nil, "read write"},
		{"S1.4 by Basic", clientGrant, []string{basicField("app", secret)}, "read write"},
		{"S1.4 by Basic, with its own ID in the form", clientGrant + "&client_id=app", []string{basicField("app", secret)}, "read write"},
		{"S1.4 by Basic in another case", clientGrant, []string{strings.Replace(basicField("app", secret), "Basic", "bASIC", 1)}, "read write"},
		{"S1.4 an ID that is encoded", clientGrant, []string{basicField("a+b %&=", odd)}, "read"},
		{"S1.4 an ID that is encoded, in the form", clientGrant + "&client_id=" + url.QueryEscape("a+b %&=") + "&client_secret=" + odd, nil, "read"},
		{"S1.4 an empty secret in the form beside Basic", clientGrant + "&client_secret=", []string{basicField("app", secret)}, "read write"},
		{"S1.7 one scope", clientGrant + inForm + "&scope=write", nil, "write"},
		{"S1.7 both, in another order", clientGrant + inForm + "&scope=write+read", nil, "write read"},
		{"S1.7 an empty scope", clientGrant + inForm + "&scope=", nil, "read write"},
		{"parameters that are not known", clientGrant + inForm + "&resource=x&audience=y&=", nil, "read write"},
		{"empty pairs", "&&" + clientGrant + inForm + "&", nil, "read write"},
	}
	guard := w.guard()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec := w.post("/oauth/token", tt.body, tt.fields...)
			require.Equal(t, http.StatusOK, rec.Code, rec.Body)
			assertSecretAnswer(t, rec) // S1.9
			assert.Equal(t, "application/json", rec.Header().Get("Content-Type"))
			got := decoded(t, rec)
			token, _ := got["access_token"].(string)
			delete(got, "access_token")
			assert.Equal(t, map[string]any{"token_type": "bearer", "expires_in": 3600.0, "scope": tt.scope}, got, "S1.5")
			assert.Equal(t, http.StatusOK, w.status(guard, token))
		})
	}
}

func TestOAuthTokenMediaTypes(t *testing.T) {
	w := newClientWorld(t)
	secret, _ := w.client(issuer.Client{ID: "app", Scopes: "read"})
	body := clientGrant + "&client_id=app&client_secret=" + secret
	tests := []struct {
		name   string
		fields []string
		want   int
	}{
		{"a form", []string{isForm}, 200},
		{"with a charset", []string{isForm + "; charset=UTF-8"}, 200},
		{"in upper case", []string{"Content-Type: Application/X-WWW-Form-URLEncoded"}, 200},
		{"with another charset", []string{isForm + "; charset=latin1"}, 400},
		{"none", nil, 400},
		{"JSON", []string{isJSON}, 400},
		{"two", []string{isForm, isForm}, 400},
		{"multipart", []string{"Content-Type: multipart/form-data; boundary=x"}, 400},
		{"malformed", []string{"Content-Type: ;"}, 400},
		{"compressed", []string{isForm, "Content-Encoding: gzip"}, 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec := w.send(http.MethodPost, "/oauth/token", body, tt.fields...)
			assert.Equal(t, tt.want, rec.Code, rec.Body)
			if tt.want == http.StatusBadRequest {
				assert.Equal(t, "invalid_request", decoded(t, rec)["error"])
			}
		})
	}
}

func TestOAuthTokenRefusals(t *testing.T) {
	w := newClientWorld(t, func(c *issuer.Config) { c.Catalogue = []bearer.Scope{"read", "write", "admin"} })
	secret, _ := w.client(issuer.Client{ID: "app", Scopes: "read write"})
	all, _ := w.client(issuer.Client{ID: "all", Scopes: bearer.FullAccess})
	inForm := "&client_id=app&client_secret=" + secret
	basic := basicField("app", secret)
	tests := []struct {
		name   string
		path   string
		body   string
		fields []string
		status int
		code   string
	}{
		{"no body", "", "", nil, 400, "invalid_request"},
		{"no grant", "", inForm, nil, 400, "invalid_request"},
		{"an empty grant", "", "grant_type=" + inForm, nil, 400, "invalid_request"},
		{"another grant", "", "grant_type=refresh_token" + inForm, nil, 400, "unsupported_grant_type"},
		{"S1.4 password is no grant", "", "grant_type=password&username=a&password=b" + inForm, nil, 400, "unsupported_grant_type"},
		{"S1.4 both ways at once", "", clientGrant + inForm, []string{basic}, 400, "invalid_request"},
		{"S1.4 another ID beside Basic", "", clientGrant + "&client_id=all", []string{basic}, 400, "invalid_request"},
		{"two Authorization fields", "", clientGrant, []string{basic, basic}, 400, "invalid_request"},
		{"a parameter twice", "", clientGrant + inForm + "&scope=read&scope=read", nil, 400, "invalid_request"},
		{"a parameter twice, once empty", "", clientGrant + inForm + "&scope=&scope=read", nil, 400, "invalid_request"},
		{"an unknown parameter twice", "", clientGrant + inForm + "&x=1&x=2", nil, 400, "invalid_request"},
		{"a parameter twice, once escaped", "", clientGrant + inForm + "&grant%5Ftype=password", nil, 400, "invalid_request"},
		{"S1.4 the secret in the URL", "?client_secret=" + secret, clientGrant + "&client_id=app", nil, 400, "invalid_request"},
		{"the grant in the URL", "?grant_type=client_credentials", inForm, nil, 400, "invalid_request"},
		{"the scope in the URL, escaped", "?sc%6fpe=read", clientGrant + inForm, nil, 400, "invalid_request"},
		{"a malformed query", "?x=%zz", clientGrant + inForm, nil, 400, "invalid_request"},
		{"a malformed escape", "", clientGrant + inForm + "&x=%g1", nil, 400, "invalid_request"},
		{"half an escape", "", clientGrant + inForm + "&x=%2", nil, 400, "invalid_request"},
		{"invalid UTF-8", "", clientGrant + inForm + "&x=%ff", nil, 400, "invalid_request"},
		{"too many parameters", "", clientGrant + inForm + manyParams(65), nil, 400, "invalid_request"},
		{"too large", "", clientGrant + inForm + "&x=" + strings.Repeat("x", 64<<10), nil, 413, "invalid_request"},
		{"S1.7 a scope of another", "", clientGrant + inForm + "&scope=admin", nil, 400, "invalid_scope"},
		{"S1.7 one that it has and one of another", "", clientGrant + inForm + "&scope=read+admin", nil, 400, "invalid_scope"},
		{"S1.7 all scopes", "", clientGrant + inForm + "&scope=*", nil, 400, "invalid_scope"},
		{"S1.7 a scope that does not exist", "", clientGrant + "&scope=fly&client_id=all&client_secret=" + all, nil, 400, "invalid_scope"},
		{"S1.7 two spaces", "", clientGrant + inForm + "&scope=read++write", nil, 400, "invalid_scope"},
		{"S1.7 a space at the end", "", clientGrant + inForm + "&scope=read+", nil, 400, "invalid_scope"},
		{"S1.7 a space alone", "", clientGrant + inForm + "&scope=+", nil, 400, "invalid_scope"},
		{"S1.7 a quote", "", clientGrant + inForm + "&scope=%22", nil, 400, "invalid_scope"},
		{"S1.7 a long scope", "", clientGrant + inForm + "&scope=" + strings.Repeat("read+", 500) + "read", nil, 400, "invalid_scope"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec := w.post("/oauth/token"+tt.path, tt.body, tt.fields...)
			require.Equal(t, tt.status, rec.Code, rec.Body)
			got := decoded(t, rec)
			assert.Equal(t, tt.code, got["error"])
			assert.NotEmpty(t, got["error_description"])
			assert.Len(t, got, 2)
			assert.NotContains(t, rec.Body.String(), secret)
			assert.Empty(t, rec.Header().Get("WWW-Authenticate"), "the body is wrong, not the client")
			assertSecretAnswer(t, rec)
		})
	}
}

func manyParams(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("&p" + strings.Repeat("x", i) + "=1")
	}
	return b.String()
}

func TestOAuthTokenFailures(t *testing.T) { // S1.6
	w := newClientWorld(t)
	secret, _ := w.client(issuer.Client{ID: "app", Scopes: "read"})
	goneSecret, _ := w.client(issuer.Client{ID: "gone", Scopes: "read"})
	appsSecret, _ := w.client(issuer.Client{ID: "apps", Scopes: "read"}) // joined, it needs no padding
	require.NoError(t, w.DeleteClient(t.Context(), w.by, "gone"))
	tests := []struct {
		name   string
		body   string
		fields []string
	}{
		{"an unknown ID", clientGrant + "&client_id=nobody&client_secret=" + secret, nil},
		{"a wrong secret", clientGrant + "&client_id=app&client_secret=" + secret + "x", nil},
		{"the ID in another case", clientGrant + "&client_id=APP&client_secret=" + secret, nil},
		{"a deleted client", clientGrant + "&client_id=gone&client_secret=" + goneSecret, nil},
		{"no secret", clientGrant + "&client_id=app", nil},
		{"an empty secret", clientGrant + "&client_id=app&client_secret=", nil},
		{"no ID", clientGrant + "&client_secret=" + secret, nil},
		{"nothing", clientGrant, nil},
		{"an ID with NUL", clientGrant + "&client_id=app%00&client_secret=" + secret, nil},
		{"an ID with a colon", clientGrant + "&client_id=a:b&client_secret=" + secret, nil},
		{"an ID that is not ASCII", clientGrant + "&client_id=%C3%BC&client_secret=" + secret, nil},
		{"a long ID", clientGrant + "&client_id=" + strings.Repeat("a", 256) + "&client_secret=" + secret, nil},
		{"Basic with a wrong secret", clientGrant, []string{basicField("app", "p:%+ü")}},
		{"Basic with an ID that has a colon", clientGrant, []string{basicField("app:", secret)}},
		{"Basic without a secret", clientGrant, []string{basicField("app", "")}},
		{"Basic without an ID", clientGrant, []string{basicField("", secret)}},
		{"Basic without a colon", clientGrant, []string{rawBasicField("app")}},
		{"Basic that is not UTF-8", clientGrant, []string{rawBasicField("app:%ff")}},
		{"Basic with a malformed escape", clientGrant, []string{rawBasicField("app:%zz")}},
		{"Basic that is no base64", clientGrant, []string{"Authorization: Basic !!!"}},
		{"Basic with more than base64", clientGrant, []string{basicField("apps", appsSecret) + "!"}},
		{"another scheme than Basic", clientGrant, []string{strings.Replace(basicField("app", secret), "Basic", "Bearer", 1)}},
		{"Basic alone", clientGrant, []string{"Authorization: Basic"}},
		{"an empty field", clientGrant, []string{"Authorization: "}},
		{"a bearer token", clientGrant, []string{"Authorization: Bearer " + secret}},
		{"a bearer token beside the ID", clientGrant + "&client_id=app", []string{"Authorization: Bearer " + secret}},
	}
	first := ""
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, path := range []string{"/oauth/token", "/oauth/revoke", "/oauth/introspect"} {
				rec := w.post(path, tt.body, tt.fields...)
				assert.Equal(t, http.StatusUnauthorized, rec.Code)
				body := rec.Body.String()
				assert.JSONEq(t, failedAuthentication, body)
				assert.Equal(t, cmp.Or(first, body), body, "the same bytes")
				first = body
				assert.Equal(t, []string{`Basic realm="oauth", charset="UTF-8"`}, rec.Header().Values("WWW-Authenticate"))
				assertSecretAnswer(t, rec)
			}
		})
	}
}

func TestOAuthMethods(t *testing.T) {
	w := newClientWorld(t)
	for _, path := range []string{"/oauth/token", "/oauth/revoke", "/oauth/introspect"} {
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodOptions} {
			rec := w.send(method, path, "")
			assert.Equal(t, http.StatusMethodNotAllowed, rec.Code)
			assert.Equal(t, "POST", rec.Header().Get("Allow"))
			assert.Equal(t, "invalid_request", decoded(t, rec)["error"])
		}
	}
}

func TestOAuthScopesWithoutCatalogue(t *testing.T) { // S1.7
	w := newClientWorld(t)
	secret, _ := w.client(issuer.Client{ID: "app", Scopes: "*"})
	for _, scope := range []string{"a++b", "+", "a+", "%22", strings.Repeat("a", 2049)} {
		rec := w.post("/oauth/token", clientGrant+"&scope="+scope, basicField("app", secret))
		assert.Equal(t, http.StatusBadRequest, rec.Code, scope)
		assert.Equal(t, "invalid_scope", decoded(t, rec)["error"])
	}
	rec := w.post("/oauth/token", clientGrant+"&scope="+strings.Repeat("a", 2048), basicField("app", secret))
	assert.Equal(t, http.StatusOK, rec.Code)
}
