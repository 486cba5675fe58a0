package adaptertest

import (
	"bufio"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

// ChargesOnce tests an application in which several adapters of one guard
// stand before GET /v1.
func ChargesOnce(t *testing.T, newApp func(*bearer.Guard) http.Handler) {
	t.Helper()
	var limiter bearertest.Limiter
	g, key := NewGuard(t, bearer.Config{Limiter: &limiter})
	answer := Send(newApp(g), http.MethodGet, "/v1", key)
	equal(t, "status", http.StatusOK, answer.Code)
	equal(t, "takes", 1, len(limiter.Takes()))
	fields := answer.Header().Values("RateLimit")
	if len(fields) != 1 || fields[0] != `"default";r=99;t=1` {
		t.Errorf("RateLimit: got %q, want one of 99 left", fields)
	}
}

// Recovery tests a guard before and behind the framework's recovery, which
// answers the status to the panic of the handler of GET /.
func Recovery(t *testing.T, status int, newApp func(g *bearer.Guard, recoveryFirst bool) http.Handler) {
	t.Helper()
	for _, c := range []struct {
		name          string
		recoveryFirst bool
		authorize     bool
		status        int
	}{
		{"recovery, guard", true, true, status},
		{"recovery, guard, refused", true, false, http.StatusUnauthorized},
		{"guard, recovery", false, true, status},
		{"guard, recovery, refused", false, false, http.StatusUnauthorized},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, key := NewGuard(t, bearer.Config{})
			if !c.authorize {
				key = ""
			}
			equal(t, "status", c.status, Send(newApp(g, c.recoveryFirst), http.MethodGet, "/", key).Code)
		})
	}
}

// PanicOfTheGuard tests that a guard that panics lets no request through, if the
// framework's recovery, which answers the status, stands in front of it. The
// application calls reached in the handler of GET /.
func PanicOfTheGuard(t *testing.T, status int, newApp func(g *bearer.Guard, reached func()) http.Handler) {
	t.Helper()
	g, _ := NewGuard(t, bearer.Config{
		Credential: func(*http.Request) string { panic("boom") },
	})
	app := newApp(g, func() { t.Error("the handler ran") })
	equal(t, "status", status, Send(app, http.MethodGet, "/", "").Code)
}

// Preflight tests an application whose CORS, for [Origin], stands before the
// guard of GET /.
func Preflight(t *testing.T, newApp func(*bearer.Guard) http.Handler) {
	t.Helper()
	g, key := NewGuard(t, bearer.Config{})
	app := newApp(g)
	for _, c := range []struct {
		name, method, credential string
		status                   int
	}{
		{"preflight", http.MethodOptions, "", http.StatusNoContent},
		{"refused", http.MethodGet, "", http.StatusUnauthorized},
		{"accepted", http.MethodGet, key, http.StatusOK},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := Send(app, c.method, "/", c.credential)
			equal(t, "status", c.status, answer.Code)
			equal(t, "origin", Origin, answer.Header().Get("Access-Control-Allow-Origin"))
		})
	}
}

// Streams tests that the framework's own writer flushes behind a guard. The
// application hands it to a handler of GET /.
func Streams(t *testing.T, newApp func(*bearer.Guard, http.HandlerFunc) http.Handler) {
	t.Helper()
	for _, c := range []struct {
		name  string
		flush func(http.ResponseWriter) error
	}{
		{"flusher", func(w http.ResponseWriter) error {
			w.(http.Flusher).Flush() //nolint:errcheck // a panic fails the test
			return nil
		}},
		{"controller", func(w http.ResponseWriter) error {
			controller := http.NewResponseController(w)
			if err := controller.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
				return err
			}
			return controller.Flush()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, key := NewGuard(t, bearer.Config{})
			goOn := make(chan struct{}, 1) // a failure must not hang
			body := bufio.NewReader(connect(t, newApp(g, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, "data: one\n")
				equal(t, "error of the flush", nil, c.flush(w))
				select {
				case <-goOn:
				case <-r.Context().Done():
				}
				_, _ = io.WriteString(w, "data: two\n")
			}), "/", key))
			first, err := body.ReadString('\n') // the handler has not returned
			goOn <- struct{}{}
			rest, restErr := io.ReadAll(body)
			equal(t, "error of the first read", nil, err)
			equal(t, "error of the second read", nil, restErr)
			equal(t, "first line", "data: one\n", first)
			equal(t, "rest", "data: two\n", string(rest))
		})
	}
}

// Hijacks tests that the framework's own writer hijacks behind a guard, by its
// method: bearertest.TestMiddleware does by an [http.ResponseController]. The
// application is that of [Streams].
func Hijacks(t *testing.T, newApp func(*bearer.Guard, http.HandlerFunc) http.Handler) {
	t.Helper()
	g, key := NewGuard(t, bearer.Config{})
	body, err := io.ReadAll(connect(t, newApp(g, func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack() //nolint:errcheck // a panic fails the test
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.0 200 OK\r\n\r\nraw "+bearer.FromContext(r.Context()).ID)
		_ = conn.Close()
	}), "/", key))
	equal(t, "error", nil, err)
	equal(t, "body", "raw reader", string(body))
}
