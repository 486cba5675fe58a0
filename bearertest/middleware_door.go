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

// An outcome is what came of an exchange; of several, the bodies one after
// another and the last of the rest.
type outcome struct {
	status    int
	header    http.Header
	body      string
	err       error    // of the client
	runs      int      // of the handler
	principal sight    // that the handler found
	decided   sight    // that the guard told Observe
	changes   []string // of the request
	refused   int
	observed  int
	takes     []Take
	aborted   bool // by http.ErrAbortHandler
	panicked  string
	log       string
}

// A door is a handler behind a connection, and a client of it.
type door struct {
	scene   *scene
	server  *httptest.Server
	client  *http.Client
	witness *witness
}

// open serves h.
func (s *scene) open(h http.Handler) *door {
	w := &witness{handler: h}
	w.probe.scene = s
	w.probe.entered, w.probe.ended = make(chan struct{}, 1), make(chan ending, 1)
	server := httptest.NewUnstartedServer(w)
	server.Config.ErrorLog = log.New(&w.log, "", 0) //nolint:forbidigo // the test reads it
	server.Start()
	return &door{s, server, &http.Client{
		Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       30 * time.Second,
	}, w}
}

func (d *door) request(c *exchange) *http.Request { return d.scene.request(d.server.URL, c) }

// close waits for the handlers.
func (d *door) close() {
	d.client.CloseIdleConnections()
	d.server.Close()
}

// send serves h on a connection, and sends it the requests.
func (s *scene) send(h http.Handler, exchanges ...*exchange) *outcome {
	var out outcome
	s.refused.Store(0)
	s.observed.Store(0)
	s.decided.Store(new(sight))
	before := len(s.limiter.Takes())
	d := s.open(h)
	for _, c := range exchanges {
		out.exchange(d.client, d.request(c))
	}
	d.close()

	out.refused, out.observed = int(s.refused.Load()), int(s.observed.Load())
	out.decided = *s.decided.Load()
	out.takes = s.limiter.Takes()[before:]
	p := &d.witness.probe
	out.runs, out.principal, out.changes = int(p.runs.Load()), p.principal, p.changes
	out.aborted, out.panicked = d.witness.panic()
	out.log = d.witness.log.String()
	return &out
}

// exchange sends a request and adds what comes back.
func (o *outcome) exchange(client *http.Client, r *http.Request) {
	response, err := client.Do(r)
	if err != nil {
		o.err = err
		return
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		o.err = err
	}
	o.status, o.header = response.StatusCode, response.Header
	o.body += string(body)
	o.header.Del("Date")
	if len(response.TransferEncoding) > 0 {
		o.header["Transfer-Encoding"] = response.TransferEncoding
	}
}

// A witness stands in front of the handler and sees its panics.
type witness struct {
	handler http.Handler
	probe   probe
	log     logBuffer

	mu       sync.Mutex
	aborted  bool
	panicked string
}

// panic returns whether the handler aborted, and its last other panic.
func (w *witness) panic() (aborted bool, panicked string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.aborted, w.panicked
}

func (w *witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	defer func() {
		if p := recover(); p != nil {
			w.panics(p)
			panic(http.ErrAbortHandler)
		}
	}()
	w.handler.ServeHTTP(rw, w.probe.receive(r))
}

func (w *witness) panics(p any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err, ok := p.(error); ok && err == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
		w.aborted = true
		return
	}
	w.panicked = fmt.Sprint(p)
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
