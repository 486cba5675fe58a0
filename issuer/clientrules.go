package issuer

import (
	"cmp"
	"slices"
	"time"

	"github.com/blockauth/bearer"
)

// newClient returns the record of a new client without an ID of ours and without
// a secret, if the rules and what the caller holds allow it.
func (i *Issuer) newClient(by Caller, wanted Client) (Client, error) {
	if err := by.mayChange(); err != nil {
		return Client{}, err
	}
	c := Client{
		ID:          wanted.ID,
		Owner:       by.Owner,
		Name:        wanted.Name,
		Credential:  wanted.Credential,
		Environment: cmp.Or(wanted.Environment, by.Environment, bearer.Test),
		Scopes:      wanted.Scopes,
		Introspect:  wanted.Introspect,
		CreatedAt:   storeNow(),
		CreatedBy:   by.ID,
		Version:     1,
	}
	if err := i.normalizeClient(&c); err != nil {
		return Client{}, err
	}
	return c, by.mayGiveClient(c)
}

// normalizeClient gives a client the form in which it is stored.
func (i *Issuer) normalizeClient(c *Client) (err error) {
	if c.ID, err = normalClientID(*c); err != nil {
		return err
	}
	if c.Name != "" {
		if c.Name, err = normalName(c.Name); err != nil {
			return err
		}
	}
	if !isEnvironment(c.Environment) {
		return invalid("environment", "environment must be test or live.")
	}
	if c.Introspect && c.Credential {
		return invalid("introspect", "A credential cannot introspect.")
	}
	if c.Scopes, err = i.normalScopes(c.Scopes, bearer.SecretKey); err != nil {
		return err
	}
	if c.Scopes == "" && !c.Introspect {
		return invalid("scopes", "scopes are required.")
	}
	return nil
}

// normalClientID returns the ID that a client was given, as it is stored.
func normalClientID(c Client) (string, error) {
	switch {
	case c.ID == "":
		return "", nil
	case c.Credential:
		id, isUUID := parseUUID(c.ID)
		if !isUUID {
			return "", invalid("id", "The ID of a credential must be a UUID.")
		}
		return id, nil
	case !isClientID(c.ID):
		return "", invalid("id", "The ID must be up to 255 printable ASCII characters without a colon.")
	}
	return c.ID, nil
}

// mayGiveClient returns an error if the caller does not hold all that a client
// has.
func (c Caller) mayGiveClient(client Client) error {
	if err := c.mayGive(client.Environment, client.Scopes); err != nil {
		return err
	}
	if client.Introspect && (c.OwnOnly || c.Environment != 0 || !covers(c.Scopes, bearer.FullAccess)) {
		return forbidden("scope_insufficient", "introspect", "Only a caller with full access may let clients introspect.")
	}
	return nil
}

// checkRotation returns an error if the caller may not give the client another
// secret: the caller must hold all that the client has.
func (c Caller) checkRotation(client Client) error {
	if err := c.mayChange(); err != nil {
		return err
	}
	if err := c.mayGiveClient(client); err != nil {
		return err
	}
	switch {
	case client.Credential:
		return conflict("A credential is replaced by its own token.")
	case !client.DeletedAt.IsZero():
		return conflict("The client is deleted.")
	}
	return nil
}

// rotateSecret gives a client a new secret, and ends the old one after grace.
func (c *Client) rotateSecret(now time.Time, grace time.Duration) (text string, err error) {
	secrets := slices.DeleteFunc(slices.Clone(c.Secrets), func(s Secret) bool { return !s.livesAt(now) })
	if len(secrets) > 1 {
		return "", conflict("The client has two live secrets.")
	}
	for i := range secrets {
		secrets[i].EndsAt = earliest(now.Add(grace), secrets[i].EndsAt)
	}
	text, s := newClientSecret(now)
	secrets = append(secrets, s)
	c.Secrets = secrets
	return text, nil
}
