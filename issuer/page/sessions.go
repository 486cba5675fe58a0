package page

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A sessionList is one page of sessions.
type sessionList struct {
	Rows        []sessionRow
	Next, First string // queries of other pages, or ""
}

// A sessionRow is a session in a list.
type sessionRow struct {
	ID, ShortID, Subject, Label string
	Key                         string // the ID of the key that it is of, or ""
	Created, Refreshed, Expires moment
}

// showSessions shows the sessions that live.
func (p *page) showSessions(ctx context.Context, v *view, q url.Values) error {
	if !p.hasSessions {
		return refuse(bearer.CodeNotFound)
	}
	v.Place, v.Title = "sessions", v.T("Sessions")
	now := time.Now()
	cursor := q.Get("cursor")
	sessions, next, err := p.iss.ListSessions(ctx, v.by, issuer.SessionQuery{
		LiveAt: now, Cursor: cursor, Limit: p.config.PageSize,
	})
	if err != nil {
		return err
	}
	l := &sessionList{}
	for _, s := range sessions {
		l.Rows = append(l.Rows, v.sessionRow(s, now))
	}
	if next != "" {
		l.Next = "?sessions&cursor=" + url.QueryEscape(next)
	}
	if cursor != "" {
		l.First = "?sessions"
	}
	v.Sessions, v.Body = l, "sessions"
	return nil
}

func (v *view) sessionRow(s issuer.Session, now time.Time) sessionRow {
	kind, id, _ := strings.Cut(s.Subject, ":")
	r := sessionRow{
		ID:        s.ID,
		ShortID:   s.ID[:min(8, len(s.ID))],
		Subject:   s.Subject,
		Label:     s.Label,
		Created:   v.moment(s.CreatedAt, now),
		Refreshed: v.moment(s.RefreshedAt, now),
		Expires:   v.moment(s.ExpiresAt, now),
	}
	switch kind {
	case "user":
		r.Subject = v.T("You")
	case "key":
		r.Subject, r.Key = v.T("Key")+" "+id, id
	case "client", "credential":
		r.Subject = v.T("Client") + " " + id
	}
	return r
}

// endSession ends a session.
func (p *page) endSession(ctx context.Context, v *view, form url.Values) error {
	v.Place, v.Title = "sessions", v.T("Sessions")
	if err := p.iss.EndSession(ctx, v.by, form.Get("session")); err != nil {
		return err
	}
	v.goTo("sessions&done=session-ended")
	return nil
}
