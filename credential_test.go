package bearer_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// exchange sends bytes to a server and returns the verdict of its answer.
func exchange(t *testing.T, addr net.Addr, raw string) string {
	t.Helper()
	conn, err := net.Dial(addr.Network(), addr.String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, raw)
	require.NoError(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return verdictOf(answer.StatusCode, body)
}

func TestAuthorizationField(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	guarded := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key)}).Handler(pass)
	server := httptest.NewServer(guarded)
	defer server.Close()
	const (
		malformed = "400 malformed_credentials"
		tooLong   = "400 credential_too_long"
		multiple  = "400 multiple_credentials"
		missing   = "401 missing_credentials"
		unknown   = "401 invalid_api_key"
	)
	good := "Bearer " + text
	for _, row := range []struct {
		name   string
		fields []string
		want   string
	}{
		{"S1.2 a key", []string{good}, "passed"},
		{"lower-case scheme", []string{"bearer " + text}, "passed"},
		{"upper-case scheme", []string{"BEARER " + text}, "passed"},
		{"mixed-case scheme", []string{"bEaReR " + text}, "passed"},
		{"two spaces", []string{"Bearer  " + text}, "passed"},
		{"many spaces", []string{"Bearer" + strings.Repeat(" ", 100) + text}, "passed"},
		{"white space around", []string{" \t " + good + "\t  "}, "passed"},

		{"tab", []string{"Bearer\t" + text}, malformed},
		{"tab, then space", []string{"Bearer\t " + text}, malformed},
		{"space, then tab", []string{"Bearer \t" + text}, malformed},
		{"lone scheme", []string{"Bearer"}, malformed},
		{"empty credential", []string{"Bearer "}, malformed},
		{"credential of spaces", []string{"Bearer    "}, malformed},
		{"no separator", []string{"Bearer:" + text}, malformed},
		{"inner space", []string{good + " x"}, malformed},
		{"inner tab", []string{good + "\tx"}, malformed},
		{"twice the scheme", []string{"Bearer " + good}, malformed},
		{"comma", []string{good + "," + text}, malformed},
		{"trailing comma", []string{good + ","}, malformed},
		{"list", []string{good + ", Basic dTpw"}, malformed},
		{"quoted", []string{`Bearer "` + text + `"`}, malformed},
		{"parameter", []string{`Bearer token="` + text + `"`}, malformed},
		{"percent escape", []string{"Bearer " + strings.Replace(text, "_", "%5F", 1)}, malformed},
		{"semicolon", []string{good + ";"}, malformed},
		{"backslash", []string{good + `\`}, malformed},
		{"UTF-8", []string{good + "é"}, malformed},
		{"Latin-1", []string{good + "\xe9"}, malformed},
		{"no-break space", []string{"Bearer\u00a0" + text}, malformed},
		{"full-width letters", []string{"Bearer ｓｋ"}, malformed},
		{"= in the middle", []string{"Bearer abc=def"}, malformed},
		{"= at the beginning", []string{"Bearer =abc"}, malformed},
		{"= only", []string{"Bearer ="}, malformed},
		{"several = only", []string{"Bearer ===="}, malformed},
		{"8193 bytes", []string{"Bearer " + strings.Repeat("a", 8193)}, tooLong},
		{"8193 bytes with padding", []string{"Bearer " + strings.Repeat("a", 8191) + "=="}, tooLong},

		{"= at the end", []string{"Bearer abc="}, unknown},
		{"several = at the end", []string{"Bearer abc==="}, unknown},
		{"every punctuation", []string{"Bearer -._~+/"}, unknown},
		{"8192 bytes", []string{"Bearer " + strings.Repeat("a", 8192)}, unknown},
		{"8192 bytes, and spaces", []string{"Bearer    " + strings.Repeat("a", 8192) + "   "}, unknown},

		{"S0.1 none", nil, missing},
		{"empty", []string{""}, missing},
		{"blank", []string{"   "}, missing},
		{"Basic", []string{"Basic dXNlcjpwYXNz"}, missing},
		{"Digest", []string{`Digest username="u"`}, missing},
		{"DPoP", []string{"DPoP " + text}, missing},
		{"the bare key", []string{text}, missing},
		{"longer scheme", []string{"Bearerx " + text}, missing},
		{"longer scheme alone", []string{"Bearerx"}, missing},
		{"shorter scheme", []string{"Beare " + text}, missing},
		{"scheme with a dash", []string{"Bearer-" + text}, missing},
		{"comma before", []string{"," + good}, missing},

		{"two, the same", []string{good, good}, multiple},
		{"two, the first empty", []string{"", good}, multiple},
		{"two, the second empty", []string{good, ""}, multiple},
		{"two, one Basic", []string{"Basic dXNlcjpwYXNz", good}, multiple},
		{"two, none Bearer", []string{"Basic dXNlcjpwYXNz", "Negotiate"}, multiple},
		{"two, both malformed", []string{"Bearer", "Bearer"}, multiple},
		{"three", []string{good, good, good}, multiple},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/v1/tokens", nil)
			raw := "GET /v1/tokens HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n"
			for _, field := range row.fields {
				r.Header["Authorization"] = append(r.Header["Authorization"], field)
				raw += "Authorization: " + field + "\r\n"
			}
			assert.Equal(t, row.want, verdict(serve(guarded, r)), "a request as a value")
			assert.Equal(t, row.want, exchange(t, server.Listener.Addr(), raw+"\r\n"), "the bytes of a request")
		})
	}
}

// What a client can write that a value of http.Header cannot hold.
func TestAuthorizationBytes(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	server := httptest.NewServer(newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key)}).Handler(pass))
	defer server.Close()
	for _, row := range []struct {
		name string
		line string
		want string
	}{
		{"lower-case name", "authorization: Bearer " + text, "passed"},
		{"upper-case name", "AUTHORIZATION: Bearer " + text, "passed"},
		{"mixed-case name", "aUTHORIZATION: Bearer " + text, "passed"},
		{"no space after the colon", "Authorization:Bearer " + text, "passed"},
		{"tab after the colon", "Authorization:\tBearer " + text, "passed"},
		{"two names", "authorization: Bearer " + text + "\r\nAUTHORIZATION: Bearer " + text, "400 multiple_credentials"},
		{"line folded after the scheme", "Authorization: Bearer\r\n " + text, "passed"}, // net/http unfolds: RFC 9112 section 5.2
		{"line folded within the key", "Authorization: Bearer " + text[:9] + "\r\n " + text[9:], "400 malformed_credentials"},
		{"a second field folded into the first", "Authorization: Bearer " + text + "\r\n Authorization: Bearer " + text, "400 malformed_credentials"},
		{"space before the colon", "Authorization : Bearer " + text, "400"},
		{"NUL", "Authorization: Bearer " + text + "\x00", "400"},
		{"bare CR", "Authorization: Bearer " + text + "\rx", "400"},
		{"underscore for dash", "Proxy_Authorization: Bearer " + text, "401 missing_credentials"},
	} {
		t.Run(row.name, func(t *testing.T) {
			raw := "GET /v1/tokens HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n" + row.line + "\r\n\r\n"
			assert.Equal(t, row.want, exchange(t, server.Listener.Addr(), raw))
		})
	}
}

func TestCredentialElsewhereIsIgnored(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	guarded := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key)}).Handler(pass)
	form := func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }
	for _, row := range []struct {
		name   string
		target string
		body   string
		change func(*http.Request)
	}{
		{"S0.6 query access_token", "/?access_token=" + text, "", nil},
		{"S0.6 query api_key", "/?api_key=" + text, "", nil},
		{"S0.6 query authorization", "/?Authorization=Bearer+" + text, "", nil},
		{"S0.6 form", "/", "access_token=" + text, form},
		{"S0.6 JSON", "/", `{"access_token":"` + text + `"}`, nil},
		{"cookie", "/", "", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "access_token", Value: text}) }},
		{"Proxy-Authorization", "/", "", func(r *http.Request) { r.Header.Set("Proxy-Authorization", "Bearer "+text) }},
		{"X-Api-Key", "/", "", func(r *http.Request) { r.Header.Set("X-Api-Key", text) }},
		{"X-Forwarded-Authorization", "/", "", func(r *http.Request) { r.Header.Set("X-Forwarded-Authorization", "Bearer "+text) }},
		{"user and password in the URL", "http://bearer:" + text + "@api.example/", "", nil},
		{"trailer", "/", "", func(r *http.Request) { r.Trailer = http.Header{"Authorization": {"Bearer " + text}} }},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, row.target, strings.NewReader(row.body))
			if row.change != nil {
				row.change(r)
			}
			assert.Equal(t, "401 missing_credentials", verdict(serve(guarded, r)))
			left, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			assert.Equal(t, row.body, string(left), "nothing of the body was read")
		})
	}
}
