package bearertest

import (
	"net/http"
	"slices"
	"time"

	"github.com/blockauth/bearer"
)

// This file tests what adapters keep from one request to the next.

// sequence sends good and bad requests of two callers in turn to one handler,
// on one connection. Each is answered as if it were alone.
func (t *middlewareTest) sequence() {
	c := &exchange{scopes: tokensRead}
	s := t.scene(c)
	credentials := []struct {
		name string
		make func(*scene) string
	}{
		{"a key", secretKey}, {"nobody", noCredential}, {"another key", otherKey}, {"an unknown key", unknownKey},
		{"the first key again", secretKey}, {"a key without the scope", weakKey}, {"a token", goodToken},
		{"nobody again", noCredential},
	}
	d := s.open(t.wrapped(c, s.guard))
	defer d.close()
	for _, credential := range credentials {
		e := &exchange{name: "after other requests, " + credential.name, scopes: tokensRead, credential: credential.make}
		want := t.want(t.scene(c), e)
		d.witness.probe.runs.Store(0)
		got := d.ask(e)
		runs := int(d.witness.probe.runs.Load())
		parts := got.unlike(want)
		if t.foreign && want.admitted {
			parts = t.steady(e, parts, want)
		}
		if len(parts) > 0 || !t.foreign && runs != want.runs {
			t.brokenf(ruleState, "%s: got %s, want %s", e.name, got.text(), want.text())
			return
		}
	}
}

// again sends a key several times, which is revoked and restored meanwhile.
func (t *middlewareTest) again() {
	c := &exchange{name: "a key that is sent again", scopes: tokensRead}
	s := t.scene(c)
	t.repeats(s, c, secretKey(s), []repeat{
		{"again", func() {}, true},
		{"after it was revoked", func() { s.keys.Revoke("key_a") }, false},
		{"after it was restored", func() {
			s.keys.Update("key_a", func(k *bearer.Key) { k.RevokedAt = time.Time{} })
		}, true},
	})
}

// againToken sends a token several times, whose signing key is replaced.
func (t *middlewareTest) againToken() {
	c := &exchange{name: "a token that is sent again", scopes: tokensRead}
	s := t.scene(c)
	t.repeats(s, c, goodToken(s), []repeat{
		{"again", func() {}, true},
		{"after the issuer's key was replaced", s.tokens.Rotate, false},
	})
}

// A repeat is a request with a credential that was good before.
type repeat struct {
	when   string
	before func()
	good   bool
}

func (t *middlewareTest) repeats(s *scene, c *exchange, text string, repeats []repeat) {
	h := t.wrapped(c, s.guard)
	e := &exchange{name: c.name, credential: func(*scene) string { return text }}
	first := s.send(h, e)
	for _, r := range repeats {
		r.before()
		switch out := s.send(h, e); {
		case r.good && !slices.Equal(out.takes, first.takes):
			t.brokenf(ruleAnew, "%s, %s: got the takes %v from the limiter, want %v", c.name, r.when, out.takes, first.takes)
		case !r.good && (out.status != http.StatusUnauthorized || out.refused != 1):
			t.brokenf(ruleAnew, "%s, %s: got %s, want the guard's 401", c.name, r.when, out.text())
		}
	}
}

// unguarded hands wrap no guard. It may panic, or refuse each request.
func (t *middlewareTest) unguarded() {
	c := &exchange{name: "a nil guard"}
	var h http.Handler
	func() {
		defer func() { _ = recover() }()
		h = t.wrap(nil)
	}()
	if h == nil {
		return
	}
	out := t.scene(c).send(h, c)
	ran := out.runs > 0 || out.panicked != "" && out.looked > 0 || out.panicked == "" && out.status < http.StatusBadRequest
	if ran {
		t.brokenf(ruleUnguarded, "%s: got %s, want a panic of wrap, or 503", c.name, out.text())
	}
}
