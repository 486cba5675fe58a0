package issuer_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/stretchr/testify/require"
)

// What all tokens say.
const (
	iss   = "https://id.example"
	aud   = "api"
	scope = "read"
	ttl   = time.Hour
)

const (
	formMedia = "application/x-www-form-urlencoded"
	jsonMedia = "application/json"
)

// newSecret returns the text of a secret: 260 bits.
func newSecret() string { return rand.Text() + rand.Text() }

// equalText compares a text with the SHA-256 of another, in constant time.
func equalText(hash []byte, text string) bool {
	sum := sha256.Sum256([]byte(text))
	return subtle.ConstantTimeCompare(hash, sum[:]) == 1
}

// newSigningKey returns a key for HS256, of 32 random bytes.
func newSigningKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return key
}

// newIssuer returns an issuer that signs with HS256 and has the fake users. most
// is MaxSessions, and zero or nil the default.
func newIssuer(tb testing.TB, key []byte, most int, l bearer.Limiter) *issuer.Issuer {
	tb.Helper()
	made, err := issuer.New(issuer.Config{
		Tokens: &issuer.Tokens{
			Issuer: iss, Audience: aud,
			SigningKeys: []issuer.SigningKey{{ID: "1", Algorithm: "HS256", Key: key}},
			MaxSessions: most,
		},
		Users:   users{},
		Limiter: l,
	})
	require.NoError(tb, err)
	return made
}

// A generous limiter takes from the same buckets, with another limit.
type generous struct{ bearer.Limiter }

func (g generous) Take(ctx context.Context, b bearer.Bucket, n int, _ bearer.Limit) (bearer.Usage, error) {
	return g.Limiter.Take(ctx, b, n, bearer.Limit{Rate: 1e9, Burst: 1e9})
}

// An answer is a ResponseWriter that keeps the last answer, and takes no memory
// for the next.
type answer struct {
	header http.Header
	status int
	body   []byte
}

func (a *answer) Header() http.Header    { return a.header }
func (a *answer) WriteHeader(status int) { a.status = status }

func (a *answer) Write(b []byte) (int, error) {
	a.body = append(a.body, b...)
	return len(b), nil
}

// A sender sends POST requests to a handler. It is for one goroutine.
type sender struct {
	answer

	handler http.Handler
	request *http.Request
	field   [1]string
	body    strings.Reader
}

func newSender(h http.Handler, path, media string) *sender {
	s := &sender{answer: answer{header: make(http.Header)}, handler: h}
	s.request = httptest.NewRequestWithContext(context.Background(), http.MethodPost, path, nil)
	s.request.Header["Content-Type"] = []string{media}
	s.request.Body = io.NopCloser(&s.body)
	return s
}

// send sends one request, and returns the status of the answer. Each request is
// a value of its own, since handlers keep what they parsed in it. An empty field
// is not sent.
func (s *sender) send(field, body string) int {
	clear(s.header)
	s.status, s.answer.body = http.StatusOK, s.answer.body[:0]
	r := s.request.WithContext(s.request.Context())
	if field == "" {
		delete(r.Header, "Authorization")
	} else {
		s.field[0] = field
		r.Header["Authorization"] = s.field[:]
	}
	s.body.Reset(body)
	r.ContentLength = int64(len(body))
	s.handler.ServeHTTP(s, r)
	return s.status
}

// A turn sends one request of a benchmark, the i-th of its goroutine. It returns
// the status.
type turn func(i int) int

// measure runs the turns of a peer one after the other, and then those of several
// goroutines. All of them have to be answered with 200: a refusal would be other
// work. What is measured is a word, or empty.
func measure(b *testing.B, what, peer string, open func(testing.TB) func() turn) {
	b.Helper()
	for _, mode := range []struct {
		name string
		run  func(*testing.B, func(testing.TB) func() turn)
	}{{"serial", serial}, {"parallel", parallel}} {
		b.Run(what+mode.name+"/peer="+peer, func(b *testing.B) { mode.run(b, open) })
	}
}

func serial(b *testing.B, open func(tb testing.TB) func() turn) {
	b.Helper()
	next := open(b)()
	b.ReportAllocs()
	reportCPU(b, func() { all(b, b.Loop, next, 0) })
}

// reportCPU reports the CPU time of a loop, which tells more than the time if
// others use the machine too, and counts what the collector does on other cores.
func reportCPU(b *testing.B, loop func()) {
	b.Helper()
	runtime.GC() // of what was there before
	b.ResetTimer()
	before := cpuTime()
	loop()
	b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
}

func parallel(b *testing.B, open func(tb testing.TB) func() turn) {
	b.Helper()
	start, started := open(b), atomic.Int64{}
	b.ReportAllocs()
	reportCPU(b, func() {
		b.RunParallel(func(pb *testing.PB) {
			all(b, pb.Next, start(), int(started.Add(1))*7919)
		})
	})
}

func all(b *testing.B, more func() bool, next turn, i int) {
	b.Helper()
	for more() {
		if status := next(i); status != http.StatusOK {
			b.Errorf("status %d", status)
			return
		}
		i++
	}
}
