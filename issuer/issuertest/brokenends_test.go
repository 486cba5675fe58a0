package issuertest_test

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/blockauth/bearer/issuer"
)

// endingEach is a store that ends sessions one by one.
func endingEach(end func(m *issuer.MemoryStore, s session, except string)) func(*brokenStore) {
	return func(b *brokenStore) {
		b.endSessions = func(subject, except string) error {
			all, _ := b.MemoryStore.ListSessions(ctx, issuer.SessionQuery{Subject: subject, LiveAt: time.Now()})
			for _, s := range all {
				end(b.MemoryStore, s, except)
			}
			return nil
		}
	}
}

// endOne ends a session after a change, and again if another replaced it.
func endOne(m *issuer.MemoryStore, s session, change func(*session)) {
	for {
		s.EndedAt, s.Reason = time.Now(), "ended"
		change(&s)
		if err := m.ReplaceSession(ctx, s); !errors.Is(err, issuer.ErrConflict) {
			return
		}
		s, _ = m.GetSession(ctx, s.ID)
		if !s.EndedAt.IsZero() {
			return
		}
	}
}

func TestBrokenEnds(t *testing.T) {
	type memory = issuer.MemoryStore
	changing := func(change func(*session)) func(*brokenStore) {
		return endingEach(func(m *memory, s session, except string) {
			if s.ID != except {
				endOne(m, s, change)
			}
		})
	}
	testSessions(t, []brokenRow{
		{"nothing ends", ends, endingEach(func(*memory, session, string) {})},
		{"all end", ends, endingEach(func(m *memory, s session, _ string) { endOne(m, s, func(*session) {}) })},
		{"the one without case stays", ends, endingEach(func(m *memory, s session, except string) {
			if !strings.EqualFold(s.ID, except) {
				endOne(m, s, func(*session) {})
			}
		})},
		{"no reason", ends, changing(func(s *session) { s.Reason = "" })},
		{"no payload", ends, changing(func(s *session) { s.Payload = nil })},
		{"ended at the expiry", ends, changing(func(s *session) { s.EndedAt = s.ExpiresAt.Add(time.Hour) })},
		{"no new Version", ends, func(b *brokenStore) {
			b.sessionOut = func(s *session) {
				if s.Reason == "ended" {
					s.Version--
				}
			}
		}},
		{"what another replaces lives on", ends, endingEach(func(m *memory, s session, except string) {
			if s.ID == except {
				return
			}
			letOthersRace()
			s.EndedAt, s.Reason = time.Now(), "ended"
			_ = m.ReplaceSession(ctx, s)
		})},
		{"the first twenty end", ends, func(b *brokenStore) {
			b.endSessions = func(subject, except string) error {
				q := issuer.SessionQuery{Subject: subject, LiveAt: time.Now(), Limit: 20}
				all, _ := b.MemoryStore.ListSessions(ctx, q)
				for _, s := range all {
					if s.ID != except {
						endOne(b.MemoryStore, s, func(*session) {})
					}
				}
				return nil
			}
		}},
		{"what ended ends again", ends, func(b *brokenStore) {
			var again lockedMap[string, time.Time]
			b.endSessions = func(subject, except string) error {
				all, _ := b.MemoryStore.ListSessions(ctx, issuer.SessionQuery{Subject: subject})
				for _, s := range all {
					if s.ID != except {
						again.set(s.ID, time.Now())
					}
				}
				return b.MemoryStore.EndSessions(ctx, subject, except)
			}
			b.sessionOut = func(s *session) {
				if at, ok := again.get(s.ID); ok && !s.EndedAt.IsZero() {
					s.EndedAt, s.Reason = at, "ended"
				}
			}
		}},
		{"subjects that begin alike", ends, onSubjects(strings.HasPrefix)},
		{"subjects without case", ends, onSubjects(strings.EqualFold)},
		{"subjects without spaces after", ends, onSubjects(func(a, b string) bool {
			return strings.TrimRight(a, " ") == strings.TrimRight(b, " ")
		})},
		{"an unknown subject is an error", ends, func(b *brokenStore) {
			b.endSessions = func(subject, except string) error {
				all, _ := b.MemoryStore.ListSessions(ctx, issuer.SessionQuery{Subject: subject})
				if len(all) == 0 {
					return issuer.ErrNotFound
				}
				return b.MemoryStore.EndSessions(ctx, subject, except)
			}
		}},
	})
}

// onSubjects is a store that ends the sessions of all subjects that are the same
// as the one that is meant, in its eyes.
func onSubjects(same func(subject, meant string) bool) func(*brokenStore) {
	return func(b *brokenStore) {
		var mu = make(chan map[string]bool, 1)
		mu <- map[string]bool{}
		b.sessionIn = func(s *session) {
			all := <-mu
			all[s.Subject] = true
			mu <- all
		}
		b.endSessions = func(subject, except string) error {
			all := <-mu
			defer func() { mu <- all }()
			for other := range all {
				if same(other, subject) {
					_ = b.MemoryStore.EndSessions(ctx, other, except)
				}
			}
			return nil
		}
	}
}

func TestBrokenSessionLists(t *testing.T) {
	type query = issuer.SessionQuery
	listing := func(change func(m *issuer.MemoryStore, q query) ([]session, error)) func(*brokenStore) {
		return func(b *brokenStore) {
			b.listSessions = func(q query) ([]session, error) { return change(b.MemoryStore, q) }
		}
	}
	asking := func(change func(*query)) func(*brokenStore) {
		return listing(func(m *issuer.MemoryStore, q query) ([]session, error) {
			change(&q)
			return m.ListSessions(ctx, q)
		})
	}
	testSessions(t, []brokenRow{
		{"never the oldest first", lists, asking(func(q *query) { q.Oldest = false })},
		{"always the oldest first", lists, asking(func(q *query) { q.Oldest = true })},
		{"the oldest by time alone", lists, listing(func(m *issuer.MemoryStore, q query) ([]session, error) {
			all, err := m.ListSessions(ctx, q)
			if q.Oldest {
				slices.SortStableFunc(all, func(a, b session) int {
					return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(b.ID, a.ID))
				})
			}
			return all, err
		})},
		{"after the other way round", lists, listing(func(m *issuer.MemoryStore, q query) ([]session, error) {
			all, err := m.ListSessions(ctx, q)
			if q.Oldest && q.After != (issuer.Position{}) {
				q.Oldest = false
				all, err = m.ListSessions(ctx, q)
				slices.Reverse(all)
			}
			return all, err
		})},
		{"what expires at LiveAt lives", lists, asking(func(q *query) {
			if !q.LiveAt.IsZero() {
				q.LiveAt = q.LiveAt.Add(-time.Nanosecond)
			}
		})},
		{"what ended lives", lists, listing(func(m *issuer.MemoryStore, q query) ([]session, error) {
			at, limit := q.LiveAt, q.Limit
			q.LiveAt, q.Limit = time.Time{}, 0
			all, err := m.ListSessions(ctx, q)
			all = slices.DeleteFunc(all, func(s session) bool { return !at.IsZero() && !at.Before(s.ExpiresAt) })
			if limit > 0 {
				all = all[:min(limit, len(all))]
			}
			return all, err
		})},
		{"subjects that begin alike", lists, listing(func(m *issuer.MemoryStore, q query) ([]session, error) {
			all, err := m.ListSessions(ctx, q)
			if len(all) == 0 && q.Owner != "" {
				subject := q.Subject
				q.Subject = ""
				all, err = m.ListSessions(ctx, q)
				all = slices.DeleteFunc(all, func(s session) bool { return !strings.HasPrefix(s.Subject, subject) })
			}
			return all, err
		})},
		{"the owner of a subject does not matter", lists, asking(func(q *query) {
			if q.Subject != "" {
				q.Owner = ""
			}
		})},
		{"who created a session does not matter", lists, asking(func(q *query) { q.CreatedBy = "" })},
		{"live sessions alone", whole, asking(func(q *query) {
			if q.LiveAt.IsZero() {
				q.LiveAt = time.Now()
			}
		})},
		{"a limit of 100 if none is set", lists, asking(func(q *query) { q.Limit = cmp.Or(q.Limit, 100) })},
	})
}
