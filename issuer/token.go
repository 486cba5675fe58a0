package issuer

import (
	"encoding/json"
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

// The claims of an access token. There is no nbf: a replica whose clock is a
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

// Terms are what an access token allows.
type terms struct {
	Scopes    bearer.Scopes
	ReadOnly  bool
	ExpiresAt time.Time // the token ends within the second before it
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
