package storesuite

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A sessionSuite tests an issuer.SessionStore.
type sessionSuite struct {
	book[issuer.Session]
	store   issuer.SessionStore
	options Options
}

// enough is a max that no check reaches by chance.
const enough = 100_000

// Sessions tests a store of sessions.
func Sessions(store issuer.SessionStore, options Options) error {
	s := &sessionSuite{store: store, options: options}
	s.book = s.newBook(newReport("TestSessionStore"))
	return s.runAll([]check{
		{"a first session", s.first, true},
		{"whole", s.whole, true},
		{"unknown", s.unknown, false},
		{"swaps", s.swaps, true},
		{"copies", s.copies, false},
		{"copies of what was opened", s.openCopies, false},
		{"exact IDs", s.exact, false},
		{"ended", s.endings, false},
		{"opens", s.opens, true},
		{"expiry", s.expiry, false},
		{"exact names", s.names, false},
		{"max", s.full, false},
		{"winners", s.replaceWinners, false},
		{"winners of a name", s.openWinners, false},
		{"all end", s.allEnd, false},
		{"all end but one", s.othersEnd, false},
		{"end of what changes", s.endWhileReplaced, false},
		{"lists", func() { s.lists(s.fillForList, s.settleForList) }, false},
		{"lists of a subject", s.subjectLists, false},
		{"a long list", s.long, false},
		{"contexts that are done", s.done, false},
	})
}

func (s *sessionSuite) newBook(r *report) book[issuer.Session] {
	type session = issuer.Session
	return book[session]{
		report: r, foreign: s.options.NewID != nil, foreignOwner: s.options.NewOwner != nil, hasOldest: true,
		fresh: s.newSession, create: s.open, replace: s.store.ReplaceSession,
		list: s.listSessions, finds: findsSession, variants: sessionVariants(),
		id:        field(func(x *session) *string { return &x.ID }),
		owner:     field(func(x *session) *string { return &x.Owner }),
		createdBy: field(func(x *session) *string { return &x.CreatedBy }),
		version:   field(func(x *session) *int64 { return &x.Version }),
		created:   field(func(x *session) *time.Time { return &x.CreatedAt }),
		ended:     field(func(x *session) *time.Time { return &x.EndedAt }),
		ways: []way[session]{
			{"GetSession", func(ctx context.Context, x *session) (session, error) {
				return s.store.GetSession(ctx, x.ID)
			}},
			{"ListSessions", func(ctx context.Context, x *session) (session, error) {
				list, err := s.store.ListSessions(ctx, issuer.SessionQuery{Subject: x.Subject})
				return pickID(list, err, func(other *session) bool { return other.ID == x.ID })
			}},
		},
	}
}

// open opens a session that is new.
func (s *sessionSuite) open(ctx context.Context, want issuer.Session) error {
	got, err := s.store.OpenSession(ctx, want, enough)
	if err != nil {
		return err
	}
	if text := difference(got, want); text != "" {
		s.stopf(ruleWhole, "OpenSession of a new session: %s", text)
	}
	return nil
}

// newSession returns a plain session of a subject that has no other.
func (s *sessionSuite) newSession() issuer.Session {
	at := now().Truncate(time.Second)
	return issuer.Session{
		ID: s.options.newID("se_"), Subject: mixed("key:ak_"), Name: mixed("name_"), Label: "plain",
		Owner: s.options.newOwner(), CreatedBy: "user_1", Environment: bearer.Test,
		CreatedAt: at, ExpiresAt: at.Add(2 * time.Hour), Version: 1,
	}
}

// like returns a new session of the same subject, with a name of its own.
func (s *sessionSuite) like(x issuer.Session) issuer.Session {
	other := s.newSession()
	other.Subject, other.Owner = x.Subject, x.Owner
	return other
}

func (s *sessionSuite) listSessions(ctx context.Context, q query) ([]issuer.Session, error) {
	return s.store.ListSessions(ctx, issuer.SessionQuery{
		Owner: q.owner, Subject: q.subject, CreatedBy: q.createdBy, LiveAt: q.liveAt, Oldest: q.oldest,
		Cursor: "of the issuer", After: q.after, Limit: q.limit,
	})
}

func lives(x *issuer.Session, at time.Time) bool { return x.EndedAt.IsZero() && at.Before(x.ExpiresAt) }

func findsSession(q query, x *issuer.Session) bool {
	return (q.liveAt.IsZero() || lives(x, q.liveAt)) && (q.subject == "" || q.subject == x.Subject)
}

func (s *sessionSuite) fillForList(x *issuer.Session, n int, on *shelf[issuer.Session]) {
	x.ExpiresAt = x.CreatedAt.Add(time.Hour)
	if n%2 == 0 {
		x.ExpiresAt = on.times[n/2%len(on.times)]
	}
}

// settleForList ends some sessions.
func (s *sessionSuite) settleForList(x *issuer.Session, n int) {
	if n%4 == 1 {
		x.EndedAt = x.CreatedAt
		s.swap(ruleSwap, "a session that ends", x)
	}
}

// subjectLists lists by the subject, with and without an owner.
func (s *sessionSuite) subjectLists() {
	first := s.new("a session")
	second := s.like(first)
	second.CreatedAt = second.CreatedAt.Add(time.Second)
	s.put("a second session", second)
	near := s.newSession()
	near.Owner, near.Subject = first.Owner, swapCase(first.Subject)
	s.put("a session of a subject of another case", near)
	for _, subject := range []string{first.Subject[:len(first.Subject)-1], first.Subject + " ", "key:%"} {
		s.expect(issuer.SessionQuery{Owner: first.Owner, Subject: subject})
	}
	s.expect(issuer.SessionQuery{Subject: first.Subject}, second, first)
	s.expect(issuer.SessionQuery{Subject: first.Subject, Oldest: true}, first, second)
	s.expect(issuer.SessionQuery{Subject: first.Subject, Owner: first.Owner}, second, first)
	s.expect(issuer.SessionQuery{Subject: first.Subject, Owner: s.options.newOwner()})
	s.expect(issuer.SessionQuery{Subject: first.Subject, CreatedBy: "user_1", Limit: 1}, second)
	s.expect(issuer.SessionQuery{Subject: first.Subject, CreatedBy: "user_2"})
	s.expect(issuer.SessionQuery{Subject: near.Subject}, near)
}

// expect makes a query, and compares what it finds.
func (s *sessionSuite) expect(q issuer.SessionQuery, want ...issuer.Session) {
	got, err := s.store.ListSessions(s.ctx, q)
	if err != nil {
		s.stopf(ruleList, "sessions of the subject %q: got the error %q, want a list", q.Subject, err)
	}
	if a, z := s.ids(got), s.ids(want); strings.Join(a, " ") != strings.Join(z, " ") {
		s.stopf(ruleList, "sessions of the subject %q and the owner %q: got %v, want %v", q.Subject, q.Owner, a, z)
	}
}

// sessionVariants are sessions that stores change.
func sessionVariants() []variant[issuer.Session] {
	type session = issuer.Session
	list := []variant[session]{{"a session with everything", fillSession}}
	add := func(name string, change func(*session)) { list = append(list, variant[session]{name, change}) }
	for _, t := range texts() {
		add("a text "+t.name, func(x *session) {
			x.Label, x.CreatedBy, x.Reason, x.UserVersion, x.KeyID = t.text, t.text, t.text, t.text, t.text
			x.Name += t.text
		})
	}
	for _, i := range instants() {
		add("refreshed "+i.name, func(x *session) {
			x.RefreshedAt, x.Refresh.ExpiresAt, x.Refresh.EndsAt, x.Refresh.SpentAt = i.at, i.at, i.at, i.at
		})
	}
	precise := now().Truncate(time.Second).Add(654321 * time.Microsecond)
	add("opened at a microsecond", func(x *session) { x.CreatedAt, x.ExpiresAt = precise, precise.Add(time.Hour) })
	add("until 2200", func(x *session) { x.ExpiresAt = time.Date(2200, 1, 1, 0, 0, 0, 1000, time.UTC) })
	add("ended at the beginning of 1970", func(x *session) { x.EndedAt, x.Reason = time.Unix(0, 0), "logout" })
	add("a name of 300 bytes and a label of 256", func(x *session) {
		x.Name, x.Label = x.Name+strings.Repeat("n", 300-len(x.Name)), strings.Repeat("l", 256)
	})
	add("any bytes", func(x *session) { x.Payload, x.Refresh.Successor = anyBytes(), anyBytes() })
	add("a payload of 8 KiB", func(x *session) { x.Payload = []byte(strings.Repeat(`{"a":"ä"}`, 800)) })
	add("what is empty", func(x *session) {
		x.Payload, x.Refresh.Successor, x.Label, x.CreatedBy = []byte{}, []byte{}, "", ""
		x.Environment = 0
	})
	return list
}

// fillSession sets every field but EndedAt.
func fillSession(x *issuer.Session) {
	at := x.CreatedAt
	x.Label, x.CreatedBy, x.Environment, x.Reason = "everything", "user_2", bearer.Live, "because"
	x.ExpiresAt, x.RefreshedAt = at.Add(time.Hour), at.Add(time.Minute)
	x.SecretHash, x.UserVersion, x.KeyID = newHash(), "v7", "kid_1"
	x.Payload = fmt.Appendf(nil, `{"sub":%q, "iat":1}`, x.Subject)
	x.Refresh = issuer.Refresh{
		Family: newHash(), Step: newHash(), ExpiresAt: at.Add(2 * time.Hour), EndsAt: at.Add(3 * time.Hour),
		Spent: newHash(), SpentAt: at.Add(30 * time.Second), Successor: anyBytes(),
	}
}
