package issuer

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/blockauth/bearer"
)

// serveRefresh serves POST /auth/refresh.
func (i *Issuer) serveRefresh(w http.ResponseWriter, r *http.Request) error {
	o, err := readObject(w, r)
	if err != nil {
		return err
	}
	text, err := o.text("refresh_token")
	if err != nil {
		return err
	}
	g, err := i.refresh(r.Context(), text)
	if err != nil {
		return err
	}
	g.Write(w)
	return nil
}

// badRefresh refuses a refresh token: there is one answer for whatever is wrong.
func badRefresh() *bearer.Error { return refuse(bearer.CodeInvalidRefreshToken) }

// refresh returns a new access token and a new refresh token. Of many calls with
// one refresh token, one wins the compare-and-swap; the others read the session
// again and are answered with the winner's refresh token, within the grace.
func (i *Issuer) refresh(ctx context.Context, text string) (g Grant, err error) {
	token, isToken := parseRefreshToken(text)
	if !isToken {
		return Grant{}, badRefresh()
	}
	charge := sync.OnceValue(func() error { return i.charge(ctx, refreshQuota, token.session) })
	err = retry(ctx, func() error {
		s, err := i.family(ctx, token)
		if err != nil {
			return err
		}
		g, err = i.refreshIn(ctx, s, token, charge)
		return err
	})
	return g, err
}

// family returns the session of a refresh token that belongs to it, whatever has
// become of both. Who does not know the secret of the family learns and changes
// nothing.
func (i *Issuer) family(ctx context.Context, token refreshToken) (Session, error) {
	s, err := i.store.GetSession(ctx, token.session)
	switch {
	case errors.Is(err, ErrNotFound):
		return Session{}, badRefresh()
	case err != nil:
		return Session{}, outage(err)
	case s.ID != token.session || !equalHash(s.Refresh.Family, hashSecret(token.family)):
		return Session{}, badRefresh()
	}
	return s, nil
}

// refreshIn answers a refresh token of the session. Only what hands out tokens is
// charged: a thief who spends the limit must not hide that a token was used again.
func (i *Issuer) refreshIn(ctx context.Context, s Session, token refreshToken, charge func() error) (Grant, error) {
	now, step := time.Now(), hashSecret(token.step)
	answer := i.spend
	switch {
	case !s.EndedAt.IsZero(), !now.Before(s.Refresh.EndsAt), !now.Before(s.ExpiresAt):
		return Grant{}, badRefresh()
	case equalHash(step, s.Refresh.Step):
		if !now.Before(s.Refresh.ExpiresAt) {
			return Grant{}, badRefresh()
		}
	case equalHash(step, s.Refresh.Spent) && i.inGrace(s.Refresh.SpentAt, now):
		answer = i.repeat
	default:
		return Grant{}, i.endReused(ctx, s)
	}
	if err := charge(); err != nil {
		return Grant{}, err
	}
	return answer(ctx, s, token, now)
}

// inGrace reports whether a step that was spent is still answered.
func (i *Issuer) inGrace(spent, now time.Time) bool {
	grace := i.config.Tokens.ReuseGrace
	return grace > 0 && now.Before(spent.Add(grace))
}

// spend replaces the step of a session by the next, and gives it a new access
// token with what the user may by now.
func (i *Issuer) spend(ctx context.Context, s Session, token refreshToken, now time.Time) (Grant, error) {
	user, err := i.userOf(ctx, s)
	if err != nil {
		return Grant{}, err
	}
	next := token
	next.step = mint("")
	sealed, err := seal(token.step, next)
	if err != nil {
		return Grant{}, outage(err)
	}
	second := now.Truncate(time.Second)
	s.Owner, s.Environment, s.RefreshedAt = user.Owner, user.Environment, second
	s.Refresh.Spent, s.Refresh.Step = s.Refresh.Step, hashSecret(next.step)
	s.Refresh.SpentAt, s.Refresh.Successor = microseconds(now), sealed
	s.Refresh.ExpiresAt = i.refreshEnd(&s, second)
	g, err := i.newGrant(&s, second, i.userTerms(&s, user, second))
	if err != nil {
		return Grant{}, err
	}
	g.RefreshToken = next.String()
	if err := i.replaceSession(ctx, s); err != nil {
		return Grant{}, err
	}
	i.tell(ctx, Event{Type: "refresh.rotated", Actor: s.Subject, Target: s.ID, Owner: s.Owner})
	return g, nil
}

// repeat answers a step that was spent a moment ago: with the same refresh token
// as the first time, and an access token of its own, for which nothing needs to
// be stored. It ends no later than what is stored of the session.
func (i *Issuer) repeat(ctx context.Context, s Session, token refreshToken, now time.Time) (Grant, error) {
	user, err := i.userOf(ctx, s)
	if err != nil {
		return Grant{}, err
	}
	next, err := unseal(token, s.Refresh.Successor)
	if err != nil {
		return Grant{}, outage(err)
	}
	s.Owner, s.Environment = user.Owner, user.Environment
	second, lives := now.Truncate(time.Second), s.ExpiresAt
	t := i.userTerms(&s, user, second)
	t.ExpiresAt = earliest(t.ExpiresAt, lives)
	g, err := i.newGrant(&s, second, t)
	if err != nil {
		return Grant{}, err
	}
	g.RefreshToken = next.String()
	return g, nil
}

// userOf returns the user of a session, with what the user may by now. If the
// user is gone, or not as at the login, the session ends. Without Users, the user
// is as at the login.
func (i *Issuer) userOf(ctx context.Context, s Session) (User, error) {
	id := strings.TrimPrefix(s.Subject, userSubject)
	if i.config.Users == nil {
		c, err := s.claims()
		if err != nil {
			return User{}, outage(err)
		}
		return User{ID: id, Owner: s.Owner, Scopes: c.Scope, Environment: s.Environment}, nil
	}
	user, err := ask(ctx, func(ctx context.Context) (User, error) { return i.config.Users.FindUser(ctx, id) })
	switch {
	case errors.Is(err, ErrNotFound), err == nil && user.Version != s.UserVersion:
		if err := i.endSession(ctx, s, Event{Actor: s.Subject}, reasonUserChanged); err != nil {
			return User{}, err
		}
		return User{}, badRefresh()
	case err != nil:
		return User{}, unavailable(err)
	}
	return checkUser(user, id)
}

// endReused ends the session of a refresh token that was used again: somebody else
// may have it (RFC 9700 section 4.14.2).
func (i *Issuer) endReused(ctx context.Context, s Session) error {
	if err := i.endSession(ctx, s, Event{Actor: s.Subject}, reasonReuse); err != nil {
		return err
	}
	i.tell(ctx, Event{Type: "refresh.reused", Actor: s.Subject, Target: s.ID, Owner: s.Owner})
	return badRefresh()
}
