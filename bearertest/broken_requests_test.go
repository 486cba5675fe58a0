package bearertest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/blockauth/bearer"
)

func TestAdaptersThatHandOnAnotherRequest(t *testing.T) {
	t.Parallel()
	const (
		principal = "the handler finds the principal"
		same      = "the handler finds the principal that the guard decided on"
		known     = "the guard knows the request that it let through"
		ends      = "the handler's context ends when the client goes, and not before"
		request   = "the request arrives as it was sent"
	)
	background := func(_, admitted context.Context) context.Context {
		return bearer.NewContext(context.Background(), bearer.FromContext(admitted))
	}
	assertBrokenAdapters(t, []brokenAdapter{
		{"loses the principal", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, before *http.Request) {
				g.Require(scopes...)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					next.ServeHTTP(w, before)
				})).ServeHTTP(w, before)
			})
		}, principal, false},
		{"loses all context", setting(func(r *http.Request) { *r = *r.WithContext(context.Background()) }),
			"the handler's context descends from the request's", false},
		{"loses the context", replacing(background), "the handler's context descends from the request's", true},
		{"loses the guard's trust", replacing(func(before, admitted context.Context) context.Context {
			return bearer.NewContext(before, bearer.FromContext(admitted))
		}), known, true},

		{"copies the principal", posing(func(*bearer.Principal) {}), same, true},
		{"forgets what is read-only", posing(func(p *bearer.Principal) { p.ReadOnly = false }), "with another ReadOnly, want", true},
		{"forgets the key", posing(func(p *bearer.Principal) { p.Key = nil }), "with another Key, want", true},
		{"forgets the claims", posing(func(p *bearer.Principal) { p.Claims = nil }), "with another Claims, want", true},
		{"forgets the environment", posing(func(p *bearer.Principal) { p.Environment = 0 }), "with another Environment, want", true},
		{"takes all for live", posing(func(p *bearer.Principal) { p.Environment = bearer.Live }), same, true},
		{"changes the principal in its place", changing(func(r *http.Request) *http.Request {
			if p := bearer.FromContext(r.Context()); p != nil {
				p.Environment = bearer.Live
			}
			return r
		}), "with another Environment, want", true},
		{"changes the claims in their place", changing(func(r *http.Request) *http.Request {
			if p := bearer.FromContext(r.Context()); p != nil {
				maps.DeleteFunc(p.Claims, func(name string, _ any) bool { return name == "aud" })
			}
			return r
		}), "with another Claims, want", true},

		{"outlives the client", ending(func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithoutCancel(ctx), func() {}
		}), "got a context that was not done afterwards, want one that was", true},
		{"outlives the client, but not for good", ending(func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithCancel(context.WithoutCancel(ctx))
		}), ends, true},
		{"ends the context at once", ending(func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, cancel
		}), "got a context that was done before", true},
		{"has a context that has expired", ending(func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithDeadline(ctx, time.Unix(0, 0))
		}), ends, true},
		{"sets a deadline", ending(func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Minute)
		}), "got a context with a deadline", true},

		{"reads the body", changing(func(r *http.Request) *http.Request {
			_, _ = io.Copy(io.Discard, r.Body)
			return r
		}), request, true},
		{"changes the body", changing(func(r *http.Request) *http.Request {
			text, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(bytes.TrimSpace(text)))
			return r
		}), request, true},
		{"cuts bodies to 4096 bytes", setting(func(r *http.Request) {
			r.Body = io.NopCloser(io.LimitReader(r.Body, 4096))
		}), request, true},
		{"reads forms", setting(func(r *http.Request) { _ = r.ParseForm() }), request, true},
		{"drops the body", setting(func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("")) }), request, true},
		{"takes DELETE for GET", changing(func(r *http.Request) *http.Request {
			if r.Method == http.MethodDelete {
				r.Method = http.MethodGet
			}
			return r
		}), request, true},
		{"strips the path", inside(func(next http.Handler) http.Handler { return http.StripPrefix("/v1", next) }), request, true},
		{"drops the escaped path", setting(func(r *http.Request) { r.URL.RawPath = "" }), "a path with an escaped slash: URL: got", true},
		{"drops the query", setting(func(r *http.Request) { r.URL.RawQuery = "" }), "URL: got", true},
		{"drops header fields", setting(func(r *http.Request) { r.Header.Del("Bearertest-Field") }), request, true},
		{"drops Authorization", setting(func(r *http.Request) { r.Header.Del("Authorization") }), request, true},
		{"collapses spaces", spelling(func(field string) string {
			before, after, _ := strings.Cut(field, "  ")
			return strings.TrimSpace(before + " " + strings.TrimLeft(after, " "))
		}), "spaces behind the scheme: the header field Authorization: got", false},
		{"sets another host", setting(func(r *http.Request) { r.Host = "internal.test" }), "Host: got internal.test, want", true},
		{"sets another host in front", arriving(func(r *http.Request) { r.Host = "internal.test" }), "Host: got internal.test, want", false},
		{"sets another address", setting(func(r *http.Request) { r.RemoteAddr = "192.0.2.7:1" }), "RemoteAddr: got 192.0.2.7:1, want", true},
		{"drops the URI", setting(func(r *http.Request) { r.RequestURI = "" }), "RequestURI: got none, want", true},
		{"forgets the length", setting(func(r *http.Request) { r.ContentLength = -1 }), "ContentLength: got -1, want", true},
		{"says HTTP/1.0", setting(func(r *http.Request) { r.Proto, r.ProtoMinor = "HTTP/1.0", 0 }), "Proto: got HTTP/1.0", true},
		{"adds a field to the request", setting(func(r *http.Request) { r.Header.Set("X-User", "a") }), "the header field X-User: got", true},
		{"forgets the pattern", setting(func(r *http.Request) { r.Pattern = "" }), "Pattern: got none, want the route's", true},
		{"makes another request", changing(func(r *http.Request) *http.Request {
			c := &http.Request{
				Method: r.Method, URL: r.URL, Proto: r.Proto, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor,
				Header: r.Header, Body: r.Body, ContentLength: r.ContentLength, TransferEncoding: r.TransferEncoding,
				Host: r.Host, RemoteAddr: r.RemoteAddr, RequestURI: r.RequestURI, Pattern: r.Pattern,
			}
			return c.WithContext(r.Context())
		}), `PathValue: got "", want "kept"`, true},
	})
}

// A plainWriter hides what else a ResponseWriter can do.
type plainWriter struct{ http.ResponseWriter }

func (plainWriter) Unwrap() {} // not the method that http.ResponseController looks for

// An unwrapper lacks what is not found by unwrapping.
type unwrapper struct{ http.ResponseWriter }

func (w unwrapper) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A flusher flushes and hijacks, and that is all.
type flusher struct {
	http.ResponseWriter
	http.Flusher
	http.Hijacker
}

// A holder holds the body back until the end. Flush only sends the header.
type holder struct {
	http.ResponseWriter
	held bytes.Buffer
}

func (h *holder) Write(b []byte) (int, error) { return h.held.Write(b) }

func (h *holder) Flush() { _ = http.NewResponseController(h.ResponseWriter).Flush() }

func (h *holder) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// A zipped compresses.
type zipped struct {
	http.ResponseWriter
	z *gzip.Writer
}

func (w zipped) Write(b []byte) (int, error) { return w.z.Write(b) }

func TestAdaptersThatHideTheWriter(t *testing.T) {
	t.Parallel()
	const writer = "a handler can flush, hijack and set deadlines"
	assertBrokenAdapters(t, []brokenAdapter{
		{"hides the writer", writing(func(w http.ResponseWriter) http.ResponseWriter { return plainWriter{w} }), writer, true},
		{"has to be unwrapped", writing(func(w http.ResponseWriter) http.ResponseWriter { return unwrapper{w} }),
			"the ResponseWriter is no http.Flusher", true},
		{"cannot be unwrapped", writing(func(w http.ResponseWriter) http.ResponseWriter {
			return flusher{w, w.(http.Flusher), w.(http.Hijacker)}
		}), "cannot set a deadline to read: feature not supported", true},
		{"buffers answers", outside(func(w http.ResponseWriter, r *http.Request, guarded, _ http.Handler) {
			recorded := httptest.NewRecorder() // it takes Flush, and does nothing
			guarded.ServeHTTP(recorded, r)
			clear(w.Header())
			maps.Copy(w.Header(), recorded.Header())
			w.WriteHeader(recorded.Code)
			_, _ = w.Write(recorded.Body.Bytes())
		}), writer, true},
		{"holds bodies back", outside(func(w http.ResponseWriter, r *http.Request, guarded, _ http.Handler) {
			h := &holder{ResponseWriter: w}
			guarded.ServeHTTP(h, r)
			_, _ = w.Write(h.held.Bytes())
		}), writer, true},
		{"compresses answers", outside(func(w http.ResponseWriter, r *http.Request, guarded, _ http.Handler) {
			if r.Header.Get("Accept-Encoding") != "gzip" {
				guarded.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			defer z.Close()
			guarded.ServeHTTP(zipped{w, z}, r)
		}), `Content-Encoding: got "gzip", want none`, false},
		{"drops trailers", outside(func(w http.ResponseWriter, r *http.Request, guarded, _ http.Handler) {
			guarded.ServeHTTP(&testWriter{ResponseWriter: w, drop: "Trailer"}, r)
		}), "Trailer", true},
	})
}
