package storesuite

import (
	"errors"
	"fmt"
	"time"

	"github.com/blockauth/bearer/issuer"
)

// clockDifference is how far the clock of a database may be from that of a test.
const clockDifference = time.Hour

// endAll ends the sessions of a subject but one.
func (s *sessionSuite) endAll(subject, except string) {
	if err := s.store.EndSessions(s.ctx, subject, except); err != nil {
		s.stopf(ruleEnds1, "EndSessions: got the error %q, want nil", err)
	}
}

// hasEnded checks a session that EndSessions ended.
func (s *sessionSuite) hasEnded(name string, before issuer.Session) {
	got, err := s.store.GetSession(s.ctx, before.ID)
	if err != nil {
		s.stopf(ruleEnds1, "%s: got the error %q of GetSession, want the session", name, err)
	}
	if got.EndedAt.IsZero() {
		s.stopf(ruleEnds1, "%s: got it alive, want it to have ended", name)
	}
	if off := time.Since(got.EndedAt).Abs(); off > clockDifference {
		s.stopf(ruleEnds1, "%s: got EndedAt %s, want now", name, textOf(got.EndedAt))
	}
	want := clone(before)
	want.EndedAt, want.Reason, want.Version = got.EndedAt, "ended", before.Version+1
	if text := difference(got, want); text != "" {
		s.stopf(ruleEnds1, "%s: %s", name, text)
	}
}

// allEnd ends all sessions of a subject, and looks at others.
func (s *sessionSuite) allEnd() {
	base := s.newSession()
	sessions := make([]issuer.Session, 30)
	for i := range sessions {
		x := s.like(base)
		if i%2 == 0 {
			fillSession(&x)
		}
		x.CreatedAt = x.CreatedAt.Add(-time.Minute)
		s.put("a session of the subject", x)
		sessions[i] = x
	}
	gone := s.like(base)
	s.put("a session that ended before", gone)
	gone.EndedAt, gone.Reason = gone.CreatedAt.Add(-time.Minute), "logout"
	s.swap(ruleSwap, "a session that ends", &gone)
	others := s.ofOthers(base)
	for _, except := range []string{"", "", others[0].ID} {
		s.endAll(base.Subject, except)
		for i, x := range sessions {
			s.hasEnded(fmt.Sprintf("session %d of 30", i+1), x)
		}
		s.see(ruleEnds1, "a session that ended before", gone)
		for _, x := range others {
			s.see(ruleEnds1, fmt.Sprintf("a session of %q, when those of %q ended", x.Subject, base.Subject), x)
		}
	}
	s.expect(issuer.SessionQuery{Subject: base.Subject, LiveAt: base.CreatedAt})
	again := sessions[0]
	for range 2 {
		s.fails(ruleEnded, "a session that EndSessions ended, when it is replaced",
			s.store.ReplaceSession(s.ctx, clone(again)), issuer.ErrConflict)
		again.Version++
	}
	s.opensNew(ruleEnds1, "a session whose predecessor was ended by EndSessions", s.again(sessions[1]))
	s.endAll(mixed("key:nobody_"), "")
}

// ofOthers stores sessions of subjects that are like another.
func (s *sessionSuite) ofOthers(base issuer.Session) (others []issuer.Session) {
	for _, subject := range []string{
		mixed("key:ak_"), swapCase(base.Subject), base.Subject + "1", base.Subject + " ", base.Subject[:len(base.Subject)-1],
	} {
		x := s.like(base)
		x.Subject = subject
		s.put("a session of another subject", x)
		others = append(others, x)
	}
	return others
}

// othersEnd ends all sessions of a subject but one.
func (s *sessionSuite) othersEnd() {
	base := s.newSession()
	sessions := make([]issuer.Session, 4)
	for i := range sessions {
		sessions[i] = s.like(base)
		s.put("a session of the subject", sessions[i])
	}
	s.endAll(base.Subject, sessions[2].ID)
	for i, x := range sessions {
		if i == 2 {
			s.see(ruleEnds1, "the session that was to stay", x)
			s.opensOld("the session that was to stay", s.again(x), x)
			continue
		}
		s.hasEnded("a session beside the one that was to stay", x)
	}
	s.expect(issuer.SessionQuery{Subject: base.Subject, LiveAt: base.CreatedAt}, sessions[2])
	sessions[2].Label = "changed"
	s.swap(ruleEnds1, "the session that was to stay", &sessions[2])
	if s.foreign {
		return
	}
	s.endAll(base.Subject, swapCase(sessions[2].ID))
	s.hasEnded("a session when another ID, of another case, was to stay", sessions[2])
}

// endWhileReplaced ends sessions that are refreshed at the same time: whichever
// comes first, none lives on.
func (s *sessionSuite) endWhileReplaced() {
	for range 4 {
		base := s.newSession()
		sessions := make([]issuer.Session, 8)
		for i := range sessions {
			sessions[i] = s.like(base)
			s.put("a session of the subject", sessions[i])
		}
		s.together(len(sessions)+1, "EndSessions and replacements at once", func(i int) {
			if i == len(sessions) {
				s.endAll(base.Subject, "")
				return
			}
			s.keepReplacing(sessions[i])
		})
		for _, x := range sessions {
			got, err := s.store.GetSession(s.ctx, x.ID)
			if err != nil || got.EndedAt.IsZero() {
				s.stopf(ruleEnds1, "a session that was replaced while EndSessions ran: got it alive (%s), want it to "+
					"have ended", errorText(err))
			}
		}
	}
}

// keepReplacing replaces a session until it has ended, or twelve times.
func (s *sessionSuite) keepReplacing(x issuer.Session) {
	for ; x.Version <= 12; x.Version++ {
		err := s.store.ReplaceSession(s.ctx, clone(x))
		if errors.Is(err, issuer.ErrConflict) {
			return
		}
		if err != nil {
			s.stopf(ruleEnds1, "a replacement while EndSessions runs: got the error %q, want nil or ErrConflict", err)
		}
	}
}
