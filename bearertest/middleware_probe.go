package bearertest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/blockauth/bearer"
)

// A probe sees what becomes of the requests of a door.
type probe struct {
	scene    *scene
	runs     atomic.Int32  // of Handler
	early    atomic.Int32  // the principal was asked for before the guard had decided
	looked   atomic.Int32  // the principal was asked for where there is none
	read     atomic.Int32  // the body was read before the guard had decided
	entered  chan struct{} // the handler waits
	received chan struct{} // the client has the beginning of the answer
	ended    chan ending   // the handler has waited

	mu        sync.Mutex
	principal sight    // of the last request
	changes   []string // of all, at the handler
	touched   []string // of all, at the guard
}

// A visit is a request on its way through the adapter to the handler.
type visit struct {
	*probe
	arrived map[string]string // the shape of the request
	judged  atomic.Bool       // the guard has decided
	met     atomic.Bool       // it has been at the gate
}

// An arrival is the context of a visit. It sees who asks it for a principal:
// one that was not handed the context of the guard.
type arrival struct {
	context.Context //nolint:containedctx // it is one
	visit           *visit
}

type visitKey struct{}

func (a arrival) Value(key any) any {
	switch key {
	case visitKey{}:
		return a.visit
	case principalKey:
		a.visit.looked.Add(1)
		if !a.visit.judged.Load() {
			a.visit.early.Add(1)
		}
	}
	return a.Context.Value(key)
}

// principalKey is what [bearer.FromContext] asks a context for.
var principalKey = func() any {
	asked := keyOf{Context: context.Background()}
	_ = bearer.FromContext(&asked)
	return asked.key
}()

type keyOf struct {
	context.Context //nolint:containedctx // it is one
	key             any
}

func (k *keyOf) Value(key any) any {
	k.key = key
	return nil
}

// visitOf returns the visit of a request, or nil if its context was lost.
func visitOf(ctx context.Context) *visit {
	v, _ := ctx.Value(visitKey{}).(*visit)
	return v
}

// What a router may say of a request, and the adapter must hand on.
const (
	sentPattern = "/bearertest"
	sentName    = "bearertest"
	sentValue   = "kept"
)

// receive returns the request as a visit.
func (p *probe) receive(r *http.Request) *http.Request {
	v := &visit{probe: p, arrived: shape(r)}
	r = r.WithContext(arrival{r.Context(), v})
	if r.Body != http.NoBody {
		r.Body = &watchedBody{r.Body, v}
	}
	r.Pattern = sentPattern
	r.SetPathValue(sentName, sentValue)
	return r
}

// A watchedBody sees who reads it too early.
type watchedBody struct {
	io.ReadCloser
	visit *visit
}

func (b *watchedBody) Read(p []byte) (int, error) {
	if !b.visit.judged.Load() {
		b.visit.read.Add(1)
	}
	return b.ReadCloser.Read(p)
}

// decide notes what the guard was asked about. What an adapter adds to a
// request is nobody's business there, nor by which path it comes.
func (v *visit) decide(r *http.Request) {
	if v == nil {
		return
	}
	v.judged.Store(true)
	seen := shape(r)
	sent := maps.Clone(v.arrived)
	maps.DeleteFunc(seen, func(field, _ string) bool { return sent[field] == "" || field == "URL" })
	maps.DeleteFunc(sent, func(field, _ string) bool { return field == "URL" })
	v.mu.Lock()
	defer v.mu.Unlock()
	v.touched = append(v.touched, differences(seen, sent)...)
}

// enter notes with what the handler was called.
func (v *visit) enter(r *http.Request) {
	v.runs.Add(1)
	changes := differences(shape(r), v.arrived)
	if r.Pattern == "" {
		changes = append(changes, "Pattern: got none, want the route's")
	}
	if got := r.PathValue(sentName); got != sentValue {
		changes = append(changes, fmt.Sprintf("PathValue: got %q, want %q", got, sentValue))
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.principal, v.changes = see(bearer.FromContext(r.Context())), append(v.changes, changes...)
}

// shape lists the fields of a request, as net/http fills them in.
func shape(r *http.Request) map[string]string {
	fields := map[string]string{
		"Method":           r.Method,
		"URL":              r.URL.String(),
		"Proto":            fmt.Sprintf("%s (%d, %d)", r.Proto, r.ProtoMajor, r.ProtoMinor),
		"ContentLength":    strconv.FormatInt(r.ContentLength, 10),
		"TransferEncoding": strings.Join(r.TransferEncoding, ", "),
		"Host":             r.Host,
		"RemoteAddr":       r.RemoteAddr,
		"RequestURI":       r.RequestURI,
	}
	for name, values := range r.Header {
		fields["the header field "+name] = fmt.Sprintf("%q", values)
	}
	return fields
}

// differences tells where two shapes differ.
func differences(got, want map[string]string) []string {
	names := slices.Collect(maps.Keys(want))
	names = slices.AppendSeq(names, maps.Keys(got))
	slices.Sort(names)
	var list []string
	for _, name := range slices.Compact(names) {
		if got[name] != want[name] {
			list = append(list, fmt.Sprintf("%s: got %s, want %s", name, orNone(got[name]), orNone(want[name])))
		}
	}
	return list
}

func orNone(field string) string {
	if field == "" {
		return "none"
	}
	return field
}
