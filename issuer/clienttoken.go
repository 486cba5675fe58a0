package issuer

import (
	"context"
	"errors"
	"strings"

	"github.com/blockauth/bearer"
)

// openFor opens the session of newFresh that a client or a credential has asked
// for, and returns its token.
func (i *Issuer) openFor(ctx context.Context, client Client, s Session, scopes bearer.Scopes) (string, error) {
	s.Owner, s.CreatedBy, s.Environment = client.Owner, client.CreatedBy, client.Environment
	if err := i.issue(&s, s.CreatedAt, terms{Scopes: scopes, ExpiresAt: s.ExpiresAt}); err != nil {
		return "", err
	}
	token := i.signer.sign(s.KeyID, s.Payload)
	if token == "" {
		return "", outage(errors.New("issuer: the signing key is gone")) // replaced meanwhile
	}
	if err := i.openFresh(ctx, s); err != nil {
		return "", err
	}
	i.tell(ctx, Event{Type: "token.issued", Actor: s.Subject, Target: s.ID, Owner: s.Owner})
	return token, nil
}

// oauthClient returns the OAuth client with the ID, or the zero Client if there is
// none.
func (i *Issuer) oauthClient(ctx context.Context, id string) (Client, error) {
	if !isClientID(id) {
		return Client{}, nil
	}
	client, err := i.liveClient(ctx, id)
	if client.Credential {
		return Client{}, err
	}
	return client, err
}

// credential returns the credential with the ID, or the zero Client if there is
// none.
func (i *Issuer) credential(ctx context.Context, id string) (Client, error) {
	client, err := i.liveClient(ctx, id)
	if !client.Credential {
		return Client{}, err
	}
	return client, err
}

// liveClient returns the client with the ID, or the zero Client if there is none,
// or one that is deleted, or does not replace another yet.
func (i *Issuer) liveClient(ctx context.Context, id string) (Client, error) {
	client, err := i.store.FindClient(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return Client{}, nil
	case err != nil:
		return Client{}, outage(err)
	case client.ID != id || !client.DeletedAt.IsZero(): // some databases compare without case
		return Client{}, nil
	}
	isActive, err := i.isActive(ctx, client)
	if err != nil || !isActive {
		return Client{}, err
	}
	return client, nil
}

// isActive reports whether a client is not merely stored: one that replaces
// another is good once that one says so.
func (i *Issuer) isActive(ctx context.Context, client Client) (bool, error) {
	if client.Replaces == "" {
		return true, nil
	}
	replaced, err := i.store.FindClient(ctx, client.Replaces)
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil
	case err != nil:
		return false, outage(err)
	}
	return replaced.ReplacedBy == client.ID, nil
}

// isClientID reports whether an OAuth client can have the ID: VSCHAR of RFC 6749
// appendix A.1, but no colon, for clients that do not encode what they join by
// one.
func isClientID(id string) bool {
	isOdd := func(c rune) bool { return c < ' ' || c > '~' || c == ':' }
	return id != "" && len(id) <= 255 && !strings.ContainsFunc(id, isOdd)
}
