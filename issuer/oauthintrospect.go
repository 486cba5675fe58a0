package issuer

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/blockauth/bearer"
)

// An introspection is what RFC 7662 section 2.2 tells of a token.
type introspection struct {
	Active      bool          `json:"active"`
	Scope       bearer.Scopes `json:"scope"`
	ClientID    string        `json:"client_id,omitempty"`
	TokenType   string        `json:"token_type"`
	ExpiresAt   int64         `json:"exp"`
	IssuedAt    int64         `json:"iat"`
	Subject     string        `json:"sub"`
	Audience    string        `json:"aud"`
	Issuer      string        `json:"iss"`
	ID          string        `json:"jti"`
	Session     string        `json:"sid"`
	Owner       string        `json:"owner"`
	Environment string        `json:"env,omitempty"`
	ReadOnly    bool          `json:"read_only,omitempty"`
}

// inactive is what is told of anything that is no good token: nothing more (RFC
// 7662 section 2.2).
var inactive = struct {
	Active bool `json:"active"`
}{}

// serveOAuthIntrospect serves RFC 7662 for the access tokens of this issuer.
func (i *Issuer) serveOAuthIntrospect(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	client, _, err := i.authenticate(r, form)
	if err != nil {
		return err
	}
	if !client.Introspect {
		return &bearer.Error{
			Code: bearer.CodeForbidden, Reason: unauthorizedClient, Detail: "The client may not introspect tokens.",
		}
	}
	p, isGood, err := i.inspect(r, form)
	if err != nil {
		return err
	}
	if !isGood {
		return answer(w, http.StatusOK, inactive)
	}
	return i.answerActive(w, r, p)
}

// answerActive tells of a token that is good. Its scopes are those that it has at
// present, which may be fewer than its claims say.
func (i *Issuer) answerActive(w http.ResponseWriter, r *http.Request, p *bearer.Principal) error {
	end, err := i.endOfBasis(r.Context(), p)
	if err != nil {
		return err
	}
	text := func(name string) string {
		value, _ := p.Claims[name].(string)
		return value
	}
	seconds := func(name string) int64 {
		value, _ := p.Claims[name].(float64)
		return int64(value)
	}
	t := introspection{
		Active:      true,
		Scope:       p.Scopes,
		TokenType:   "Bearer",
		ExpiresAt:   seconds("exp"),
		IssuedAt:    seconds("iat"),
		Subject:     p.ID,
		Audience:    text("aud"),
		Issuer:      text("iss"),
		ID:          text("jti"),
		Session:     text("sid"),
		Owner:       p.Owner,
		Environment: p.Environment.String(),
		ReadOnly:    p.ReadOnly,
	}
	if id, isClient := strings.CutPrefix(p.ID, clientSubject); isClient {
		t.ClientID = id
	}
	if !end.IsZero() {
		t.ExpiresAt = min(t.ExpiresAt, end.Unix())
	}
	return answer(w, http.StatusOK, t)
}

// endOfBasis returns when the secret ends, or the key, that a token was obtained
// with, or the zero time. It may do so before the token's exp: after a rotation.
func (i *Issuer) endOfBasis(ctx context.Context, p *bearer.Principal) (time.Time, error) {
	id, _ := p.Claims["sid"].(string)
	s, err := i.store.GetSession(ctx, id)
	if err != nil {
		return time.Time{}, outage(err) // a guard has just found it
	}
	var (
		secrets []Secret
		end     time.Time
	)
	switch {
	case strings.HasPrefix(s.Subject, keySubject):
		key, err := i.store.KeyByHash(ctx, s.SecretHash)
		if err != nil {
			return time.Time{}, outage(err)
		}
		secrets, end = key.Secrets, key.ExpiresAt
	case strings.HasPrefix(s.Subject, clientSubject):
		client, err := i.store.FindClient(ctx, strings.TrimPrefix(s.Subject, clientSubject))
		if err != nil {
			return time.Time{}, outage(err)
		}
		secrets = client.Secrets
	}
	for _, secret := range secrets {
		isEarlier := end.IsZero() || secret.EndsAt.Before(end)
		if secret.Hash == s.SecretHash && !secret.EndsAt.IsZero() && isEarlier {
			end = secret.EndsAt
		}
	}
	return end, nil
}

// inspect returns whom the token of a form stands for, and whether it is good. It
// is judged as if it had come with a request of its own: neither the client's
// address nor its Origin are those of the token's holder.
func (i *Issuer) inspect(r *http.Request, form formFields) (p *bearer.Principal, isGood bool, err error) {
	token := form.get("token")
	if token == "" {
		return nil, false, invalid("token", "token is required.")
	}
	q := &http.Request{
		Method:     http.MethodGet,
		URL:        &url.URL{Path: "/"},
		Header:     http.Header{"Authorization": {"Bearer " + token}},
		Proto:      r.Proto,
		ProtoMajor: r.ProtoMajor,
		ProtoMinor: r.ProtoMinor,
		Host:       r.Host,
		RemoteAddr: r.RemoteAddr,
	}
	p, err = i.guards.inspect.Check(q.WithContext(r.Context()))
	switch code := bearer.CodeOf(err); {
	case err == nil:
		return p, true, nil
	case code == bearer.CodeServiceUnavailable, code == bearer.CodeRateLimitExceeded:
		return nil, false, err
	default:
		return nil, false, nil
	}
}
