package storesuite

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/blockauth/bearer/issuer"
)

// opensOld opens a session, and checks that it is the one that is there already.
func (s *sessionSuite) opensOld(name string, asked, want issuer.Session) {
	got, err := s.store.OpenSession(s.ctx, clone(asked), enough)
	if err != nil {
		s.stopf(ruleOpen, "%s: got the error %q of OpenSession, want the session", name, err)
	}
	if got.ID != want.ID {
		s.stopf(ruleOpen, "%s: got the session %q, want %q", name, got.ID, want.ID)
	}
	if text := difference(got, want); text != "" {
		s.stopf(ruleOpen, "%s: %s", name, text)
	}
	if asked.ID != want.ID {
		_, err = s.store.GetSession(s.ctx, asked.ID)
		s.fails(ruleOpen, name+": GetSession of the one that was not opened", err, issuer.ErrNotFound)
	}
}

// again returns a session that OpenSession is asked for instead of another: of the
// same subject and name, and of other fields.
func (s *sessionSuite) again(x issuer.Session) issuer.Session {
	other := s.newSession()
	fillSession(&other)
	other.Subject, other.Name, other.Owner = x.Subject, x.Name, x.Owner
	other.CreatedAt = x.CreatedAt.Add(time.Second)
	other.ExpiresAt = other.CreatedAt.Add(time.Hour)
	return other
}

// opensNew opens a session, and checks that it is a new one.
func (s *sessionSuite) opensNew(broken rule, name string, x issuer.Session) {
	got, err := s.store.OpenSession(s.ctx, clone(x), enough)
	if err != nil {
		s.stopf(broken, "%s: got the error %q of OpenSession, want the new session", name, err)
	}
	if got.ID != x.ID {
		s.stopf(broken, "%s: got the session %q, want the new one, %q", name, got.ID, x.ID)
	}
	s.see(ruleOpen, name, x)
}

// opens asks for sessions that are there, that changed, and that ended.
func (s *sessionSuite) opens() {
	x := s.new("a session")
	s.opensOld("a session that was opened before", s.again(x), x)
	s.opensOld("a session that was opened before, by itself", x, x)
	fillSession(&x)
	s.swap(ruleSwap, "a session that changes", &x)
	s.opensOld("a session that was opened before and changed", s.again(x), x)

	other := s.like(x)
	other.Name = x.Name + "2"
	s.opensNew(ruleOpen, "another name of the same subject", other)
	other = s.newSession()
	other.Name, other.Owner = x.Name, x.Owner
	s.opensNew(ruleOpen, "the same name of another subject", other)
	other = s.newSession()
	other.Subject, other.Name = x.Subject+x.Name[:1], x.Name[1:]
	s.opensNew(ruleOpen, "a subject and a name that together are the same", other)

	for range 3 {
		x.EndedAt, x.Reason = x.CreatedAt.Add(time.Minute), "logout"
		s.swap(ruleSwap, "a session that ends", &x)
		next := s.again(x)
		next.CreatedAt = x.CreatedAt // before the other's EndedAt
		s.opensNew(ruleOpen, "a session whose predecessor ended", next)
		s.see(ruleEnded, "a session that ended, after another one of its name was opened", x)
		s.opensOld("a session whose predecessor ended, again", s.again(next), next)
		x = next
	}
}

// openCopies changes what OpenSession returned.
func (s *sessionSuite) openCopies() {
	x := s.newSession()
	fillSession(&x)
	for _, when := range []string{"stored", "found"} {
		got, err := s.store.OpenSession(s.ctx, clone(x), enough)
		if err != nil {
			s.stopf(ruleFirst, "a session: got the error %q of OpenSession, want nil", err)
		}
		scramble(reflect.ValueOf(&got).Elem())
		s.see(ruleCopies, "a session, after what OpenSession "+when+" was changed", x)
	}
}

// expiry opens sessions around the end of another.
func (s *sessionSuite) expiry() {
	const tick = time.Microsecond
	x := s.new("a session")
	last := s.again(x)
	last.CreatedAt = x.ExpiresAt.Add(-tick)
	s.opensOld("a session, a microsecond before it expires", last, x)
	next := s.again(x)
	next.CreatedAt, next.ExpiresAt = x.ExpiresAt, x.ExpiresAt.Add(time.Hour)
	s.opensNew(ruleOpen, "a session at the instant at which its predecessor expires", next)
	s.see(ruleWhole, "a session that expired", x)
	s.opensOld("a session whose predecessor expired", s.again(next), next)

	long := s.new("a session")
	long.ExpiresAt = long.ExpiresAt.Add(time.Hour)
	s.swap(ruleSwap, "a session that is prolonged", &long)
	late := s.again(long)
	late.CreatedAt = long.ExpiresAt.Add(-tick)
	s.opensOld("a session that was prolonged", late, long)

	short := s.new("a session")
	short.ExpiresAt = short.CreatedAt.Add(time.Second)
	s.swap(ruleSwap, "a session that is shortened", &short)
	s.opensNew(ruleOpen, "a session whose predecessor was shortened", s.again(short))

	old := s.newSession() // the clock is the caller's, not the database's
	old.CreatedAt, old.ExpiresAt = old.CreatedAt.Add(-48*time.Hour), old.CreatedAt.Add(-47*time.Hour)
	s.opensNew(ruleOpen, "a session two days ago", old)
	s.opensOld("a session two days ago, a second later", s.again(old), old)
	early := s.newSession()
	early.CreatedAt, early.ExpiresAt = early.CreatedAt.Add(48*time.Hour), early.CreatedAt.Add(49*time.Hour)
	s.opensNew(ruleOpen, "a session in two days", early)
}

// names opens sessions whose names a loose comparison takes for one.
func (s *sessionSuite) names() {
	base := s.newSession()
	long := strings.Repeat("n", 290)
	names := []string{
		"tab", "Tab", "TAB", "tab ", " tab", "tab\t", "tab\n", "täb", "ta\u0308b", "tab\u200b", "ｔab", "t%b", "t_b", "",
		"strasse", "straße", "ı", "i", "İ", "😀", "😃", "1", "01", "1.0", "1e0", long, long + "a", long + "b",
	}
	opened := make([]issuer.Session, len(names))
	for i, name := range names {
		x := s.like(base)
		x.Name = name
		s.opensNew(ruleExact, fmt.Sprintf("the name %s beside others", quoted(name)), x)
		opened[i] = x
	}
	for _, x := range opened {
		s.opensOld(fmt.Sprintf("the name %s, again", quoted(x.Name)), s.again(x), x)
	}
	for _, subject := range []string{swapCase(base.Subject), base.Subject + " "} {
		x := s.like(base)
		x.Subject, x.Name = subject, "tab"
		s.opensNew(ruleExact, fmt.Sprintf("the subject %q beside %q", subject, base.Subject), x)
	}
}

// full opens sessions until a subject has its max, or twice that: max is soft.
func (s *sessionSuite) full() {
	const most = 6
	base := s.newSession()
	for range 2 * most { // do not count: they ended or expired
		x := s.like(base)
		x.CreatedAt, x.ExpiresAt = x.CreatedAt.Add(-time.Hour), x.CreatedAt
		s.put("a session that expired", x)
		x = s.like(base)
		s.put("a session that ends", x)
		x.EndedAt = x.CreatedAt
		s.swap(ruleSwap, "a session that ends", &x)
	}
	var opened []issuer.Session
	var refused *issuer.Session
	for i := 0; i < 2*most+2 && refused == nil; i++ {
		x := s.like(base)
		_, err := s.store.OpenSession(s.ctx, clone(x), most)
		switch {
		case err == nil:
			opened = append(opened, x)
		case i < most/2:
			s.stopf(ruleFull, "max %d and %d live sessions: got the error %q, want the session", most, i, err)
		default:
			s.fails(ruleFull, fmt.Sprintf("max %d and %d live sessions", most, i), err, issuer.ErrFull)
			refused = &x
		}
	}
	if refused == nil {
		s.stopf(ruleFull, "max %d and %d live sessions: got one more, want an error wrapping ErrFull", most, len(opened))
	}
	_, err := s.store.GetSession(s.ctx, refused.ID)
	s.fails(ruleFull, "GetSession of a session that was one too many", err, issuer.ErrNotFound)
	s.roomAgain(most, base, opened)
}

// roomAgain opens what may be opened although a subject has max sessions.
func (s *sessionSuite) roomAgain(most int, base issuer.Session, opened []issuer.Session) {
	got, err := s.store.OpenSession(s.ctx, s.again(opened[0]), most)
	if err != nil || got.ID != opened[0].ID {
		s.stopf(ruleFull, "a session that lives, of a subject that has max: got %q and %s, want it", got.ID, errorText(err))
	}
	other := s.newSession()
	other.Owner = base.Owner
	if _, err = s.store.OpenSession(s.ctx, other, most); err != nil {
		s.stopf(ruleFull, "another subject of the same owner: got the error %q, want the session", err)
	}
	later := s.like(base)
	later.CreatedAt = later.CreatedAt.Add(2 * time.Hour) // all others expire then
	later.ExpiresAt = later.CreatedAt.Add(time.Hour)
	if _, err = s.store.OpenSession(s.ctx, later, most); err != nil {
		s.stopf(ruleFull, "when the sessions have expired: got the error %q, want the session", err)
	}
	for i := range opened {
		opened[i].EndedAt = opened[i].CreatedAt
		s.swap(ruleSwap, "a session that ends", &opened[i])
	}
	if _, err = s.store.OpenSession(s.ctx, s.like(base), most); err != nil {
		s.stopf(ruleFull, "when the sessions have ended: got the error %q, want the session", err)
	}
}

// replaceWinners is winners for what OpenSession does not create.
func (s *sessionSuite) replaceWinners() {
	for range 3 {
		before := s.new("a session")
		s.one(100, "replacements of one Version", issuer.ErrConflict, func(i int) (issuer.Session, error) {
			changed := clone(before)
			fillSession(&changed)
			changed.Label = strconv.Itoa(i)
			err := s.store.ReplaceSession(s.ctx, clone(changed))
			changed.Version++
			return changed, err
		})
	}
}

// openWinners opens one session by many calls at once, and many of one subject.
func (s *sessionSuite) openWinners() {
	const many = 100
	for _, before := range []string{"", "ended", "expired"} {
		base := s.newSession()
		if before != "" {
			s.predecessor(base, before)
		}
		all := make([]issuer.Session, many)
		var mu sync.Mutex
		s.together(many, "opens of one session", func(i int) {
			x := s.again(base)
			x.Label = strconv.Itoa(i)
			got, err := s.store.OpenSession(s.ctx, clone(x), enough)
			if err != nil {
				s.stopf(ruleWinner, "%d opens of one session at once: got the error %q, want the session", many, err)
			}
			mu.Lock()
			defer mu.Unlock()
			all[i] = got
		})
		for i := range all {
			if text := difference(all[i], all[0]); text != "" {
				s.stopf(ruleWinner, "%d opens of one session at once: two of them differ: %s", many, text)
			}
		}
		s.see(ruleWinner, "a session that many opened at once", all[0])
		s.expect(issuer.SessionQuery{Subject: base.Subject, LiveAt: all[0].CreatedAt}, all[0])
	}
	base := s.newSession()
	s.together(many, "opens of many sessions", func(int) {
		x := s.like(base)
		if got, err := s.store.OpenSession(s.ctx, clone(x), enough); err != nil || got.ID != x.ID {
			s.stopf(ruleWinner, "%d opens of %d sessions at once: got %q and %s, want a session each",
				many, many, got.ID, errorText(err))
		}
	})
}

// predecessor stores a session of the same name that does not live.
func (s *sessionSuite) predecessor(base issuer.Session, how string) {
	x := s.again(base)
	x.CreatedAt, x.ExpiresAt = x.CreatedAt.Add(-time.Hour), base.CreatedAt
	s.put("a session that "+how, x)
	if how == "ended" {
		x.EndedAt = x.CreatedAt
		s.swap(ruleSwap, "a session that ends", &x)
	}
}
