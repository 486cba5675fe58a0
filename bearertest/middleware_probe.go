package bearertest

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/blockauth/bearer"
)

// A probe sees what a handler does with the requests of a door.
type probe struct {
	scene   *scene
	runs    atomic.Int32
	entered chan struct{} // the handler waits
	ended   chan ending   // the handler has waited

	mu        sync.Mutex
	principal sight    // of the last request
	changes   []string // of all
}

// A visit is a request on its way to the handler.
type visit struct {
	*probe
	arrived map[string]string // the shape of the request
	met     atomic.Bool       // it has been at the gate
}

type visitKey struct{}

// visitOf returns the visit of a request, or nil if its context was lost.
func visitOf(ctx context.Context) *visit {
	v, _ := ctx.Value(visitKey{}).(*visit)
	return v
}

// receive returns the request as a visit.
func (p *probe) receive(r *http.Request) *http.Request {
	v := &visit{probe: p, arrived: shape(r)}
	return r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
}

// enter notes with what the handler was called.
func (v *visit) enter(r *http.Request) {
	v.runs.Add(1)
	changes := differences(shape(r), v.arrived)
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
		"TransferEncoding": fmt.Sprint(r.TransferEncoding),
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

// A sight is a principal, and how it was when it was seen.
type sight struct {
	is  *bearer.Principal
	was bearer.Principal
}

func see(p *bearer.Principal) sight {
	s := sight{is: p}
	if p == nil {
		return s
	}
	s.was = *p
	s.was.Claims = maps.Clone(p.Claims)
	if p.Key != nil {
		key := *p.Key
		s.was.Key = &key
	}
	return s
}

// String names the principal as it was.
func (s sight) String() string {
	if s.is == nil {
		return "nobody"
	}
	return s.was.String()
}

// unlike names the fields in which two principals differ.
func (s sight) unlike(other sight) (fields []string) {
	a, b := reflect.ValueOf(s.was), reflect.ValueOf(other.was)
	for i := range a.NumField() {
		if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			fields = append(fields, a.Type().Field(i).Name)
		}
	}
	return fields
}
