//go:build unix

package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/benchmarks/internal/stacks"
)

// partStacks are the bare handler with parts of what a guard does, all with the
// keys in memory. Only the last decides anything.
var partStacks = []stack{
	{bareName, "", bare},
	{"keys in memory, unused", bareName, part(func(_ *parts, _ http.Header, r *http.Request) *http.Request { return r })},
	{"two rate limit fields", bareName, part(func(p *parts, h http.Header, r *http.Request) *http.Request {
		p.setFields(h, new([2]string))
		return r
	})},
	{"the request with a context", bareName, part(func(_ *parts, _ http.Header, r *http.Request) *http.Request {
		return r.WithContext(&partContext{Context: r.Context()})
	})},
	{"digest", bareName, part(func(p *parts, _ http.Header, r *http.Request) *http.Request {
		_ = p.format.Hash(textOf(r))
		return r
	})},
	{"digest, look-up", bareName, part(func(p *parts, _ http.Header, r *http.Request) *http.Request {
		p.find(r)
		return r
	})},
	{"digest, look-up, clock, bucket", bareName, part(func(p *parts, _ http.Header, r *http.Request) *http.Request {
		p.take(r, p.find(r))
		return r
	})},
	{"all of these", bareName, part(func(p *parts, h http.Header, r *http.Request) *http.Request {
		key := p.find(r)
		p.take(r, key)
		c := &partContext{Context: r.Context(), key: key}
		p.setFields(h, &c.values)
		return r.WithContext(c)
	})},
	{guardName, bareName, guarded},
}

// parts is what the parts are made of.
type parts struct {
	format  bearer.KeyFormat
	store   *bearer.MemoryStore
	buckets bearer.Buckets
	limit   bearer.Limit
}

// partContext has the size of a guard's own context.
type partContext struct {
	context.Context //nolint:containedctx // of the request
	key             *bearer.Key
	values          [2]string
	_               [4]uintptr
}

func part(do func(*parts, http.Header, *http.Request) *http.Request) open {
	return func(s *stacks.Site, items int) (http.Handler, error) {
		p := &parts{store: s.Store, limit: s.Quota.Limit()}
		next := handler(items, anyone)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, do(p, w.Header(), r)) }), nil
	}
}

func textOf(r *http.Request) string {
	return strings.TrimPrefix(r.Header["Authorization"][0], "Bearer ")
}

func (p *parts) find(r *http.Request) *bearer.Key {
	key, err := p.store.FindKey(r.Context(), p.format.Hash(textOf(r)))
	if err != nil {
		panic(err)
	}
	return key
}

func (p *parts) take(r *http.Request, key *bearer.Key) {
	u, err := p.buckets.Take(r.Context(), bearer.Bucket{Policy: "default", Class: "key", ID: key.ID}, 1, p.limit)
	if err != nil || !u.Allowed || !time.Now().Before(key.ExpiresAt) {
		panic("refused")
	}
}

func (p *parts) setFields(h http.Header, values *[2]string) {
	values[0], values[1] = `"default";q=1048576;w=1048576`, `"default";r=1048000;t=576`
	h["Ratelimit-Policy"], h["Ratelimit"] = values[:1:1], values[1:]
}
