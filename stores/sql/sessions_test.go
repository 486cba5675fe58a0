package bearersql_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// TestSessionsThatDoNotFit: a text that a column cannot hold is refused
// by its name, and is not looked for.
func TestSessionsThatDoNotFit(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	tests := []struct {
		field  string
		change func(s *issuer.Session)
	}{
		{"ID", func(s *issuer.Session) { s.ID = long(65) }},
		{"ID", func(s *issuer.Session) { s.ID = "a\x00" }},
		{"Subject", func(s *issuer.Session) { s.Subject = long(301) }},
		{"Subject", func(s *issuer.Session) { s.Subject = "user:\xff" }},
		{"Name", func(s *issuer.Session) { s.Name = long(513) }},
		{"Name", func(s *issuer.Session) { s.Name = "\x00" }},
		{"Label", func(s *issuer.Session) { s.Label = "\xc3" }},
		{"Owner", func(s *issuer.Session) { s.Owner = long(256) }},
		{"CreatedBy", func(s *issuer.Session) { s.CreatedBy = long(256) }},
		{"Reason", func(s *issuer.Session) { s.Reason = "\x00" }},
		{"UserVersion", func(s *issuer.Session) { s.UserVersion = long(256) }},
		{"KeyID", func(s *issuer.Session) { s.KeyID = long(256) }},
		{"Payload", func(s *issuer.Session) { s.Payload = make([]byte, 1<<24) }},
		{"Refresh.Successor", func(s *issuer.Session) { s.Refresh.Successor = make([]byte, 1<<24) }},
		{"Environment", func(s *issuer.Session) { s.Environment = -1 }},
	}
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		store := newStore(t, d.open(t), bearersql.Config{})
		most := newSession(time.Now().UTC().Truncate(time.Microsecond))
		most.ID, most.Subject, most.Name, most.Owner = long(64), long(300), long(512), long(255)
		most.CreatedBy, most.UserVersion, most.KeyID = long(255), long(255), long(255)
		put(t, store, most)
		assert.Equal(t, most.Name, stored(t, store, most.ID).Name)
		for _, tt := range tests {
			s := newSession(time.Now())
			put(t, store, s)
			tt.change(&s)
			_, err := store.OpenSession(t.Context(), s, 1)
			require.ErrorIs(t, err, errors.ErrUnsupported, tt.field)
			require.ErrorContains(t, err, tt.field+" ")
			require.ErrorIs(t, store.ReplaceSession(t.Context(), s), errors.ErrUnsupported, tt.field)
		}
		for _, text := range []string{long(301), "\x00", "\xff"} {
			_, err := store.GetSession(t.Context(), text)
			assert.ErrorIs(t, err, issuer.ErrNotFound)
			for _, q := range []issuer.SessionQuery{{Owner: text}, {Subject: text}, {CreatedBy: text}} {
				found, err := store.ListSessions(t.Context(), q)
				require.NoError(t, err)
				assert.Empty(t, found)
			}
			require.NoError(t, store.EndSessions(t.Context(), text, ""))
			require.NoError(t, store.EndSessions(t.Context(), "user:none", text))
		}
	})
}

// TestTakenSessionID proves that a session gets no ID that another one has, and
// that a session without a name, or with its ID as its name, is one as any other.
func TestTakenSessionID(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		store := newStore(t, d.open(t), bearersql.Config{})
		first := newSession(time.Now())
		put(t, store, first)
		other := newSession(time.Now())
		other.ID = first.ID
		_, err := store.OpenSession(t.Context(), other, long)
		require.ErrorIs(t, err, issuer.ErrExists)
		other.Name = other.ID
		_, err = store.OpenSession(t.Context(), other, long)
		require.ErrorIs(t, err, issuer.ErrExists)
		assert.Equal(t, first.Subject, stored(t, store, first.ID).Subject)

		for _, name := range []string{"", "se_own"} {
			s := newSession(time.Now())
			s.ID, s.Name = "se_own"+name, name
			put(t, store, s)
			found, err := store.OpenSession(t.Context(), s, 1)
			require.NoError(t, err)
			assert.Equal(t, s.ID, found.ID)
			next := like(s)
			next.CreatedAt, next.ExpiresAt = s.ExpiresAt, s.ExpiresAt.Add(time.Hour)
			put(t, store, next)
		}
	})
}

// TestEndManySessions ends the sessions of a subject that has 10 000.
func TestEndManySessions(t *testing.T) {
	many := 10_000
	if isBrief() {
		many = 500
	}
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		db, prefix := d.open(t), newPrefix()
		store := newStore(t, db, bearersql.Config{Prefix: prefix})
		d.fillSessions(t, db, prefix, many, "'user:many'", "NULL")
		start := time.Now()
		require.NoError(t, store.EndSessions(t.Context(), "user:many", ""))
		t.Logf("%d sessions ended in %v", many, time.Since(start))
		living, err := store.ListSessions(t.Context(), issuer.SessionQuery{Subject: "user:many", LiveAt: start})
		require.NoError(t, err)
		assert.Empty(t, living)
		all, err := store.ListSessions(t.Context(), issuer.SessionQuery{Subject: "user:many", Limit: 3})
		require.NoError(t, err)
		for _, s := range all {
			assert.WithinRange(t, s.EndedAt, start.Add(-time.Second), time.Now())
		}
	})
}

// TestSessionsAsInMemory makes the same calls, which are drawn, of the store and of
// that in memory: their answers are the same.
func TestSessionsAsInMemory(t *testing.T) {
	seeds := 20
	if isBrief() {
		seeds = 3
	}
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		store := newStore(t, d.open(t), bearersql.Config{})
		for seed := range seeds {
			w := &twins{
				sql: store, memory: issuer.NewMemoryStore(), subject: fmt.Sprintf("user:%d-", seed),
				now: time.Now().UTC().Truncate(time.Hour), rand: rand.New(rand.NewPCG(uint64(seed), 1)),
			}
			for step := range 150 {
				require.True(t, w.step(t), "seed %d, step %d", seed, step)
			}
		}
	})
}

// twins are two stores of which the same is asked.
type twins struct {
	sql     *bearersql.Store
	memory  *issuer.MemoryStore
	subject string // begins all subjects
	now     time.Time
	rand    *rand.Rand
	ids     []string
}

// time returns a time within a few hours. It is not close to the present, at which
// EndSessions looks.
func (w *twins) time() time.Time {
	return w.now.Add(time.Duration(w.rand.IntN(6)-3)*2*time.Hour - 30*time.Minute + time.Duration(w.rand.IntN(3))*time.Microsecond)
}

func (w *twins) id() string { return w.ids[w.rand.IntN(len(w.ids))] }

func (w *twins) named() (subject, name string) {
	return w.subject + fmt.Sprint(w.rand.IntN(2)), fmt.Sprint(w.rand.IntN(4))
}

// step makes one call of both, and compares.
func (w *twins) step(t *testing.T) bool {
	t.Helper()
	switch n := w.rand.IntN(20); {
	case n < 7 || len(w.ids) == 0:
		return w.open(t)
	case n < 15:
		return w.replace(t)
	case n == 15:
		subject, _ := w.named()
		except := w.id()
		return w.same(t, w.sql.EndSessions(t.Context(), subject, except), w.memory.EndSessions(t.Context(), subject, except))
	case n == 16:
		before := w.time().Add(-4 * time.Hour)
		_, a := w.sql.Sweep(t.Context(), before, long)
		_, b := w.memory.Sweep(t.Context(), before, long)
		return w.same(t, a, b)
	default:
		return w.list(t)
	}
}

func (w *twins) open(t *testing.T) bool {
	t.Helper()
	s := newSession(w.time())
	s.ID = w.subject + fmt.Sprint(len(w.ids))
	s.Subject, s.Name = w.named()
	s.ExpiresAt = w.time()
	most := long
	switch w.rand.IntN(6) {
	case 0:
		s.EndedAt = w.time()
	case 1, 2:
		most = 3
	case 3:
		if len(w.ids) > 0 {
			s.ID = w.id()
		}
	}
	w.ids = append(w.ids, s.ID)
	a, errA := w.sql.OpenSession(t.Context(), s, most)
	b, errB := w.memory.OpenSession(t.Context(), s, most)
	return w.same(t, errA, errB) && assert.Equal(t, whole(b), whole(a))
}

func (w *twins) replace(t *testing.T) bool {
	t.Helper()
	id := w.id()
	s, errA := w.sql.GetSession(t.Context(), id)
	before, errB := w.memory.GetSession(t.Context(), id)
	if !w.same(t, errA, errB) || !assert.Equal(t, whole(before), whole(s)) {
		return false
	}
	s.ID, s.Label, s.RefreshedAt, s.ExpiresAt = id, fmt.Sprint(w.rand.Int()), w.time(), w.time()
	if s.Subject == "" { // it was swept
		s = newSession(w.time())
		s.ID = id
	}
	switch w.rand.IntN(6) {
	case 0:
		s.Version--
	case 1:
		s.EndedAt, s.Reason = w.time(), "logout"
	case 2:
		s.Subject, s.Name = w.named()
	}
	return w.same(t, w.sql.ReplaceSession(t.Context(), s), w.memory.ReplaceSession(t.Context(), s))
}

func (w *twins) list(t *testing.T) bool {
	t.Helper()
	var q issuer.SessionQuery
	q.Subject, _ = w.named()
	q.Oldest, q.Limit = w.rand.IntN(2) == 0, w.rand.IntN(4)
	if w.rand.IntN(2) == 0 {
		q.LiveAt = w.time()
	}
	if w.rand.IntN(2) == 0 {
		q.After = issuer.Position{CreatedAt: w.time(), ID: w.id()}
	}
	a, errA := w.sql.ListSessions(t.Context(), q)
	b, errB := w.memory.ListSessions(t.Context(), q)
	if !w.same(t, errA, errB) || !assert.Len(t, a, len(b)) {
		return false
	}
	for i := range a {
		if !assert.Equal(t, whole(b[i]), whole(a[i])) {
			return false
		}
	}
	return true
}

// same compares errors by what they wrap.
func (w *twins) same(t *testing.T, a, b error) bool {
	t.Helper()
	for _, sentinel := range []error{issuer.ErrConflict, issuer.ErrExists, issuer.ErrFull, issuer.ErrNotFound} {
		if !assert.Equal(t, errors.Is(b, sentinel), errors.Is(a, sentinel), "%v, want %v", a, b) {
			return false
		}
	}
	return assert.Equal(t, b == nil, a == nil, "%v, want %v", a, b)
}

// whole returns a session in a form that can be compared. When EndSessions ended
// one is not the same for both.
func whole(s issuer.Session) map[string]any {
	if s.Reason == "ended" {
		s.EndedAt = time.Time{}
	}
	return map[string]any{
		"ID": s.ID, "Subject": s.Subject, "Name": s.Name, "Label": s.Label, "Reason": s.Reason, "Version": s.Version,
		"CreatedAt": s.CreatedAt, "ExpiresAt": s.ExpiresAt, "EndedAt": s.EndedAt, "RefreshedAt": s.RefreshedAt,
	}
}
