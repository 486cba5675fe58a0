package adaptersuite

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/blockauth/bearer"
)

// Handler is what an adapter under test has to serve. It records the request in
// its exchange, and answers as the row says.
var Handler http.Handler = handler{}

type handler struct{}

const noExchange = "bearertest: the request's context does not descend from the server's"

func (handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e := exchangeOf(r.Context())
	if e == nil {
		http.Error(w, noExchange, http.StatusInternalServerError)
		return
	}
	e.handled(r)
	if e.row.do != nil {
		e.row.do(e, w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	fmt.Fprintf(w, "hello %v\n", bearer.FromContext(r.Context()))
}

// handled records a run of the handler. It asks the guard again, as a nested
// guard would, and leaves that out of the rest of the result.
func (e *exchange) handled(r *http.Request) {
	e.record(func(r *result) { r.judging = true })
	changes := e.guard.suite.changed(r, contents(r.Body), e)
	found, ends := newPrincipal(bearer.FromContext(r.Context())), ""
	if _, ok := r.Context().Deadline(); ok {
		ends = "got a context with a deadline, want the request's, which has none"
	}
	if err := r.Context().Err(); err != nil {
		ends = fmt.Sprintf("got a context that was done before (%v), want one that was not", err)
	}
	if e.row.copies {
		found.is = nil
	}
	before := e.seen()
	p, err := e.guard.Check(r)
	e.record(func(r *result) {
		known := fmt.Sprintf("%v, error %v, %d decisions, takes %q",
			p, err, r.decisions-before.decisions, strings.TrimPrefix(r.takes, before.takes))
		*r = *before
		r.runs, r.changes, r.found, r.known, r.ends = r.runs+1, r.changes+changes, found, known, ends
	})
}

// What Handler may do instead of naming the principal.

func panics(*exchange, http.ResponseWriter, *http.Request) {
	panic("bearertest: a panic of the handler")
}

func panicsWithError(*exchange, http.ResponseWriter, *http.Request) {
	panic(errOutage)
}

// aborts ends the connection, so that the client does not take the first piece for
// the whole answer.
func aborts(_ *exchange, w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, "first\n")
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func teapot(_ *exchange, w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Bearertest-Field", "kept")
	w.WriteHeader(http.StatusTeapot)
}

func trailer(_ *exchange, w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Trailer", "Bearertest-Trailer")
	_, _ = io.WriteString(w, "a body\n")
	w.Header().Set("Bearertest-Trailer", "kept")
}

// flush answers in two pieces.
func flush(_ *exchange, w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, "first\n")
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	} else {
		_, _ = io.WriteString(w, "the ResponseWriter is no http.Flusher\n")
	}
	tell(w, "flush", http.NewResponseController(w).Flush())
	_, _ = io.WriteString(w, "second\n")
}

// stream is flush that waits until the client has the first piece, as one of
// server-sent events would. Only an adapter that holds it back makes it wait
// for long.
func stream(e *exchange, w http.ResponseWriter, r *http.Request) {
	flush(e, w, r)
	select {
	case <-e.received:
	case <-time.After(5 * time.Second):
		_, _ = io.WriteString(w, "which had not arrived after 5 seconds\n")
	}
}

// tell says what a handler could not do.
func tell(w io.Writer, what string, err error) {
	if err != nil {
		_, _ = fmt.Fprintf(w, "cannot %s: %v\n", what, err)
	}
}

// hijack answers on the bare connection, as a WebSocket does.
func hijack(_ *exchange, w http.ResponseWriter, _ *http.Request) {
	h, ok := w.(http.Hijacker)
	if !ok {
		_, _ = io.WriteString(w, "the ResponseWriter is no http.Hijacker\n")
		return
	}
	conn, buffered, err := h.Hijack()
	if err != nil {
		tell(w, "hijack", err)
		return
	}
	defer conn.Close()
	_, _ = buffered.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nhijacked\n")
	_ = buffered.Flush()
}

// deadlines does what only the server's own ResponseWriter can do.
func deadlines(_ *exchange, w http.ResponseWriter, _ *http.Request) {
	c, later := http.NewResponseController(w), time.Now().Add(time.Minute)
	w.Header().Set("Content-Type", "text/plain")
	tell(w, "set a deadline to read", c.SetReadDeadline(later))
	tell(w, "set a deadline to write", c.SetWriteDeadline(later))
	tell(w, "read while writing", c.EnableFullDuplex())
	_, _ = io.WriteString(w, "done\n")
}

// wait waits until the client has gone. Then the server's context is done, and
// those that descend from it are done at once: only another makes it wait.
func wait(e *exchange, _ http.ResponseWriter, r *http.Request) {
	e.leave()
	<-e.context.Done()
	select {
	case <-r.Context().Done():
	case <-time.After(2 * time.Second):
		e.record(func(r *result) { r.ends = "got a context that was not done afterwards, want one that was" })
	}
}
