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
