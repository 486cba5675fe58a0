package issuer

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/blockauth/bearer"
)

// What a sub begins with: it says what opened the session.
const (
	userSubject       = "user:"
	keySubject        = "key:"
	clientSubject     = "client:"
	credentialSubject = "credential:"
)

// claims are those of an access token. There is no nbf: a replica whose clock is a
// second behind would refuse the first request.
type claims struct {
	Issuer      string        `json:"iss"`
	Audience    string        `json:"aud"`
	Subject     string        `json:"sub"`
	IssuedAt    int64         `json:"iat"`
	ExpiresAt   int64         `json:"exp"`
	ID          string        `json:"jti"`
	Session     string        `json:"sid"`
	Owner       string        `json:"owner"`
	Scope       bearer.Scopes `json:"scope"`
	Environment string        `json:"env,omitempty"`
	ReadOnly    bool          `json:"read_only,omitempty"`
}

// terms are what an access token allows.
type terms struct {
	Scopes    bearer.Scopes
	ReadOnly  bool
	ExpiresAt time.Time // the token ends within the second before it
	EndsAt    time.Time // when what it is made from ends; zero: never
}

// claimsOf returns the claims of an access token of the session that is made now.
func (i *Issuer) claimsOf(s *Session, now time.Time, t terms) claims {
	return claims{
		Issuer:      i.config.Tokens.Issuer,
		Audience:    i.config.Tokens.Audience,
		Subject:     s.Subject,
		IssuedAt:    now.Unix(),
		ExpiresAt:   t.ExpiresAt.Unix(),
		Session:     s.ID,
		Owner:       s.Owner,
		Scope:       t.Scopes,
		Environment: s.Environment.String(),
		ReadOnly:    t.ReadOnly,
	}
}

// issue puts a new access token into the session: its claims, and the name of
// the key that is to sign them.
func (i *Issuer) issue(s *Session, now time.Time, t terms) error {
	c := i.claimsOf(s, now, t)
	c.ID = mint("")
	payload, err := json.Marshal(c)
	if err != nil {
		return outage(err)
	}
	s.KeyID, s.Payload = i.signer.first(), payload
	return nil
}

// claims returns the claims of the session's last access token.
func (s *Session) claims() (claims, error) {
	var c claims
	err := json.Unmarshal(s.Payload, &c)
	return c, err
}

// A Grant is what a login hands out. It hides its tokens: it prints without them,
// and its JSON lacks them. Write sends them.
type Grant struct {
	AccessToken  string `json:"-"`
	RefreshToken string `json:"-"` // zero: none
	TokenType    string // "Bearer"
	SessionID    string
	ExpiresIn    time.Duration // of the access token, from now on; whole seconds
	Scopes       bearer.Scopes
}

// Write answers a request with the grant, as POST /auth/login does.
func (g Grant) Write(w http.ResponseWriter) { _ = g.answer(w, http.StatusOK) }

// answer answers a request with the grant and a status.
func (g Grant) answer(w http.ResponseWriter, status int) error {
	return answer(w, status, struct {
		AccessToken  string `json:"access_token"`
		TokenType    string `json:"token_type"`
		ExpiresIn    int64  `json:"expires_in"`
		RefreshToken string `json:"refresh_token,omitempty"`
	}{g.AccessToken, g.TokenType, int64(g.ExpiresIn / time.Second), g.RefreshToken})
}

// String returns what may be logged of g: not its tokens.
func (g Grant) String() string {
	return fmt.Sprintf("grant of session %q for %s", g.SessionID, g.ExpiresIn)
}

// Format implements [fmt.Formatter], so that no verb shows a token.
func (g Grant) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, g.String()) }

// LogValue implements [slog.LogValuer].
func (g Grant) LogValue() slog.Value {
	return slog.GroupValue(slog.String("session", g.SessionID), slog.Duration("expires_in", g.ExpiresIn))
}

// grantOf returns the grant of a session's last access token. The token is "" if
// its signing key is gone, or only verifies.
func (i *Issuer) grantOf(s *Session, c claims, now time.Time) Grant {
	return Grant{
		AccessToken: i.signer.sign(s.KeyID, s.Payload),
		TokenType:   "Bearer",
		SessionID:   s.ID,
		ExpiresIn:   time.Duration(c.ExpiresAt-now.Unix()) * time.Second,
		Scopes:      c.Scope,
	}
}

// newGrant puts a new access token into the session and returns the grant of
// it, or an error if it cannot be signed: before the session is stored.
func (i *Issuer) newGrant(s *Session, now time.Time, t terms) (Grant, error) {
	if err := i.issue(s, now, t); err != nil {
		return Grant{}, err
	}
	g := i.grantOf(s, claims{ExpiresAt: t.ExpiresAt.Unix(), Scope: t.Scopes}, now)
	if g.AccessToken == "" {
		return Grant{}, outage(errNoSigningKey)
	}
	return g, nil
}
