package bearertest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/blockauth/bearer"
)

// Handler is what [TestMiddleware] wants behind the adapter under test: for a
// framework, by its wrapper of an [http.Handler]. It answers with the principal
// that it finds by [bearer.FromContext] in its request, as JSON, and tells the
// test that it ran by a value in the request's context. It is of no use outside
// of that test.
var Handler http.Handler = handler{}

type handler struct{}

// doField is the request field that tells Handler what else to do.
const doField = "Bearertest-Do"

// seen is the body of Handler's answers.
type seen struct {
	Context   bool   `json:"context"` // whether the context is the server's
	Principal string `json:"principal"`
	Owner     string `json:"owner,omitempty"`
	Scopes    string `json:"scopes,omitempty"`
	Body      string `json:"body,omitempty"`
}

func (handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v := visitOf(r.Context())
	if v != nil {
		v.enter(r)
	}
	switch do := r.Header.Get(doField); {
	case do == "check" && v != nil:
		check(w, r, v.scene)
	case do == "wait" && v != nil:
		v.wait(r)
	case do == "stream" && v != nil:
		v.stream(w)
	case do == "flush":
		flush(w)
	case do == "hijack":
		hijack(w)
	case do == "deadlines":
		deadlines(w)
	case do == "trailer":
		trailer(w)
	case do == "panic":
		panic(errHandler)
	case do == "status":
		w.Header().Set("Bearertest-Field", "kept")
		w.WriteHeader(http.StatusTeapot)
	default:
		describe(w, r, v != nil)
	}
}

var errHandler = errors.New("bearertest: a panic of the handler")

func describe(w http.ResponseWriter, r *http.Request, ok bool) {
	principal := bearer.FromContext(r.Context())
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	s := seen{
		Context: ok, Principal: principal.String(), Body: string(body),
	}
	if principal != nil {
		s.Owner, s.Scopes = principal.Owner, string(principal.Scopes)
	}
	w.Header().Set("Content-Type", "application/json")
	text, err := json.Marshal(s)
	if err != nil {
		text = []byte(err.Error())
	}
	_, _ = w.Write(append(text, '\n'))
}

// check asks the guard once more, as a nested guard would.
func check(w http.ResponseWriter, r *http.Request, s *scene) {
	takes, decisions := len(s.limiter.Takes()), s.observed.Load()
	p, err := s.guard.Check(r)
	w.Header().Set("Content-Type", "text/plain")
	fmt.Fprintf(w, "Guard.Check in the handler: %v, error %v, %d takes, %d decisions\n",
		p, err, len(s.limiter.Takes())-takes, s.observed.Load()-decisions)
}

// flush answers in two pieces, by either way to flush. An answer that was
// flushed has no Content-Length.
func flush(w http.ResponseWriter) {
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

// tell says what a handler could not do.
func tell(w io.Writer, what string, err error) {
	if err != nil {
		_, _ = fmt.Fprintf(w, "cannot %s: %v\n", what, err)
	}
}

// hijack answers on the bare connection, as a WebSocket does.
func hijack(w http.ResponseWriter) {
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
func deadlines(w http.ResponseWriter) {
	c, later := http.NewResponseController(w), time.Now().Add(time.Minute)
	w.Header().Set("Content-Type", "text/plain")
	tell(w, "set a deadline to read", c.SetReadDeadline(later))
	tell(w, "set a deadline to write", c.SetWriteDeadline(later))
	tell(w, "read while writing", c.EnableFullDuplex())
	_, _ = io.WriteString(w, "done\n")
}

func trailer(w http.ResponseWriter) {
	w.Header().Set("Trailer", "Bearertest-Trailer")
	_, _ = io.WriteString(w, "a body\n")
	w.Header().Set("Bearertest-Trailer", "kept")
}
