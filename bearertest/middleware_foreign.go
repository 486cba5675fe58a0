package bearertest

import (
	"net/http"
	"slices"
	"strings"
)

// This file tests an adapter in front of a handler that is not Handler, and so
// does not tell what it sees: by the answers alone.

// isForeign reports whether the adapter under test stands in front of another
// handler than Handler. One that never calls its handler answers nothing.
func (t *middlewareTest) isForeign() (foreign bool) {
	t.run("an admitted request", ruleAdapterPanic, func() {
		c := &exchange{name: "an admitted request"}
		s := newScene(c)
		if h := t.wrap(s.guard); h != nil {
			out := s.send(h, c)
			answered := out.body != "" || out.status != http.StatusOK
			foreign = out.runs == 0 && out.status/100 == 2 && answered && !strings.Contains(out.body, `{"context":`)
		}
	})
	return foreign
}

// judgeForeign judges the answer of a handler that is not known.
func (t *middlewareTest) judgeForeign(c *exchange, got, want *outcome) {
	if got.status >= http.StatusBadRequest {
		t.brokenf(ruleStatus, "%s: got %d %.200q, want what the handler answers", c.name, got.status, got.body)
	}
	t.count(ruleCharged, c.name+": decisions seen by Observe", got.observed, want.observed)
	if !slices.Equal(got.takes, want.takes) {
		t.brokenf(ruleCharged, "%s: got the takes %v, want %v", c.name, got.takes, want.takes)
	}
	for name, values := range want.header {
		if strings.Contains(name, "Ratelimit") && !slices.Equal(got.header[name], values) {
			t.brokenf(ruleHeader, "%s: %s: got %q, want %q", c.name, name, got.header[name], values)
		}
	}
	if got.log != want.log {
		t.brokenf(ruleOnce, "%s: got %q in the server's log, want %q", c.name, got.log, want.log)
	}
}
