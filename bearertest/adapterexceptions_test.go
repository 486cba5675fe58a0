package bearertest_test

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"path"
	"slices"
	"strings"
	"testing"
)

// standard are the methods that routers know.
var standard = strings.Fields("GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT")

// pathOf lets requests pass the guard by whose path is of a kind.
func pathOf(is func(path string) bool) adapter {
	return skipping(func(r *http.Request) bool { return is(r.URL.Path) })
}

func TestAdaptersThatMakeExceptions(t *testing.T) {
	t.Parallel()
	const every = "the guard answers every method, and whatever else the request says"
	assertBrokenAdapters(t, []adapterTest{
		{"guards nine methods", skipping(func(r *http.Request) bool { return !slices.Contains(standard, r.Method) }), every},
		{"lets PROPFIND through", method("PROPFIND"), "PROPFIND /v1/"},
		{"lets QUERY through", method("QUERY"), "QUERY /v1/"},
		{"lets PURGE through", method("PURGE"), "PURGE /v1/"},
		{"lets methods in small letters through", skipping(func(r *http.Request) bool {
			return r.Method == strings.ToLower(r.Method)
		}), " /v1/"},
		{"lets /static/ through", pathOf(func(p string) bool { return strings.HasPrefix(p, "/static/") }), "GET /static/"},
		{"lets style sheets through", pathOf(func(p string) bool { return strings.HasSuffix(p, ".css") }), ".css without a credential"},
		{"lets files through", pathOf(func(p string) bool { return path.Ext(p) != "" }), every},
		{"lets /.well-known/ through", pathOf(func(p string) bool { return strings.HasPrefix(p, "/.well-known/") }), "/.well-known/"},
		{"lets what is public through", pathOf(func(p string) bool { return strings.Contains(p, "/public/") }), "/public/"},
		{"lets /livez through", onPath("/livez"), "GET /livez without"},
		{"lets /favicon.ico through", onPath("/favicon.ico"), "/favicon.ico without a credential"},
		{"lets hidden files through", pathOf(func(p string) bool { return strings.HasPrefix(p, "/_") }), every},
		{"lets ?debug through", skipping(func(r *http.Request) bool { return r.URL.Query().Has("debug") }), "?debug"},
		{"lets HTTP/2 through", skipping(func(r *http.Request) bool { return r.ProtoMajor == 2 }), every},
		{"lets gRPC through", skipping(func(r *http.Request) bool {
			return r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
		}), "application/grpc"},
		{"lets TLS through", skipping(func(r *http.Request) bool { return r.TLS != nil }), "a request over TLS"},
		{"lets private addresses through", skipping(func(r *http.Request) bool {
			host, _, _ := net.SplitHostPort(r.RemoteAddr)
			ip, err := netip.ParseAddr(host)
			return err == nil && ip.IsPrivate()
		}), "a request from "},
		{"lets localhost through", skipping(func(r *http.Request) bool { return r.Host == "localhost" }), "a request to the host localhost"},
		{"lets subrequests through", having("X-Middleware-Subrequest", ""), "X-Middleware-Subrequest"},
		{"lets Googlebot through", skipping(func(r *http.Request) bool { return strings.Contains(r.UserAgent(), "Googlebot") }), "Googlebot"},
		{"lets Basic through", skipping(func(r *http.Request) bool {
			return strings.HasPrefix(r.Header.Get("Authorization"), "Basic ")
		}), every},
		{"lets the user of a proxy through", having("X-Forwarded-User", ""), every},
		{"lets a gateway through", having("X-Forwarded-Server", ""), "X-Forwarded-Server"},
		{"lets Pingdom through", skipping(func(r *http.Request) bool { return strings.HasPrefix(r.UserAgent(), "Pingdom") }), "Pingdom"},
		{"lets a client's certificate through", skipping(func(r *http.Request) bool {
			return r.TLS != nil && len(r.TLS.PeerCertificates) > 0
		}), "a request with a client's certificate"},
		{"lets containers through", skipping(func(r *http.Request) bool { return strings.HasPrefix(r.RemoteAddr, "172.17.") }),
			"a request from 172.17."},
		{"lets a port through", skipping(func(r *http.Request) bool { return strings.HasSuffix(r.Host, ":9090") }), "app.test:9090"},
		{"lets /robots.txt through", onPath("/robots.txt"), "GET /robots.txt without"},
		{"lets /actuator/health through", onPath("/actuator/health"), "GET /actuator/health without"},
		{"lets /v2/ through", pathOf(func(p string) bool { return strings.HasPrefix(p, "/v2/") }), "GET /v2/"},
		{"lets scripts one level down through", pathOf(func(p string) bool {
			ok, _ := path.Match("/*/*.js", p)
			return ok
		}), ".js without"},
		{"lets ?wsdl through", skipping(func(r *http.Request) bool { return r.URL.RawQuery == "wsdl" }), "?wsdl"},
	})
}

func TestAdaptersThatFindCredentials(t *testing.T) {
	t.Parallel()
	query := func(name string) adapter {
		return credentialFrom(func(r *http.Request) string { return r.URL.Query().Get(name) })
	}
	field := func(name string) adapter {
		return credentialFrom(func(r *http.Request) string { return r.Header.Get(name) })
	}
	cookie := func(name string) adapter {
		return credentialFrom(func(r *http.Request) string {
			if c, err := r.Cookie(name); err == nil {
				return c.Value
			}
			return ""
		})
	}
	scheme := func(name string) adapter {
		return spelling(func(field string) string {
			if rest, ok := strings.CutPrefix(field, name+" "); ok {
				return "Bearer " + rest
			}
			return field
		})
	}
	assertBrokenAdapters(t, []adapterTest{
		{"takes ?key=", query("key"), "GET /v1/things?key=${admin} without a credential: "},
		{"takes ?apiKey=", query("apiKey"), "GET /v1/things?apiKey=${admin}"},
		{"takes ?client-secret=", query("client-secret"), "GET /v1/things?client-secret=${admin}"},
		{"takes ?jwt=Bearer", credentialFrom(func(r *http.Request) string {
			text, _ := strings.CutPrefix(r.URL.Query().Get("jwt"), "Bearer ")
			return text
		}), "GET /v1/things?jwt="},
		{"takes X-Auth-Token", field("X-Auth-Token"), "x-auth-token: ${admin}"},
		{"takes Apikey", field("Apikey"), "apikey: ${admin}"},
		{"takes ?authorization=", query("authorization"), "GET /v1/things?authorization=${admin}"},
		{"takes ?API_KEY=", query("API_KEY"), "GET /v1/things?API_KEY=${admin}"},
		{"takes a cookie", cookie("jwt"), "Cookie: jwt=${admin}"},
		{"takes a cookie of a host", cookie("__Host-token"), "Cookie: __Host-token=${admin}"},
		{"takes the cookie Authorization", cookie("Authorization"), "Cookie: Authorization=${admin}"},
		{"takes a path", credentialFrom(func(r *http.Request) string {
			rest, _ := strings.CutPrefix(r.URL.Path, "/bot")
			key, _, _ := strings.Cut(rest, "/")
			return key
		}), "GET /bot${admin}/things"},
		{"takes a parameter of a path", credentialFrom(func(r *http.Request) string {
			_, key, _ := strings.Cut(r.URL.Path, ";token=")
			return key
		}), ";token=${admin}"},
		{"takes the user of the URL", credentialFrom(func(r *http.Request) string { return r.URL.User.Username() }), "the user of the URL"},
		{"takes a WebSocket's protocol bearer.", credentialFrom(func(r *http.Request) string {
			if key, ok := strings.CutPrefix(r.Header.Get("Sec-WebSocket-Protocol"), "bearer."); ok {
				return key
			}
			return ""
		}), "Sec-WebSocket-Protocol: bearer.${admin}"},
		{"takes a WebSocket's protocol", credentialFrom(func(r *http.Request) string {
			_, text, _ := strings.Cut(r.Header.Get("Sec-WebSocket-Protocol"), ", ")
			return text
		}), "Sec-WebSocket-Protocol"},
		{"takes what has no scheme", spelling(func(field string) string {
			if !strings.Contains(field, " ") {
				return "Bearer " + field
			}
			return field
		}), "Authorization: "},
		{"takes Token for Bearer", scheme("Token"), "Authorization: Token"},
		{"takes token for Bearer", scheme("token"), "Authorization: token"},
		{"takes SSWS for Bearer", scheme("SSWS"), "a credential stands in Authorization alone"},
		{"takes the first of several", arriving(func(r *http.Request) {
			if fields := r.Header["Authorization"]; len(fields) > 1 {
				r.Header.Set("Authorization", fields[0])
			}
		}), "400 multiple_credentials"},
		{"takes the user of Basic", arriving(func(r *http.Request) {
			if user, _, ok := r.BasicAuth(); ok {
				r.Header.Set("Authorization", "Bearer "+user)
			}
		}), "401 missing_credentials, another scheme"},
		{"takes the password of Basic", arriving(func(r *http.Request) {
			if _, password, ok := r.BasicAuth(); ok && strings.HasPrefix(password, "sk_") {
				r.Header.Set("Authorization", "Bearer "+password)
			}
		}), "a key as the password of Basic"},
	})
}

func TestAdaptersThatRewriteRequests(t *testing.T) {
	t.Parallel()
	const request = "the request arrives as it was sent"
	override := func(r *http.Request, method string) {
		if method != "" && r.Method == http.MethodPost {
			r.Method = strings.ToUpper(method)
		}
	}
	cut := func(n int64) adapter {
		return setting(func(r *http.Request) { r.Body = io.NopCloser(io.LimitReader(r.Body, n)) })
	}
	field := func(name string, set func(r *http.Request, value string)) adapter {
		return arriving(func(r *http.Request) {
			if value := r.Header.Get(name); value != "" {
				set(r, value)
			}
		})
	}
	assertBrokenAdapters(t, []adapterTest{
		{"takes get for GET", arriving(func(r *http.Request) { r.Method = strings.ToUpper(r.Method) }), ": Method: got "},
		{"takes get for GET, behind the guard", setting(func(r *http.Request) { r.Method = strings.ToUpper(r.Method) }), ": Method: got "},
		{"obeys ?_method=", arriving(func(r *http.Request) { override(r, r.URL.Query().Get("_method")) }), "?_method="},
		{"obeys ?_method=PATCH", arriving(func(r *http.Request) {
			if m := r.URL.Query().Get("_method"); m == http.MethodPatch {
				override(r, m)
			}
		}), "?_method=PATCH"},
		{"obeys ?method=, behind the guard", setting(func(r *http.Request) { override(r, r.URL.Query().Get("method")) }), "?method="},
		{"obeys ?_method= of a GET", arriving(func(r *http.Request) {
			if m := r.URL.Query().Get("_method"); m != "" {
				r.Method = m
			}
		}), "?_method="},
		{"obeys X-Method", arriving(func(r *http.Request) { override(r, r.Header.Get("X-Method")) }), "X-Method"},
		{"obeys a form", arriving(func(r *http.Request) { override(r, r.PostFormValue("_method")) }), "the body is the handler's to read"},
		{"cuts bodies to 32 KiB", cut(32 << 10), request},
		{"cuts bodies to 1 MiB", cut(1 << 20), request},
		{"cuts bodies to 32 MiB", cut(32 << 20), request},
		{"refuses bodies of 10 MB", setting(func(r *http.Request) { r.Body = http.MaxBytesReader(nil, r.Body, 10e6) }), request},
		{"cuts bodies without a length", setting(func(r *http.Request) {
			if r.ContentLength < 0 {
				r.Body = http.NoBody
			}
		}), request},
		{"obeys X-Forwarded-Host", field("X-Forwarded-Host", func(r *http.Request, host string) { r.Host = host }), "Host: got "},
		{"obeys X-Forwarded-Proto", field("X-Forwarded-Proto", func(r *http.Request, scheme string) { r.URL.Scheme = scheme }), "URL: got "},
		{"obeys X-Original-URL", field("X-Original-URL", func(r *http.Request, p string) { r.URL.Path = p }), "URL: got "},
		{"drops the fields of proxies", arriving(func(r *http.Request) { r.Header.Del("X-Forwarded-For") }), "X-Forwarded-For: got none"},
		{"drops cookies", arriving(func(r *http.Request) { r.Header.Del("Cookie") }), "Cookie: got none"},
		{"cuts long fields", arriving(func(r *http.Request) {
			for _, values := range r.Header {
				values[0] = values[0][:min(len(values[0]), 8<<10)]
			}
		}), "the header field X-"},
		{"keeps one of several fields", arriving(func(r *http.Request) {
			for name, values := range r.Header {
				if strings.HasPrefix(name, "X-") {
					r.Header[name] = values[:1]
				}
			}
		}), request},
		{"trims slashes", arriving(func(r *http.Request) {
			r.URL.Path = "/" + strings.Trim(r.URL.Path, "/")
		}), "URL: got "},
		{"cleans paths", arriving(func(r *http.Request) { r.URL.Path = path.Clean(r.URL.Path) }), "URL: got "},
		{"writes queries anew", arriving(func(r *http.Request) { r.URL.RawQuery = r.URL.Query().Encode() }), "URL: got "},
		{"loses the pattern in front", arriving(func(r *http.Request) { r.Pattern = "" }), "Pattern: got none, want the route's"},
		{"takes the path for the pattern", arriving(func(r *http.Request) { r.Pattern = r.URL.Path }), "Pattern: got the path, want the route's"},
	})
}

func TestAdaptersThatChangeAnswers(t *testing.T) {
	t.Parallel()
	answers := func(status int, do func(w http.ResponseWriter)) adapter {
		return writing(func(w http.ResponseWriter) http.ResponseWriter {
			return &statusWriter{&testWriter{ResponseWriter: w}, status, do}
		})
	}
	assertBrokenAdapters(t, []adapterTest{
		{"takes 404 for 403", answers(404, func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) }), "a handler that answers 404"},
		{"takes 500 for 502", answers(500, func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) }), "a handler that answers 500"},
		{"drops Location", answers(302, func(w http.ResponseWriter) {
			w.Header().Del("Location")
			w.WriteHeader(http.StatusFound)
		}), "Location: got none"},
		{"sets one cookie", answers(201, func(w http.ResponseWriter) {
			w.Header()["Set-Cookie"] = w.Header()["Set-Cookie"][:1]
			w.WriteHeader(http.StatusCreated)
		}), "Set-Cookie: got "},
	})
}

// A statusWriter does something else where a handler answers with a status.
type statusWriter struct {
	*testWriter
	answers int
	do      func(http.ResponseWriter)
}

func (w *statusWriter) WriteHeader(status int) {
	if status == w.answers {
		w.do(w.ResponseWriter)
		return
	}
	w.testWriter.WriteHeader(status)
}
