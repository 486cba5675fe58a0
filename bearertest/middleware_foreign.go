package bearertest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// This file tests an adapter in front of a handler that is not Handler by what
// that writes, and asks.

// A pen is the server's ResponseWriter, and notes what is written with it.
type pen struct {
	http.ResponseWriter
	mu     sync.Mutex
	pieces []string
}

func (p *pen) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func (p *pen) WriteHeader(status int) {
	p.note(fmt.Sprintf("status %d", status))
	p.ResponseWriter.WriteHeader(status)
}

func (p *pen) Write(b []byte) (int, error) {
	p.note(string(b))
	return p.ResponseWriter.Write(b)
}

func (p *pen) Flush() { _ = http.NewResponseController(p.ResponseWriter).Flush() }

func (p *pen) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(p.ResponseWriter).Hijack()
}

func (p *pen) note(piece string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pieces = append(p.pieces, piece)
}

func (p *pen) written() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.pieces)
}

// write sends a good key to h, which writes with the pen.
func (p *pen) write(s *scene, h http.Handler) *outcome {
	w := s.witness(h)
	w.writer = func(rw http.ResponseWriter) http.ResponseWriter {
		p.ResponseWriter = rw
		return p
	}
	d := s.serve(w)
	out := d.ask(&exchange{})
	d.close()
	out.witnessed(w)
	return out
}

// twice looks for an answer that is there twice, as of a handler that was
// called twice: of two pieces, with two statuses, or with the principal's name
// in it.
func (t *middlewareTest) twice() {
	if !t.foreign {
		return
	}
	c := &exchange{name: "one answer"}
	s, p := t.scene(c), new(pen)
	p.write(s, t.wrapped(c, s.guard))
	pieces := p.written()
	half := len(pieces) / 2
	if half == 0 || !slices.Equal(pieces[:half], pieces[half:]) {
		return
	}
	text := strings.Join(pieces[:half], "")
	if half == 1 && len(text) > 1 || strings.HasPrefix(text, "status ") || strings.Contains(text, "key_a") {
		t.brokenf(ruleReached, "%s: got %.100q twice, want it once", c.name, text)
	}
}

// A trap is a context in which it is a panic to ask for the principal before
// anything is written.
type trap struct {
	context.Context //nolint:containedctx // it is one
	pen             *pen
	mu              sync.Mutex
	sprung          bool
}

func (t *trap) Value(key any) any {
	if key == principalKey && t.springs() {
		panic(errHandler)
	}
	return t.Context.Value(key)
}

func (t *trap) springs() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sprung || len(t.pen.written()) > 0 || !askedByHandler() {
		return false
	}
	t.sprung = true
	return true
}

// askedByHandler reports whether the context is asked on the goroutine of a
// request, where a panic ends no more than that, and not by the guard itself.
func askedByHandler() bool {
	pcs := make([]uintptr, 512)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	callee := ""
	for more := true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		switch {
		case strings.HasSuffix(callee, "/bearer.FromContext") && strings.Contains(frame.Function, "/bearer.(*Guard)."):
			return false
		case strings.HasSuffix(frame.Function, "bearertest.(*witness).ServeHTTP"):
			return true
		}
		callee = frame.Function
	}
	return false
}

// panics makes the handler panic, behind another one of the guard. The
// framework may recover and say so; an adapter that does would hide it.
func (t *middlewareTest) panics() {
	if !t.foreign {
		return
	}
	c := &exchange{name: "a handler that panics"}
	s, p := t.scene(c), new(pen)
	h, trapped := t.wrapped(c, s.guard), &trap{pen: p}
	out := p.write(s, s.guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		trapped.Context = r.Context()
		h.ServeHTTP(w, r.WithContext(trapped))
	})))
	if trapped.sprung && out.panicked == "" && out.err == nil && out.status < http.StatusInternalServerError {
		t.brokenf(ruleHandlerPanic, "%s: got %s, want the panic", c.name, out.text())
	}
}
