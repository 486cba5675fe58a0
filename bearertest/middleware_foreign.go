package bearertest

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// This file tests an adapter in front of a handler that is not Handler by what
// it writes.

// A pen is the server's ResponseWriter, and notes what is written with it. Its
// first use can be a panic.
type pen struct {
	http.ResponseWriter
	mu     sync.Mutex
	pieces []string
	blot   any
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

// note notes a piece of the answer, or panics in its place.
func (p *pen) note(piece string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if blot := p.blot; blot != nil {
		p.blot = nil
		panic(blot)
	}
	p.pieces = append(p.pieces, piece)
}

// written sends a good key to the handler under test, which writes with p.
func (t *middlewareTest) written(c *exchange, p *pen) *outcome {
	s := t.scene(c)
	w := s.witness(t.wrapped(c, s.guard))
	w.writer = func(rw http.ResponseWriter) http.ResponseWriter {
		p.ResponseWriter = rw
		return p
	}
	d := s.serve(w)
	out := d.ask(c)
	d.close()
	out.witnessed(w)
	return out
}

// twice looks for an answer that is there twice, as of a handler that was called
// twice: of two pieces, with two statuses, or with the principal's name in it.
func (t *middlewareTest) twice() {
	if !t.foreign {
		return
	}
	c := &exchange{name: "one answer"}
	var p pen
	t.written(c, &p)
	half := len(p.pieces) / 2
	if half == 0 || !slices.Equal(p.pieces[:half], p.pieces[half:]) {
		return
	}
	text := strings.Join(p.pieces[:half], "")
	if half == 1 && len(text) > 1 || strings.HasPrefix(text, "status ") || strings.Contains(text, "key_a") {
		t.brokenf(ruleReached, "%s: got %.100q twice, want it once", c.name, text)
	}
}

// panics makes the handler panic as it writes. The framework may recover and
// say so; an adapter that does would hide it.
func (t *middlewareTest) panics() {
	if !t.foreign {
		return
	}
	c := &exchange{name: "a handler that panics as it writes"}
	p := pen{blot: errHandler}
	out := t.written(c, &p)
	if p.blot == nil && out.panicked == "" && out.err == nil && out.status < http.StatusInternalServerError {
		t.brokenf(ruleHandlerPanic, "%s: got %s, want the panic", c.name, out.text())
	}
}
