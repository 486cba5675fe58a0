package issuertest_test

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/issuertest"
)

func testSessions(t *testing.T, rows []brokenRow) {
	t.Helper()
	testBroken(t, "TestSessionStore", func(b *brokenStore) error { return issuertest.TestSessionStore(b) }, rows)
}

func onSessionOut(change func(*session)) func(*brokenStore) {
	return func(b *brokenStore) { b.sessionOut = change }
}

func TestBrokenSessionFields(t *testing.T) {
	testSessions(t, []brokenRow{
		{"a payload of text", whole, onSessionOut(func(s *session) {
			s.Payload = []byte(strings.ToValidUTF8(string(s.Payload), "?"))
		})},
		{"a payload of JSON", whole, onSessionOut(func(s *session) {
			s.Payload = []byte(strings.ReplaceAll(string(s.Payload), `, "iat"`, `,"iat"`))
		})},
		{"a successor up to a zero byte", whole, onSessionOut(func(s *session) {
			before, _, _ := strings.Cut(string(s.Refresh.Successor), "\x00")
			s.Refresh.Successor = []byte(before)
		})},
		{"a payload of 4 KiB", whole, onSessionOut(func(s *session) {
			s.Payload = s.Payload[:min(len(s.Payload), 4096)]
		})},
		{"no SpentAt", whole, onSessionOut(func(s *session) { s.Refresh.SpentAt = time.Time{} })},
		{"no SecretHash", whole, onSessionOut(func(s *session) { s.SecretHash = [32]byte{} })},
		{"one hash for another", whole, onSessionOut(func(s *session) { s.Refresh.Spent = s.Refresh.Step })},
		{"no UserVersion", whole, onSessionOut(func(s *session) { s.UserVersion = "" })},
		{"expiries to the second", whole, onSessionOut(func(s *session) {
			s.ExpiresAt = s.ExpiresAt.Truncate(time.Second)
		})},
		{"labels of 255 bytes", whole, onSessionOut(func(s *session) { s.Label = cut(s.Label, 255) })},
		{"names of 255 bytes", whole, onSessionOut(func(s *session) { s.Name = cut(s.Name, 255) })},
		{"a replacement does not touch the payload", whole, func(b *brokenStore) {
			b.replaceSession = func(s session) error {
				if old, err := b.MemoryStore.GetSession(ctx, s.ID); err == nil {
					s.Payload = old.Payload
				}
				return b.MemoryStore.ReplaceSession(ctx, s)
			}
		}},
		{"a shared payload", copies, func(b *brokenStore) {
			var shared lockedMap[string, []byte]
			b.sessionOut = func(s *session) {
				if p, ok := shared.get(s.ID); ok && len(p) == len(s.Payload) {
					s.Payload = p
				} else {
					shared.set(s.ID, s.Payload)
				}
			}
		}},
		{"an opened session is what was given", copies, func(b *brokenStore) {
			var shared lockedMap[string, []byte]
			b.open = func(s session, most int) (session, error) {
				got, err := b.MemoryStore.OpenSession(ctx, s, most)
				if err == nil && got.ID == s.ID {
					shared.set(s.ID, s.Payload)
				}
				return got, err
			}
			b.sessionOut = func(s *session) {
				if p, ok := shared.get(s.ID); ok && s.Version == 1 {
					s.Payload = slices.Clone(p)
				}
			}
		}},
		{"an ended session is not found", ended, func(b *brokenStore) {
			b.getSession = func(id string) (session, error) {
				s, err := b.MemoryStore.GetSession(ctx, id)
				if err == nil && s.EndedAt.Unix() > 0 {
					return session{}, issuer.ErrNotFound
				}
				return s, err
			}
		}},
		{"an ended session is replaced", ended, func(b *brokenStore) {
			b.replaceSession = func(s session) error {
				err := b.MemoryStore.ReplaceSession(ctx, s)
				if old, _ := b.MemoryStore.GetSession(ctx, s.ID); errors.Is(err, issuer.ErrConflict) && !old.EndedAt.IsZero() {
					return nil
				}
				return err
			}
		}},
		{"an outage is an unknown session", outages, func(b *brokenStore) {
			b.down = func(ctx context.Context) error {
				if ctx.Err() != nil {
					return issuer.ErrNotFound
				}
				return nil
			}
		}},
	})
}

// named is a store that opens sessions by names that it changes, of subjects that
// it changes.
func named(change func(subject, name string) string) func(*brokenStore) {
	return func(b *brokenStore) {
		var opened lockedMap[string, [2]string]
		b.open = func(s session, most int) (session, error) {
			place := change(s.Subject, s.Name)
			if other, ok := opened.get(place); ok {
				asked := s
				asked.Subject, asked.Name = other[0], other[1]
				return b.MemoryStore.OpenSession(ctx, asked, most)
			}
			opened.set(place, [2]string{s.Subject, s.Name})
			return b.MemoryStore.OpenSession(ctx, s, most)
		}
	}
}

// byName is named for stores that go by the subject as it is.
func byName(change func(string) string) func(*brokenStore) {
	return named(func(subject, name string) string { return subject + "\x00" + change(name) })
}

// opening is a store that opens sessions by a function.
func opening(open func(m *issuer.MemoryStore, s session, most int) (session, error)) func(*brokenStore) {
	return func(b *brokenStore) {
		b.open = func(s session, most int) (session, error) { return open(b.MemoryStore, s, most) }
	}
}

// living returns the session of the subject and name of s that lives at a time.
func living(m *issuer.MemoryStore, s session, at time.Time) (session, bool) {
	all, _ := m.ListSessions(ctx, issuer.SessionQuery{Subject: s.Subject, LiveAt: at})
	i := slices.IndexFunc(all, func(other session) bool { return other.Name == s.Name })
	if i < 0 {
		return session{}, false
	}
	return all[i], true
}

func TestBrokenOpens(t *testing.T) {
	type memory = issuer.MemoryStore
	accents := strings.NewReplacer("ä", "a", "a\u0308", "a", "ß", "ss", "😃", "😀", "ｔ", "t")
	testSessions(t, []brokenRow{
		{"names without case", exact, byName(strings.ToLower)},
		{"names without spaces after", exact, byName(func(n string) string { return strings.TrimRight(n, " ") })},
		{"names without white space", exact, byName(strings.TrimSpace)},
		{"names without accents", exact, byName(accents.Replace)},
		{"names in one normal form", exact, byName(strings.NewReplacer("a\u0308", "ä").Replace)},
		{"names of three-byte characters", exact, byName(strings.NewReplacer("😃", "?", "😀", "?").Replace)},
		{"names by their first 255 bytes", exact, byName(func(n string) string { return cut(n, 255) })},
		{"names that are numbers", exact, byName(func(n string) string { return strings.TrimLeft(n, "0") })},
		{"subjects without case", exact, named(func(subject, name string) string {
			return strings.ToLower(subject) + "\x00" + name
		})},
		{"subjects without spaces after", exact, named(func(subject, name string) string {
			return strings.TrimRight(subject, " ") + "\x00" + name
		})},
		{"subjects and names together", opens, named(func(subject, name string) string { return subject + name })},
		{"names alone", opens, named(func(_, name string) string { return name })},
		{"what was asked for is returned", opens, opening(func(m *memory, s session, most int) (session, error) {
			got, err := m.OpenSession(ctx, s, most)
			if err == nil && got.ID != s.ID {
				return s, nil
			}
			return got, err
		})},
		{"what is found is updated", opens, opening(func(m *memory, s session, most int) (session, error) {
			got, err := m.OpenSession(ctx, s, most)
			if err == nil && got.ID != s.ID {
				got.Payload = s.Payload
				_ = m.ReplaceSession(ctx, got)
				return m.GetSession(ctx, got.ID)
			}
			return got, err
		})},
		{"an ended session keeps its name", opens, func(b *brokenStore) {
			var names lockedMap[[2]string, bool]
			b.open = func(s session, most int) (session, error) {
				if _, ok := living(b.MemoryStore, s, s.CreatedAt); !ok {
					if _, ok = names.get([2]string{s.Subject, s.Name}); ok {
						return session{}, errors.New("duplicate entry")
					}
				}
				names.set([2]string{s.Subject, s.Name}, true)
				return b.MemoryStore.OpenSession(ctx, s, most)
			}
		}},
		{"an expired session keeps its name", opens, opening(func(m *memory, s session, most int) (session, error) {
			all, _ := m.ListSessions(ctx, issuer.SessionQuery{Subject: s.Subject})
			for _, other := range all {
				if other.Name == s.Name && other.EndedAt.IsZero() {
					return other, nil
				}
			}
			return m.OpenSession(ctx, s, most)
		})},
		{"it lives at ExpiresAt", opens, opening(func(m *memory, s session, most int) (session, error) {
			if other, ok := living(m, s, s.CreatedAt.Add(-time.Nanosecond)); ok {
				return other, nil
			}
			return m.OpenSession(ctx, s, most)
		})},
		{"it dies a second before ExpiresAt", opens, opening(func(m *memory, s session, most int) (session, error) {
			_, lives := living(m, s, s.CreatedAt)
			if _, later := living(m, s, s.CreatedAt.Add(time.Second)); lives && !later {
				s.Name += "\x00"
			}
			return m.OpenSession(ctx, s, most)
		})},
		{"the database's clock", opens, opening(func(m *memory, s session, most int) (session, error) {
			if other, ok := living(m, s, time.Now()); ok {
				return other, nil
			}
			all, _ := m.ListSessions(ctx, issuer.SessionQuery{Subject: s.Subject})
			if len(all) > 0 && all[0].Name == s.Name {
				s.Name += "\x00"
			}
			return m.OpenSession(ctx, s, most)
		})},
		{"a look, then a write", winners, opening(func(m *memory, s session, most int) (session, error) {
			other, ok := living(m, s, s.CreatedAt)
			if ok {
				return other, nil
			}
			runtime.Gosched()
			if other, ok = living(m, s, s.CreatedAt); ok { // stored twice
				s.ID, s.Label = other.ID+"_", "twice"
				return s, nil
			}
			return m.OpenSession(ctx, s, most)
		})},
		{"a lost race is an error", winners, opening(func(m *memory, s session, most int) (session, error) {
			_, lived := living(m, s, s.CreatedAt)
			runtime.Gosched()
			got, err := m.OpenSession(ctx, s, most)
			if !lived && err == nil && got.ID != s.ID {
				return session{}, errors.New("duplicate key value")
			}
			return got, err
		})},
	})
}

func TestBrokenMax(t *testing.T) {
	type memory = issuer.MemoryStore
	const unlimited = 1 << 30
	// counting is a store that is full by a count of its own.
	counting := func(q func(session) issuer.SessionQuery, counts func(*session) bool) func(*brokenStore) {
		return opening(func(m *memory, s session, most int) (session, error) {
			if other, ok := living(m, s, s.CreatedAt); ok {
				return other, nil
			}
			all, _ := m.ListSessions(ctx, q(s))
			all = slices.DeleteFunc(all, func(other session) bool { return !counts(&other) })
			if len(all) >= most {
				return session{}, issuer.ErrFull
			}
			return m.OpenSession(ctx, s, unlimited)
		})
	}
	ofSubject := func(s session) issuer.SessionQuery { return issuer.SessionQuery{Subject: s.Subject} }
	any := func(*session) bool { return true }
	testSessions(t, []brokenRow{
		{"no max", fulls, opening(func(m *memory, s session, _ int) (session, error) {
			return m.OpenSession(ctx, s, unlimited)
		})},
		{"what ended counts", fulls, counting(ofSubject, func(s *session) bool { return s.ExpiresAt.After(time.Now()) })},
		{"what expired counts", fulls, counting(ofSubject, func(s *session) bool { return s.EndedAt.IsZero() })},
		{"all that ever was counts", fulls, counting(ofSubject, any)},
		{"the database's clock counts", fulls, counting(ofSubject, func(s *session) bool {
			return s.EndedAt.IsZero() && s.ExpiresAt.After(time.Now())
		})},
		{"max of an owner", fulls, counting(func(s session) issuer.SessionQuery {
			return issuer.SessionQuery{Owner: s.Owner, LiveAt: s.CreatedAt}
		}, any)},
		{"what lives is refused", fulls, opening(func(m *memory, s session, most int) (session, error) {
			all, _ := m.ListSessions(ctx, issuer.SessionQuery{Subject: s.Subject, LiveAt: s.CreatedAt})
			if len(all) >= most {
				return session{}, issuer.ErrFull
			}
			return m.OpenSession(ctx, s, most)
		})},
		{"what is one too many is stored", fulls, opening(func(m *memory, s session, most int) (session, error) {
			got, err := m.OpenSession(ctx, s, most)
			if errors.Is(err, issuer.ErrFull) {
				_, _ = m.OpenSession(ctx, s, unlimited)
			}
			return got, err
		})},
		{"another error", fulls, opening(func(m *memory, s session, most int) (session, error) {
			got, err := m.OpenSession(ctx, s, most)
			if errors.Is(err, issuer.ErrFull) {
				return got, issuer.ErrConflict
			}
			return got, err
		})},
		{"max is one less by far", fulls, opening(func(m *memory, s session, most int) (session, error) {
			return m.OpenSession(ctx, s, max(1, most-5))
		})},
	})
}

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
			runtime.Gosched()
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
