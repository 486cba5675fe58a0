package issuer

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"
)

// authenticate returns the OAuth client that a request comes from, and the hash
// of the secret that it sent. Failures are limited, by client and address: who is
// beyond the limit is refused before its secret is looked at, so that guessing
// does not go on.
func (i *Issuer) authenticate(r *http.Request, form formFields) (Client, Secret, error) {
	id, text, err := presented(r.Header, form)
	if err != nil {
		return Client{}, Secret{}, err
	}
	ctx := r.Context()
	if err := i.probe(ctx, clientQuota, id); err != nil {
		return Client{}, Secret{}, err
	}
	client, err := i.oauthClient(ctx, id)
	if err != nil {
		return Client{}, Secret{}, err
	}
	secret, isThere := client.liveSecret(text, time.Now())
	if isThere {
		return client, secret, nil
	}
	if client.ID != "" {
		i.tell(ctx, Event{Type: "login.failed", Actor: clientSubject + id, Target: id, Owner: client.Owner})
	}
	if err := i.charge(ctx, clientQuota, id); err != nil {
		return Client{}, Secret{}, err
	}
	return Client{}, Secret{}, notTheClient()
}

// presented returns the ID and the secret that a request sends: by Basic or in
// the form, and not by both (RFC 6749 section 2.3).
func presented(h http.Header, form formFields) (id, secret string, err error) {
	fields := h["Authorization"]
	id, secret = form.get("client_id"), form.get("client_secret")
	switch {
	case len(fields) > 1:
		return "", "", invalid("", "The request has more than one Authorization field.")
	case len(fields) == 0 && (id == "" || secret == ""):
		return "", "", notTheClient()
	case len(fields) == 0:
		return id, secret, nil
	case secret != "":
		return "", "", invalid("client_secret", "The client authenticates in two ways.")
	}
	basicID, secret, isBasic := parseBasic(fields[0])
	switch {
	case !isBasic:
		return "", "", notTheClient()
	case id != "" && id != basicID:
		return "", "", invalid("client_id", "client_id is not that of the Authorization field.")
	}
	return basicID, secret, nil
}

// parseBasic returns the ID and the secret in an Authorization field. Both are
// encoded as in forms, before they are joined by a colon (RFC 6749 section
// 2.3.1): so both may have colons.
func parseBasic(field string) (id, secret string, isBasic bool) {
	scheme, rest, _ := strings.Cut(field, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	pair, err := base64.StdEncoding.Strict().DecodeString(strings.Trim(rest, " "))
	if err != nil {
		return "", "", false
	}
	id, secret, isPair := strings.Cut(string(pair), ":")
	id, isID := decodeForm(id)
	secret, isSecret := decodeForm(secret)
	return id, secret, isPair && isID && isSecret && id != ""
}

// What the texts of secrets begin with.
const (
	clientSecretPrefix     = "cs_" // of an OAuth client
	credentialSecretPrefix = "as_" // of a credential
)

// mintSecret returns a new text for a secret: 260 bits.
func mintSecret(prefix string) string { return mint(prefix) + mint("") }

// newClientSecret returns a new secret of an OAuth client, and its text. A text of
// 260 random bits needs no slow hash.
func newClientSecret(now time.Time) (text string, s Secret) {
	text = mintSecret(clientSecretPrefix)
	return text, Secret{
		ID:        mint(""),
		Hash:      hashSecret(text),
		Hint:      text[:len(clientSecretPrefix)+8],
		CreatedAt: now,
	}
}

// livesAt reports whether a secret is good at a time.
func (s Secret) livesAt(at time.Time) bool { return s.EndsAt.IsZero() || at.Before(s.EndsAt) }

// liveSecret returns the secret of an OAuth client that has the text and is good
// at the time. It takes as long whichever it is.
func (c *Client) liveSecret(text string, at time.Time) (Secret, bool) {
	hash, found := hashSecret(text), -1
	for i := range c.Secrets {
		isEqual := equalHash(hash, c.Secrets[i].Hash)
		if isEqual && c.Secrets[i].livesAt(at) {
			found = i
		}
	}
	if found < 0 {
		return Secret{}, false
	}
	return c.Secrets[found], true
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
