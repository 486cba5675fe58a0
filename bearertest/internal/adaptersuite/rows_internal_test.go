package adaptersuite

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
)

// Each row is what its name says: a row that names a status and a reason is
// refused so, those in front of the first token do not reach the handler, and
// the others do.
func TestRows(t *testing.T) {
	s := newSuite(func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler { return g.Require(scopes...)(Handler) })
	defer s.server.Close()
	admitted := slices.IndexFunc(rows, func(r row) bool { return r.name == "a token" })
	require.Positive(t, admitted)
	refusal := regexp.MustCompile(`^(\d{3}) (\w+)`)
	for i, r := range rows {
		g := s.guard(r.guard)
		_, wrapped := s.handlers(g, &r)
		e := s.send(s.client, s.exchange(&r, g, wrapped))
		if m := refusal.FindStringSubmatch(r.name); m != nil {
			assert.Equal(t, m[1], e.status, r.name)
			assert.Contains(t, e.answer, strconv.Quote(m[2]), r.name)
		}
		if i < admitted {
			assert.Zero(t, e.runs, r.name)
		} else {
			assert.Equal(t, 1, e.runs, r.name)
		}
		if r.as != "" {
			assert.NotEmpty(t, s.fakes.texts[r.as], r.name)
		}
	}
}
