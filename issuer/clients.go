package issuer

import (
	"context"
	"errors"
	"time"
)

// CreateClient makes an OAuth client or a credential and returns its secret,
// which is shown this once. Of the client's fields, it reads ID (zero: minted),
// Name, Credential, Environment (zero: the caller's, else Test), Scopes and
// Introspect. A client without scopes is refused, but for one that may
// introspect: its tokens would be good for nothing. To introspect the tokens of
// all owners, it takes a caller with full access.
func (i *Issuer) CreateClient(
	ctx context.Context, by Caller, client Client,
) (secret string, created Client, err error) {
	created, err = i.newClient(by, client)
	if err != nil {
		return "", Client{}, err
	}
	secret, err = i.giveSecret(ctx, &created)
	if err != nil {
		return "", Client{}, err
	}
	if err := i.store.CreateClient(ctx, created); err != nil {
		return "", Client{}, refusalOf(err)
	}
	i.tellClient(ctx, "client.created", by, created)
	return secret, created, nil
}

// giveSecret gives a new client its ID, if it has none, and its first secret.
func (i *Issuer) giveSecret(ctx context.Context, c *Client) (text string, err error) {
	if !c.Credential {
		if c.ID == "" {
			c.ID = mint("client_")
		}
		text, s := newClientSecret(c.CreatedAt)
		c.Secrets = []Secret{s}
		return text, nil
	}
	if c.ID == "" {
		c.ID = newUUID()
	}
	text = mintSecret(credentialSecretPrefix)
	c.SecretHash, err = i.gate.hash(ctx, text)
	return text, refusalOf(err)
}

// GetClient returns a client of the caller's, also one that is deleted.
func (i *Issuer) GetClient(ctx context.Context, by Caller, id string) (Client, error) {
	if err := by.validate(); err != nil {
		return Client{}, err
	}
	if !isClientID(id) { // stores are not asked for what they cannot have
		return Client{}, notFound()
	}
	client, err := i.store.FindClient(ctx, id)
	if err != nil {
		return Client{}, refusalOf(err)
	}
	if client.ID != id || !by.sees(client.Owner, client.CreatedBy) {
		return Client{}, notFound()
	}
	isActive, err := i.isActive(ctx, client)
	if err != nil {
		return Client{}, err
	}
	if !isActive {
		return Client{}, notFound()
	}
	return client, nil
}

// RotateClientSecret gives an OAuth client a new secret, which is shown this
// once. The old one, and the tokens that it obtained, are good for grace more, at
// most [KeyRules.MaxGrace]; if grace is 0, they end at once. With two live secrets
// it is a conflict. A credential is replaced at /auth/credentials instead.
func (i *Issuer) RotateClientSecret(
	ctx context.Context, by Caller, id string, grace time.Duration,
) (secret string, client Client, err error) {
	if grace < 0 || grace > i.config.Rules.MaxGrace {
		return "", Client{}, invalid("grace", "grace is negative, or longer than the rules allow.")
	}
	err = retry(ctx, func() error {
		client, err = i.GetClient(ctx, by, id)
		if err != nil {
			return err
		}
		if err := by.checkRotation(client); err != nil {
			return err
		}
		secret, err = client.rotateSecret(storeNow(), grace)
		if err != nil {
			return err
		}
		return i.replaceClient(ctx, &client)
	})
	if err != nil {
		return "", Client{}, err
	}
	i.tellClient(ctx, "client.rotated", by, client)
	return secret, client, nil
}

// replaceClient replaces a client, and counts its version as the store does.
// Whatever the store says, it may have done it, so the client is forgotten.
func (i *Issuer) replaceClient(ctx context.Context, client *Client) error {
	err := i.store.ReplaceClient(ctx, *client)
	i.changed(Change{Client: client.ID})
	if errors.Is(err, ErrNotFound) {
		return outage(err) // clients are never removed
	}
	client.Version++
	return err
}

// tellClient tells what a caller did to a client.
func (i *Issuer) tellClient(ctx context.Context, what string, by Caller, client Client) {
	i.tell(ctx, Event{Type: what, Actor: by.ID, Target: client.ID, Owner: client.Owner})
}

// ListClients returns the caller's clients, the newest first, and the cursor of
// the next page, "" for none. A page may hold fewer than the query's Limit.
func (i *Issuer) ListClients(ctx context.Context, by Caller, q ClientQuery) (clients []Client, next string, err error) {
	if err := by.validate(); err != nil {
		return nil, "", err
	}
	size, err := askPage(&q.Cursor, &q.After, &q.Limit)
	if err != nil {
		return nil, "", err
	}
	if !by.narrow(&q.Owner, &q.CreatedBy) {
		return nil, "", nil
	}
	found, err := i.store.ListClients(ctx, q)
	if err != nil {
		return nil, "", refusalOf(err)
	}
	found, next = pageOf[Client](found, size)
	for _, client := range found {
		isActive, err := i.isActive(ctx, client)
		if err != nil {
			return nil, "", err
		}
		if isActive && by.sees(client.Owner, client.CreatedBy) {
			clients = append(clients, client)
		}
	}
	return clients, next, nil
}
