package adaptersuite

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
)

// draw yields the rows of a run.
func (s *suite) draw(yield func(row) bool) {
	for _, draw := range []func() []row{
		drawPaths, drawMethods, drawFields, s.fakes.drawCredentials, drawOverrides,
		drawPlaces, s.fakes.drawScopeRows, drawBodies, drawStatuses, drawMixed,
	} {
		for _, r := range draw() {
			if !yield(r) {
				return
			}
		}
	}
}

// describe returns the name of a row, or what it sends: with the names of
// credentials for their texts.
func (r *row) describe(f *fakes) string {
	name := r.name
	if name == "" {
		name = r.request(f)
	}
	switch {
	case r.rule != ruleScopes:
		return name
	case len(r.scopes) == 1:
		return "a route that requires a scope, for " + name
	default:
		return fmt.Sprintf("a route that requires %d scopes, for %s", len(r.scopes), name)
	}
}

func (r *row) request(f *fakes) string {
	text := fmt.Sprintf("%s %s", cmp.Or(r.method, "GET"), strings.ReplaceAll(cmp.Or(r.path, goodPath), "${word}", f.word))
	if r.header != "" {
		text += fmt.Sprintf(" with %.300q", r.header)
	}
	if r.size > 0 {
		text += fmt.Sprintf(" with %d bytes", r.size)
	}
	switch {
	case r.as != "":
		return text + " as " + r.as
	case strings.Contains(r.header, "Authorization: "):
		return text
	default:
		return text + " without a credential"
	}
}

// intN returns a random number below n.
func intN(n int) int { return rand.IntN(n) } //nolint:gosec // no secret

// pick returns one of several.
func pick[T any](of ...T) T { return of[intN(len(of))] }

// drawPaths returns requests without a credential, for paths that are open
// elsewhere.
func drawPaths() []row {
	rows := together(openWords, func(names []string) row { return row{path: "/v1/things?" + each(names, "%s=1", "&")} })
	add := func(methods []string, paths ...string) {
		for _, path := range paths {
			for _, method := range methods {
				rows = append(rows, row{method: method, path: path})
			}
		}
	}
	get, other := []string{"GET"}, []string{"HEAD", "POST", "OPTIONS"}
	for _, w := range openWords {
		add(get, "/"+w, "/"+w+"/${word}", pick("/api/", "/v1/")+w, pick("/api/", "/v1/", "/${word}/")+w+"/${word}",
			"/"+w+"/"+pick(openWords...), "/"+w+pick(".txt", ".html", ".json"),
			pick("/"+strings.ToUpper(w), "/"+w+".${word}", "/"+w+"-${word}", "/"+w+"/"))
		add([]string{pick(other...)}, "/"+w, "/"+w+"/${word}")
	}
	for _, suffix := range openSuffixes {
		add(get, "/${word}."+suffix, "/${word}/a."+suffix, "/v1/${word}/a."+suffix, "/v1/things?a=."+suffix)
		add([]string{pick(other...)}, pick("/v1/", "/")+"${word}."+suffix)
	}
	add(get, openPaths...)
	for _, path := range []string{
		"/.${word}", "/_${word}", "/~${word}", "/@${word}", "/-/${word}", "/!${word}", "//${word}", "/1", "/a", "/${word}/",
		"/v1/..${word}",
		"/v1/things%2F..%2Fhealth", "/v1/things/..;/health", "/health%2F..%2Fv1/things", "/%68ealth", "/v1/things%00.css",
		"/v1/things;.css", "/v1/things%0A", "/v1/things%3F.css", "/v1/\u00e9${word}", "/v1/things?redirect=/login",
		"/v1/things?${word}", "/v1/things?debug&noauth&public&internal", "/v1/things?callback=a&format=json",
		"/v1/things?signature=${word}&expires=9999999999", "/v1/things#", "/" + strings.Repeat("a/", 60) + "${word}",
		"/" + strings.Repeat("a", 3000),
	} {
		for _, method := range []string{"GET", pick(other...)} {
			rows = append(rows, row{method: method, path: path, routed: true})
		}
	}
	return rows
}

// drawMethods returns requests of methods for which a router may have no route.
func drawMethods() []row {
	names := slices.Concat(methods, standardMethods, []string{"CONNECT", tchars(1), tchars(5), tchars(12), tchars(40)})
	rows := make([]row, 0, 5*len(names))
	for _, method := range names {
		routed := !slices.Contains(standardMethods, method)
		for _, as := range []string{"", "revoked", "reader", "publishable"} {
			rows = append(rows, row{method: method, path: "/v1/${word}", as: as, copies: as == "publishable", routed: routed})
		}
		rows = append(rows, row{method: method, path: "/v1/${word}", header: preflight, routed: routed})
	}
	return rows
}

// tchars returns a token of RFC 9110, of so many letters and signs.
func tchars(n int) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~"
	text := make([]byte, n)
	for i := range text {
		text[i] = letters[intN(len(letters))]
	}
	return string(text)
}

func http2(r *http.Request) { r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/2.0", 2, 0 }

func http3(r *http.Request) { r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/3.0", 3, 0 }

func http10(r *http.Request) { r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.0", 1, 0 }

// drawFields returns requests with fields for which an adapter may make an
// exception, or which it may act upon.
func drawFields() []row {
	var rows []row
	for _, field := range exceptions {
		field = strings.ReplaceAll(field, "|", "\n")
		for _, change := range []func(*http.Request){nil, http2} {
			rows = append(rows, row{method: pick("GET", "POST"), path: "/v1/${word}", header: field, change: change})
		}
		if !strings.HasPrefix(field, "Authorization") {
			rows = append(rows, row{method: "POST", path: "/v1/${word}", as: "admin", header: field, body: "a=1&_method=PUT"})
		}
	}
	for range 20 {
		name, value := "X-"+strings.Trim(tchars(8), "'"), strings.Repeat(tchars(20)+" ", pick(1, 50, 1000))+"."
		rows = append(rows,
			row{path: "/v1/${word}", header: name + ": " + value},
			row{path: "/v1/${word}", as: "reader", header: name + ": " + value + "\n" + name + ": second\nAccept: */*"})
	}
	return rows
}

// drawPlaces returns requests from places, over protocols and to hosts which an
// adapter may trust.
func drawPlaces() []row {
	var rows []row
	add := func(what string, change func(*http.Request)) {
		rows = append(rows,
			row{name: what + ", without a credential", path: "/v1/${word}", change: change},
			row{name: what, method: "POST", path: "/v1/${word}", as: "admin", change: change})
	}
	for _, address := range []string{
		"127.0.0.1:1", "[::1]:1", "10.1.2.3:1", "10.244.0.1:1", "172.16.0.1:1", "172.17.0.1:1", "172.18.0.1:1",
		"192.168.1.1:1", "169.254.169.254:1", "[fe80::1%eth0]:1",
		"[fd00::1]:1", "[::ffff:127.0.0.1]:1", "100.64.0.1:1", "130.211.0.1:1", "35.191.0.1:1",
		"203.0.113.7:1", "192.0.2.1:1234", "@", "",
	} {
		add("a request from "+address, func(r *http.Request) { r.RemoteAddr = address })
	}
	for _, host := range []string{
		"localhost", "localhost:8080", "127.0.0.1", "[::1]:80", "internal", "app.internal", "admin.app.test",
		"health.app.test", "app.svc.cluster.local", "app.local", "metrics", "", "APP.TEST", "staging.app.test",
		"dev.app.test", "test.app.test", "preview.app.test", "docs.app.test", "static.app.test", "cdn.app.test",
		"status.app.test",
		"api-internal.app.test", "host.docker.internal", "app.test:9090", "app.test:9100", "app.test:8081", "app.test:9000",
		"app.test:6060", "app.test:15020", "example.com", "app.onion", "10.0.0.1", "xn--a-ecp.test", "app.test.",
	} {
		add("a request to the host "+host, func(r *http.Request) { r.Host = host })
	}
	add("a request over TLS", func(r *http.Request) { r.TLS = &tls.ConnectionState{HandshakeComplete: true} })
	add("a request with a client's certificate", func(r *http.Request) {
		certificate := &x509.Certificate{Subject: pkix.Name{CommonName: "admin"}}
		r.TLS = &tls.ConnectionState{
			HandshakeComplete: true, ServerName: "app.test", PeerCertificates: []*x509.Certificate{certificate},
			VerifiedChains: [][]*x509.Certificate{{certificate}},
		}
	})
	add("a request with a trailer", func(r *http.Request) { r.Trailer = http.Header{"Bearertest-Trailer": nil} })
	add("the last request of a connection", func(r *http.Request) { r.Close = true })
	add("a request over HTTP/2", http2)
	add("a request over HTTP/3", http3)
	add("a request over HTTP/1.0", http10)
	return append(rows, row{
		name: "a WebSocket over HTTP/2", method: "CONNECT", header: ":protocol: websocket", change: http2, routed: true,
	})
}

// drawBodies returns requests with large bodies, and with odd ones.
func drawBodies() []row {
	rows := make([]row, 0, 28)
	for _, size := range []int{1, 4 << 10, 32 << 10, 64 << 10, 1 << 20, 32 << 20} {
		rows = append(rows, row{
			method: "POST", path: "/v1/${word}", as: "reader", size: size + 1 + intN(size), rule: ruleRequest,
		})
	}
	for i, header := range []string{
		form, "Content-Type: application/json", "Content-Type: text/plain", "Content-Encoding: gzip",
		"Content-Type: multipart/form-data; boundary=a", "Content-Type: application/grpc", "Expect: 100-continue",
	} {
		body := "a=1&_method=PUT&access_token=${unknown}&b=\x00\xff\r\n"
		rows = append(rows,
			row{method: "POST", path: "/v1/${word}", as: "admin", header: header, body: body, chunked: i%2 == 0},
			row{method: pick("GET", "DELETE", "PUT"), path: "/v1/${word}", as: "admin", header: header, body: body},
			row{method: "POST", path: "/v1/${word}", header: header, body: body})
	}
	return rows
}

// drawStatuses returns requests to handlers that answer with any status.
func drawStatuses() []row {
	rows := make([]row, 0, 26)
	statuses := []int{
		200, 201, 202, 204, 206, 301, 302, 304, 307, 400, 401, 402, 403, 404, 405, 409, 413, 422, 429,
		500, 501, 502, 503, 504, 511, 200 + intN(400),
	}
	for _, status := range statuses {
		body := strings.Repeat("an answer\n", pick(0, 1, 10_000))
		if status == http.StatusNoContent || status == http.StatusNotModified {
			body = ""
		}
		rows = append(rows, row{name: fmt.Sprintf("a handler that answers %d", status), as: "reader",
			do: func(_ *exchange, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/v2")
				w.Header().Add("Set-Cookie", "a=1")
				w.Header().Add("Set-Cookie", "b=2")
				w.WriteHeader(status)
				_, _ = io.WriteString(w, body)
			}})
	}
	return rows
}

// drawMixed returns requests that have a bit of each.
func drawMixed() []row {
	rows := make([]row, 0, 200)
	for range cap(rows) {
		word := pick(openWords...)
		r := row{
			method: pick(standardMethods...),
			path: pick("/"+word, "/"+word+"/${word}", "/${word}."+pick(openSuffixes...), "/v1/${word}/"+word) +
				pick("", "/", "?a=1", "?"+word),
			as:     pick("", "unknown", "revoked", "expired token", "forged token", "far away", "expired", "reader"),
			change: pick(nil, http2, http10),
		}
		if field := strings.ReplaceAll(pick(exceptions...), "|", "\n"); r.as == "" || !strings.HasPrefix(field, "Auth") {
			r.header = field
		}
		rows = append(rows, r)
	}
	return rows
}
