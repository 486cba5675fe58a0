package bearertest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// An outcome is what came of an exchange.
type outcome struct {
	admitted bool // the guard lets the request through: of the outcome that is wanted
	status   int
	header   http.Header // and the trailer
	dated    bool        // the server wrote the header, not a handler that hijacked
	body     string
	err      error // of the client
	panicked string
	place    string // where the panic came from
	log      string

	runs      int      // of Handler
	principal sight    // that Handler found
	changes   []string // of the request, at Handler
	touched   []string // of the request, at the guard
	early     int      // times that the principal was asked for before the guard had decided
	looked    int      // times that it was asked for where there is none
	read      bool     // the body was read before the guard had decided

	decided  sight // that the guard told Observe
	refused  int   // calls of ErrorHandler
	observed int   // calls of Observe
	takes    []Take
}

// witnessed adds what the handler and the adapter did.
func (o *outcome) witnessed(w *witness) {
	p := &w.probe
	p.mu.Lock()
	defer p.mu.Unlock()
	o.principal, o.changes, o.touched = p.principal, p.changes, p.touched
	o.runs, o.early, o.looked = int(p.runs.Load()), int(p.early.Load()), int(p.looked.Load())
	o.read = p.read.Load() > 0
	o.panicked, o.place = w.panic()
	o.log = w.log.String()
}

// nobody reports whether nobody is let in: by an optional door.
func (o *outcome) nobody() bool { return o.admitted && o.principal.is == nil }

// text describes an answer.
func (o *outcome) text() string {
	switch {
	case o.panicked != "":
		return "the panic " + o.panicText()
	case o.err != nil:
		return "the error " + o.err.Error()
	default:
		return fmt.Sprintf("%d %.200q", o.status, o.body)
	}
}

func (o *outcome) panicText() string { return o.panicked + o.place }

// answer lists what a client saw, part by part.
func (o *outcome) answer() map[string]string {
	if o.err != nil {
		return map[string]string{"status": "no answer"} // the text of the error may name a port
	}
	parts := map[string]string{"status": strconv.Itoa(o.status), "body": o.body}
	for name, values := range o.header {
		parts[name] = strings.Trim(fmt.Sprintf("%q", values), "[]")
	}
	return parts
}

// unlike names the parts in which two answers differ: the status first, and the
// body last.
func (o *outcome) unlike(other *outcome) (parts []string) {
	got, want := o.answer(), other.answer()
	names := slices.Collect(maps.Keys(want))
	names = slices.AppendSeq(names, maps.Keys(got))
	slices.SortFunc(names, func(a, b string) int {
		return strings.Compare(sortedPart(a), sortedPart(b))
	})
	for _, name := range slices.Compact(names) {
		if got[name] != want[name] {
			parts = append(parts, name)
		}
	}
	return parts
}

func sortedPart(name string) string {
	switch name {
	case "status":
		return "0"
	case "body":
		return "~"
	default:
		return name
	}
}

func isRateField(name string) bool { return strings.Contains(name, "Ratelimit") }
