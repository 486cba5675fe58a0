package issuer

import (
	"net/http"
	"time"

	"github.com/blockauth/bearer"
)

// A credentialGrant is the answer of /auth/token.
type credentialGrant struct {
	Token     string `json:"token"`
	ExpiresAt int64  `json:"expiresAt"`
	TokenType string `json:"tokenType"`
}

func (i *Issuer) serveCredentialToken(w http.ResponseWriter, r *http.Request) error {
	o, err := readObject(w, r)
	if err != nil {
		return err
	}
	key, err := o.text("apiKey")
	if err != nil {
		return err
	}
	secret, err := o.text("apiSecret")
	if err != nil {
		return err
	}
	client, err := i.verifyPair(r, key, secret)
	if err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Second)
	s := newSession(credentialSubject+client.ID, now, now.Add(i.config.Tokens.CredentialTTL))
	token, err := i.startClientSession(r.Context(), client, s, client.Scopes)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, credentialGrant{token, s.ExpiresAt.Unix(), "Bearer"})
}

// verifyPair returns the credential that has a pair. Whatever is wrong with the
// pair, it costs as much, and is answered alike: an ID that is no UUID is one
// that no credential has.
func (i *Issuer) verifyPair(r *http.Request, key, secret string) (Client, error) {
	ctx := r.Context()
	id, isUUID := parseUUID(key)
	if !isUUID {
		id = key
	}
	if err := i.charge(ctx, addressQuota); err != nil {
		return Client{}, err
	}
	if err := i.charge(ctx, loginQuota, credentialSubject+id); err != nil {
		return Client{}, err
	}
	var client Client
	if isUUID {
		var err error
		if client, err = i.credential(ctx, id); err != nil {
			return Client{}, err
		}
	}
	isMatch, err := i.gate.matches(ctx, secret, client.SecretHash)
	switch {
	case err != nil:
		return Client{}, refusalOf(err)
	case isMatch && client.ID != "":
		return client, nil
	case client.ID != "":
		i.tell(ctx, Event{Type: "login.failed", Actor: credentialSubject + id, Target: id, Owner: client.Owner})
	}
	return Client{}, refuse(bearer.CodeInvalidCredentials)
}
