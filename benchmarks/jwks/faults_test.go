package jwks_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A fault is one row of the table: what happens to a package that has started
// with the key "old", and what is measured then.
type fault struct {
	name  string
	want  string        // of this package
	at    func(*server) // before it starts
	place string        // zero: setURL
	try   func(*trial) string
}

// A trial is one cell of the table.
type trial struct {
	server *server
	verify verify
	old    string // a good token
}

const never = 3 * 24 * time.Hour

var faults = []fault{
	{
		name: "issuer down for the first minute: a good token passes", want: "at once",
		at: func(s *server) { s.down = time.Now().Add(time.Minute) },
		try: func(t *trial) string {
			time.Sleep(time.Until(t.server.down))
			t.until(t.old, true, time.Second)
			return within(time.Since(t.server.down))
		},
	},
	{
		name: "key rotated: the new one passes", want: "at once",
		try: func(t *trial) string { return within(t.untilNewKey(0)) },
	},
	{
		name: "key rotated, while a made-up kid comes each second: the new one passes", want: "within 10 s",
		try: func(t *trial) string { return within(t.untilNewKey(time.Second)) },
	},
	{
		name: "1000 made-up kids in half a second: fetches", want: "3",
		try: func(t *trial) string { return strconv.FormatInt(t.madeUpKIDs(1000, 500*time.Microsecond), 10) },
	},
	{
		name: "made-up kids for an hour, one a second: fetches", want: "about 360",
		try: func(t *trial) string {
			n := t.madeUpKIDs(3600, time.Second)
			if n < 10 {
				return strconv.FormatInt(n, 10)
			}
			return fmt.Sprintf("about %d", (n+5)/10*10)
		},
	},
	{
		name: "issuer hangs: a made-up kid waits", want: "5 s",
		try: func(t *trial) string {
			t.server.set(func(s *server) { s.delay = 24 * time.Hour })
			start := time.Now()
			_ = t.verify(token("made up", newKey()))
			if time.Since(start) >= 24*time.Hour {
				return "without limit"
			}
			return lasts(time.Since(start))
		},
	},
	{
		name: "issuer down: a known key passes for", want: "1 day",
		try: func(t *trial) string {
			t.server.set(func(s *server) { s.down = time.Now().Add(2 * never) })
			return lasts(t.until(t.old, false, time.Minute))
		},
	},
	{
		name: "key taken back: it passes for up to", want: "15 min",
		try: func(t *trial) string {
			t.server.set(func(s *server) { s.body = setOf(jwkOf("new", newKey(), nil)) })
			return lasts(ceiling(t.until(t.old, false, 10*time.Second)))
		},
	},
	{
		name: "two hours of answers without keys: a known key", want: "passes",
		try: func(t *trial) string { return t.afterAnswer(`{"keys":[]}`) },
	},
	{
		name: "two hours of answers that are a page: a known key", want: "passes",
		try: func(t *trial) string { return t.afterAnswer(`<html>`) },
	},
	{
		name: "a broken key beside the good one: the good one", want: "passes",
		at: func(s *server) {
			s.body = setOf(jwk{"kty": "EC", "kid": "x", "crv": "P-256", "x": "AQAB", "y": "AQAB"}, jwkOf("old", oldKey(), nil))
		},
		try: func(t *trial) string { return t.passes(t.old) },
	},
	{
		name: "a key of 1024 bits", want: "refused",
		at:  func(s *server) { s.body = setOf(jwkOf("old", oldKey(), nil), jwkOf("short", shortKey(), nil)) },
		try: func(t *trial) string { return t.passes(token("short", shortKey())) },
	},
	{
		name: "a key for encryption (`use` is `enc`)", want: "refused",
		at: func(s *server) {
			s.body = setOf(jwkOf("old", oldKey(), nil), jwkOf("new", newKey(), jwk{"use": "enc"}))
		},
		try: func(t *trial) string { return t.passes(token("new", newKey())) },
	},
	{
		name: "a body without end: bytes read", want: "1 MiB",
		try: func(t *trial) string {
			t.server.set(func(s *server) { s.endless = true })
			_ = t.verify(token("made up", newKey()))
			time.Sleep(2 * time.Hour)
			if mebibytes := (t.server.read.Load() + 1<<19) >> 20; mebibytes < enough {
				return fmt.Sprintf("%d MiB", mebibytes)
			}
			return "all"
		},
	},
	{
		name: "a redirect from https to http", want: "refused",
		at:  func(s *server) { s.location = "http://issuer.example/keys" },
		try: func(t *trial) string { return t.passes(t.old) },
	},
	{
		name: "a set at an http URL", want: "refused", place: "http://issuer.example/keys",
		try: func(t *trial) string { return t.passes(t.old) },
	},
}

// until returns how long it takes until a token is good, or no longer good.
func (t *trial) until(text string, passes bool, step time.Duration) time.Duration {
	start := time.Now()
	for (t.verify(text) == nil) != passes && time.Since(start) < never {
		time.Sleep(max(step, time.Since(start)/200))
	}
	return time.Since(start)
}

// untilNewKey lets tokens with made-up kids come for a while, changes the key,
// and returns how long it takes until a token with the new one is good.
func (t *trial) untilNewKey(interval time.Duration) time.Duration {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	if interval > 0 {
		text := token("made up", newKey())
		go func() {
			for ctx.Err() == nil {
				_ = t.verify(text)
				time.Sleep(interval)
			}
		}()
		time.Sleep(65 * time.Second)
	}
	t.server.set(func(s *server) { s.body = setOf(jwkOf("old", oldKey(), nil), jwkOf("new", newKey(), nil)) })
	return t.until(token("new", newKey()), true, 50*time.Millisecond)
}

// madeUpKIDs sends n tokens with made-up kids, and returns the fetches.
func (t *trial) madeUpKIDs(n int, interval time.Duration) int64 {
	t.server.set(func(s *server) { s.delay = 40 * time.Millisecond })
	before, text := t.server.fetches.Load(), token("made up", newKey())
	var callers sync.WaitGroup
	for range n {
		callers.Go(func() { _ = t.verify(text) })
		time.Sleep(interval)
	}
	callers.Wait()
	return t.server.fetches.Load() - before
}

// afterAnswer lets the issuer answer with a body until each package has asked, by
// its schedule and for a token.
func (t *trial) afterAnswer(body string) string {
	t.server.set(func(s *server) { s.body = body })
	_ = t.verify(token("made up", newKey()))
	time.Sleep(2 * time.Hour)
	return t.passes(t.old)
}

func (t *trial) passes(text string) string {
	if t.verify(text) == nil {
		return "passes"
	}
	return "refused"
}

// ceiling rounds a time up to one that the table shows, so that what is spread by
// chance shows one text.
func ceiling(d time.Duration) time.Duration {
	if d <= time.Second {
		return 0
	}
	for _, limit := range [...]time.Duration{
		10 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 24 * time.Hour,
	} {
		if d <= limit+limit/50 {
			return limit
		}
	}
	return never
}

func within(d time.Duration) string {
	d = ceiling(d)
	switch {
	case d == 0:
		return "at once"
	case d >= never:
		return "never"
	}
	return "within " + lasts(d)
}

func lasts(d time.Duration) string {
	switch {
	case d >= never:
		return "for ever"
	case d == 0:
		return "0 s"
	case d >= 24*time.Hour:
		return fmt.Sprintf("%d day", d/(24*time.Hour))
	case d >= time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d >= time.Minute:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}

// cell measures one fault of one package.
func cell(t *testing.T, p peer, f fault) (result string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &server{body: setOf(jwkOf("old", oldKey(), nil))}
		if f.at != nil {
			f.at(s)
		}
		if f.place == "" {
			f.place = setURL
		}
		ctx, cancel := context.WithCancel(t.Context())
		verify, err := p.start(ctx, &http.Client{Transport: s}, f.place)
		if err != nil {
			result = "does not start"
			if f.place != setURL || s.location != "" {
				result = "refused"
			}
		} else {
			synctest.Wait()
			one := &trial{server: s, verify: verify, old: token("old", oldKey())}
			if f.at == nil && f.place == setURL {
				require.NoError(t, verify(one.old), "%s: %s", p.name, f.name)
				synctest.Wait() // some end a fetch after its answer was used
			}
			result = f.try(one)
		}
		cancel()
		time.Sleep(48 * time.Hour) // whatever still waits for the issuer
	})
	return result
}

// TestFaults measures all faults of all packages. What this one does is
// asserted, and docs/jwks.md has to show the table as it is printed.
func TestFaults(t *testing.T) {
	var table strings.Builder
	table.WriteString("| fault |")
	for _, p := range peers {
		table.WriteString(" " + p.name + " |")
	}
	table.WriteString("\n|---|" + strings.Repeat("---|", len(peers)) + "\n")
	for _, f := range faults {
		table.WriteString("| " + f.name + " |")
		for n, p := range peers {
			result := cell(t, p, f)
			if n == 0 {
				assert.Equal(t, f.want, result, f.name)
			}
			table.WriteString(" " + result + " |")
		}
		table.WriteString("\n")
	}
	t.Log("\n" + table.String())
	page, err := os.ReadFile("../../docs/jwks.md")
	require.NoError(t, err)
	shown := strings.Contains(string(page), table.String()) // assert.Contains would print the page
	assert.True(t, shown, "docs/jwks.md shows another table")
}
