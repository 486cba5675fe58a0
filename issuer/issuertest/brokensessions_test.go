package issuertest_test

import (
	"context"
	"errors"
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
			letOthersRace()
			if other, ok = living(m, s, s.CreatedAt); ok { // stored twice
				s.ID, s.Label = other.ID+"_", "twice"
				return s, nil
			}
			return m.OpenSession(ctx, s, most)
		})},
		{"a lost race is an error", winners, opening(func(m *memory, s session, most int) (session, error) {
			_, lived := living(m, s, s.CreatedAt)
			letOthersRace()
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
	each := func(*session) bool { return true }
	testSessions(t, []brokenRow{
		{"no max", fulls, opening(func(m *memory, s session, _ int) (session, error) {
			return m.OpenSession(ctx, s, unlimited)
		})},
		{"what ended counts", fulls, counting(ofSubject, func(s *session) bool { return s.ExpiresAt.After(time.Now()) })},
		{"what expired counts", fulls, counting(ofSubject, func(s *session) bool { return s.EndedAt.IsZero() })},
		{"all that ever was counts", fulls, counting(ofSubject, each)},
		{"the database's clock counts", fulls, counting(ofSubject, func(s *session) bool {
			return s.EndedAt.IsZero() && s.ExpiresAt.After(time.Now())
		})},
		{"max of an owner", fulls, counting(func(s session) issuer.SessionQuery {
			return issuer.SessionQuery{Owner: s.Owner, LiveAt: s.CreatedAt}
		}, each)},
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
