package issuer

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/blockauth/bearer"
)

// EndSession ends a session that the caller may see: one of the caller's own, of
// one of its keys or of one of its clients. Its tokens are refused from then on.
// One that has ended stays as it is.
func (i *Issuer) EndSession(ctx context.Context, by Caller, id string) error {
	if err := by.mayChange(); err != nil {
		return err
	}
	if !isID(id) {
		return notFound()
	}
	return i.endSessionByID(ctx, id, Event{Actor: by.ID}, reasonEnded, func(s *Session) error {
		if !by.seesSession(s) {
			return notFound()
		}
		return nil
	})
}

// EndSessions ends all sessions of a subject, such as "user:42": after a change
// of the password, say. A subject without a prefix is a user's ID. If there is an
// error, some may have ended: call it again.
func (i *Issuer) EndSessions(ctx context.Context, subject string) error {
	if subject == "" {
		return invalid("subject", "subject is missing.")
	}
	if !hasSubjectPrefix(subject) {
		subject = userSubject + subject
	}
	err := i.store.EndSessions(ctx, subject, "")
	i.changed(Change{Subject: subject})
	if err != nil {
		return outage(err)
	}
	i.tell(ctx, Event{Type: "session.ended", Target: subject, Detail: map[string]string{"reason": reasonEnded}})
	return nil
}

// hasSubjectPrefix reports whether a text says what kind of subject it is.
func hasSubjectPrefix(text string) bool {
	for _, prefix := range []string{userSubject, keySubject, clientSubject, credentialSubject} {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}

// serveEndSession serves DELETE /auth/sessions/{id}.
func (i *Issuer) serveEndSession(w http.ResponseWriter, r *http.Request) error {
	by, err := i.callerOf(r)
	if err != nil {
		return err
	}
	if err := i.EndSession(r.Context(), by, pathValue(r, "/auth/sessions/{id}", "id")); err != nil {
		return err
	}
	return noContent(w)
}

// serveLogout serves POST /auth/logout. If there is an Authorization field, it
// alone says which session ends. A refresh token that is not known has ended
// already, as far as its client is concerned.
func (i *Issuer) serveLogout(w http.ResponseWriter, r *http.Request) error {
	if len(r.Header["Authorization"]) > 0 {
		return i.serveTokenLogout(w, r)
	}
	o, err := readOptional(w, r)
	if err != nil {
		return err
	}
	if !o.has("refresh_token") {
		return i.serveTokenLogout(w, r)
	}
	text, err := o.text("refresh_token")
	if err != nil {
		return err
	}
	if token, isToken := parseRefreshToken(text); isToken {
		s, err := i.family(r.Context(), token)
		if err == nil {
			err = i.endSessionByID(r.Context(), s.ID, Event{Actor: s.Subject}, reasonLogout, isAnySession)
		}
		if err != nil && bearer.CodeOf(err) != bearer.CodeInvalidRefreshToken {
			return err
		}
	}
	return noContent(w)
}

// serveTokenLogout serves a logout by an access token.
func (i *Issuer) serveTokenLogout(w http.ResponseWriter, r *http.Request) error {
	p, err := i.guards.tokens.Check(r)
	if err != nil {
		return err
	}
	id, _ := p.Claims["sid"].(string)
	if err := i.endSessionByID(r.Context(), id, Event{Actor: p.ID}, reasonLogout, isAnySession); err != nil {
		return err
	}
	return noContent(w)
}

// isAnySession lets endSessionByID end whatever it finds.
func isAnySession(*Session) error { return nil }

// endSessionByID ends the session with the ID if check allows it. The event
// says who does it.
func (i *Issuer) endSessionByID(
	ctx context.Context, id string, e Event, reason string, check func(*Session) error,
) error {
	return retry(ctx, func() error {
		s, err := i.store.GetSession(ctx, id)
		if err != nil {
			return err
		}
		if err := check(&s); err != nil {
			return err
		}
		return i.endSession(ctx, s, e, reason)
	})
}

// endSession ends a session as it was read, and tells of it with the event,
// which says who does it. If it has ended, there is nothing to do; if it was
// changed meanwhile, the error wraps ErrConflict.
func (i *Issuer) endSession(ctx context.Context, s Session, e Event, reason string) error {
	if !s.EndedAt.IsZero() {
		i.changed(Change{Session: s.ID}) // it may have ended in another process
		return nil
	}
	s.EndedAt, s.Reason = storeNow(), reason
	if err := i.replaceSession(ctx, s); err != nil {
		return err
	}
	e.Type, e.Target, e.Owner = "session.ended", s.ID, s.Owner
	e.Detail = map[string]string{"subject": s.Subject, "reason": reason}
	i.tell(ctx, e)
	return nil
}

// replaceSession replaces a session. One that is gone has been changed: that is
// ErrConflict too. It is forgotten whatever the store says, since it may have been
// changed.
func (i *Issuer) replaceSession(ctx context.Context, s Session) error {
	err := i.store.ReplaceSession(ctx, s)
	i.changed(Change{Session: s.ID})
	if errors.Is(err, ErrNotFound) {
		return ErrConflict
	}
	return err
}
