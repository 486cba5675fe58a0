package issuer

import (
	"context"
	"net/http"
	"time"

	"github.com/blockauth/bearer"
)

// A Grant is what a login hands out.
type Grant struct {
	AccessToken  string
	RefreshToken string // "": none
	TokenType    string // "Bearer"
	SessionID    string
	ExpiresIn    time.Duration // of the access token, from now on
	Scopes       bearer.Scopes
}

// Write answers a request with the grant, as POST /auth/login does.
func (g Grant) Write(w http.ResponseWriter) { panic("issuer: not written yet") }

// StartSession starts a session of a user whom the application has logged in
// itself: by SSO, a one-time password or a magic link. The label is what the list
// of sessions shows.
func (i *Issuer) StartSession(ctx context.Context, user User, label string) (Grant, error) {
	return Grant{}, errTodo
}

// EndSession ends a session that the caller may see: one of the caller's own, of
// one of its keys or of one of its clients. Its tokens are refused from then on.
func (i *Issuer) EndSession(ctx context.Context, by Caller, id string) error { return errTodo }

// EndSessions ends all sessions of a subject, such as "user:42": after a change
// of the password, say. A subject without a prefix is a user's ID. If there is an
// error, some may have ended: call it again.
func (i *Issuer) EndSessions(ctx context.Context, subject string) error { return errTodo }

// ListSessions returns the sessions that the caller may see and the query finds,
// the newest first, and the cursor of the next page, "" for none. A page may hold
// fewer than the query's Limit.
func (i *Issuer) ListSessions(ctx context.Context, by Caller, q SessionQuery) (sessions []Session, next string, err error) {
	return nil, "", errTodo
}

func (i *Issuer) serveLogin(w http.ResponseWriter, r *http.Request) error        { return errTodo }
func (i *Issuer) serveRefresh(w http.ResponseWriter, r *http.Request) error      { return errTodo }
func (i *Issuer) serveLogout(w http.ResponseWriter, r *http.Request) error       { return errTodo }
func (i *Issuer) serveMe(w http.ResponseWriter, r *http.Request) error           { return errTodo }
func (i *Issuer) serveAnyMe(w http.ResponseWriter, r *http.Request) error        { return errTodo }
func (i *Issuer) serveListSessions(w http.ResponseWriter, r *http.Request) error { return errTodo }
func (i *Issuer) serveEndSession(w http.ResponseWriter, r *http.Request) error   { return errTodo }
