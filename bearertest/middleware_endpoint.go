package bearertest

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// An endpoint is a handler behind a connection, and a client of it.
type endpoint struct {
	scene   *scene
	server  *httptest.Server
	client  *http.Client
	witness *witness
}

// witness returns a witness of h.
func (s *scene) witness(h http.Handler) *witness {
	w := &witness{handler: h}
	w.probe.scene = s
	w.probe.entered, w.probe.ended = make(chan struct{}, 1), make(chan ending, 1)
	w.probe.received = make(chan struct{}, 1)
	return w
}

// open serves h.
func (s *scene) open(h http.Handler) *endpoint { return s.serve(s.witness(h)) }

func (s *scene) serve(w *witness) *endpoint {
	server := httptest.NewUnstartedServer(w)
	server.Config.ErrorLog = log.New(&w.log, "", 0) //nolint:forbidigo // the test reads it
	server.Start()
	return &endpoint{s, server, &http.Client{
		Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       30 * time.Second,
	}, w}
}

func (e *endpoint) request(c *exchange) *http.Request { return e.scene.request(e.server.URL, c) }

// close waits for the handlers.
func (e *endpoint) close() {
	e.client.CloseIdleConnections()
	e.server.Close()
}

// A witness stands in front of the handler and sees its panics.
type witness struct {
	handler http.Handler
	writer  func(http.ResponseWriter) http.ResponseWriter // wraps that of the server; zero: does not
	probe   probe
	log     logBuffer

	mu       sync.Mutex
	panicked string // the last panic
	place    string // where it came from
}

func (w *witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	defer func() {
		if p := recover(); p != nil {
			w.mu.Lock()
			w.panicked, w.place = fmt.Sprint(p), panicPlace()
			w.mu.Unlock()
			panic(http.ErrAbortHandler) // which net/http does not log
		}
	}()
	if w.writer != nil {
		rw = w.writer(rw)
	}
	w.handler.ServeHTTP(rw, w.probe.receive(r))
}

// panic returns the last panic, and where it came from.
func (w *witness) panic() (panicked, place string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.panicked, w.place
}

// A logBuffer is what a server logged.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// send serves h on a connection, and sends it a request.
func (s *scene) send(h http.Handler, c *exchange) *outcome {
	s.refused.Store(0)
	s.observed.Store(0)
	s.decided.Store(new(sight))
	before := len(s.limiter.Takes())
	e := s.open(h)
	out := e.ask(c)
	e.close()
	out.refused, out.observed = int(s.refused.Load()), int(s.observed.Load())
	out.decided = *s.decided.Load()
	out.takes = s.limiter.Takes()[before:]
	out.witnessed(e.witness)
	return out
}

// ask sends a request and returns what comes back.
func (e *endpoint) ask(c *exchange) *outcome {
	out := new(outcome)
	response, err := e.client.Do(e.request(c))
	if err != nil {
		out.err = err
		return out
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	out.status, out.header, out.body, out.err = response.StatusCode, response.Header, string(body), err
	out.dated = out.header.Get("Date") != ""
	out.header.Del("Date")
	if len(response.TransferEncoding) > 0 {
		out.header["Transfer-Encoding"] = response.TransferEncoding
	}
	for name, values := range response.Trailer {
		out.header["the trailer "+name] = values
	}
	return out
}
