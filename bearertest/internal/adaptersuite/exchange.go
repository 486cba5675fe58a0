package adaptersuite

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest/internal/report"
)

// An exchange is one request and what came of it.
type exchange struct {
	result
	mu sync.Mutex // of result

	row     *row
	guard   *guard
	handler http.Handler
	request *http.Request   // as newRequest makes it
	context context.Context //nolint:containedctx // of the request, as the server made it
	arrived *http.Request   // a copy of the request, as it arrived
	body    string          // the contents of its body

	leave    context.CancelFunc // makes the client go
	received chan struct{}      // is closed when the client has the first line of the answer
	ended    chan struct{}      // is closed when the adapter has returned
	end      func()             // closes ended
	inTurn   atomic.Bool        // see concurrent
}

// A result is what is compared of an exchange.
type result struct {
	// What the adapter did.
	panicked, place string
	panic           string // the type of its value
	early           int    // reads of the body before the guard had decided
	reads           int    // of the body
	log             string // of the server

	// What the guard saw.
	judging   bool // it has begun: bodies may be read
	decisions int  // calls of Observe
	decided   *bearer.Principal
	told      string // what Observe was told
	refusals  int    // calls of ErrorHandler
	takes     string // calls of the Limiter
	changes   string // of the request, at ErrorHandler and at Handler

	// What Handler saw.
	runs  int
	found principal
	known string // what the guard says to the same request again
	ends  string // what is wrong with the end of the context

	// What the client saw.
	status string
	header map[string]string
	answer string // the body
	length string // of the body, by the header
}

// exchange makes an exchange with a handler. It is sent by send or serve.
func (s *suite) exchange(r *row, g *guard, h http.Handler) *exchange {
	e := &exchange{
		row: r, guard: g, handler: h,
		received: make(chan struct{}), ended: make(chan struct{}),
	}
	e.end = sync.OnceFunc(func() { close(e.ended) })
	e.status = "no answer"
	s.latest.Store(e)
	target := s.server.URL + s.fakes.expand(cmp.Or(r.path, goodPath+"?a=1&b=%20"))
	e.request = newRequest(r.method, target, s.body(r))
	if e.request.ContentLength = r.length(s.fakes); r.chunked {
		e.request.ContentLength, e.request.TransferEncoding = -1, []string{"chunked"}
	}
	e.request.Header.Set("Bearertest-Field", "kept")
	if r.as != "" {
		e.request.Header.Set("Authorization", "Bearer "+s.fakes.texts[r.as])
	}
	for field := range strings.Lines(r.header) {
		name, value, _ := strings.Cut(strings.TrimSuffix(field, "\n"), ": ")
		e.request.Header.Add(name, s.fakes.expand(value))
	}
	if r.change != nil {
		r.change(e.request)
	}
	return e
}

// newRequest is httptest.NewRequest, which reads the request from a text first:
// that takes longer than most adapters.
func newRequest(method, target string, body io.Reader) *http.Request {
	r, err := http.NewRequestWithContext(context.Background(), method, target, body)
	if err != nil {
		panic(err) // all methods are tokens, and all paths are escaped
	}
	if r.RemoteAddr = "192.0.2.1:1234"; r.Body == nil {
		r.Body = http.NoBody
	}
	return r
}

// record changes the result, which several goroutines may do.
func (e *exchange) record(change func(*result)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(&e.result)
}

// seen returns a copy of the result.
func (e *exchange) seen() *result {
	e.mu.Lock()
	defer e.mu.Unlock()
	seen := e.result
	return &seen
}

// do makes an exchange as its row says.
func (s *suite) do(r *row, g *guard, h http.Handler) *exchange {
	e := s.exchange(r, g, h)
	if r.direct {
		return s.serve(e)
	}
	return s.send(s.client, e)
}

// send sends the request over a connection, and returns when the client has the
// answer and the adapter has returned: by then the guard has told Observe.
func (s *suite) send(client *http.Client, e *exchange) *exchange {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	e.leave = cancel
	r := e.request.WithContext(ctx)
	r.RequestURI = "" // as a client's
	if response, err := client.Do(r); err == nil {
		e.answered(response)
	}
	<-e.ended
	return e
}

// serve is send without a connection. As under a server, the context ends with the
// request.
func (s *suite) serve(e *exchange) *exchange {
	w := httptest.NewRecorder()
	ctx, cancel := context.WithCancel(e.request.Context())
	e.request.URL.Scheme, e.request.URL.Host = "", "" // as a server's
	e.request.RequestURI = e.request.URL.RequestURI()
	func() {
		defer cancel()
		defer func() { _ = recover() }() // the result has it
		e.ServeHTTP(w, e.request.WithContext(ctx))
	}()
	e.answered(w.Result())
	return e
}

type exchangeKey struct{}

// exchangeOf returns the exchange that a context belongs to, or nil.
func exchangeOf(ctx context.Context) *exchange {
	e, _ := ctx.Value(exchangeKey{}).(*exchange)
	return e
}

// ServeHTTP hands the request to the adapter, as a router would.
func (e *exchange) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer e.end()
	defer func() {
		if p := recover(); p != nil {
			place := report.PanicPlace()
			e.record(func(r *result) {
				r.panicked, r.panic, r.place = fmt.Sprintf("the panic %v", p), fmt.Sprintf("%T", p), place
			})
			panic(http.ErrAbortHandler) // which net/http does not log
		}
	}()
	r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, e))
	if r.Body != http.NoBody {
		r.Body = &watchedBody{r.Body, e}
	}
	r.Pattern = goodPath
	r.SetPathValue("bearertest", "kept")
	e.context, e.arrived, e.body = r.Context(), r.Clone(context.Background()), contents(e.guard.suite.body(e.row))
	e.handler.ServeHTTP(w, r)
}

// A watchedBody records when it is read.
type watchedBody struct {
	io.ReadCloser
	exchange *exchange
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.exchange.record(func(r *result) {
		r.reads++
		if !r.judging {
			r.early++
		}
	})
	return b.ReadCloser.Read(p)
}

// answered reads an answer.
func (e *exchange) answered(response *http.Response) {
	defer response.Body.Close()
	body := bufio.NewReaderSize(response.Body, 256)
	first, _ := body.ReadString('\n')
	close(e.received)
	rest, err := io.ReadAll(body)
	header := map[string]string{"whether the connection ends": strconv.FormatBool(response.Close)}
	for name, values := range response.Header {
		header[name] = quoted(values)
	}
	for name, values := range response.Trailer {
		header["the trailer "+name] = quoted(values)
	}
	length := header["Content-Length"] + quoted(response.TransferEncoding)
	delete(header, "Content-Length")
	delete(header, "Date")
	e.record(func(r *result) {
		r.status, r.answer, r.header, r.length = strconv.Itoa(response.StatusCode), first+string(rest), header, length
		if err != nil {
			r.status += ", cut off"
		}
	})
}

// serveLatest starts a server that serves the latest exchange.
func (s *suite) serveLatest() *httptest.Server {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.latest.Load().ServeHTTP(w, r)
	}))
	server.Config.ErrorLog = log.New(s, "", 0) //nolint:forbidigo // the suite reads it
	server.Start()
	return server
}

// Write takes what the server logs.
func (s *suite) Write(line []byte) (int, error) {
	s.latest.Load().record(func(r *result) { r.log += string(line) })
	return len(line), nil
}

// newClient returns a client that keeps so many connections; -1: none.
func newClient(idle int) *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: idle},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       30 * time.Second,
	}
}
