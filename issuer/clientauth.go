package issuer

import (
	"encoding/base64"
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
	if err := i.charge(ctx, clientQuota, 0, id); err != nil {
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
	if err := i.charge(ctx, clientQuota, 1, id); err != nil {
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
		return "", "", invalid("", "the request has more than one Authorization field")
	case len(fields) == 0 && (id == "" || secret == ""):
		return "", "", notTheClient()
	case len(fields) == 0:
		return id, secret, nil
	case secret != "":
		return "", "", invalid("client_secret", "the client authenticates in two ways")
	}
	basicID, secret, isBasic := parseBasic(fields[0])
	switch {
	case !isBasic:
		return "", "", notTheClient()
	case id != "" && id != basicID:
		return "", "", invalid("client_id", "client_id is not that of the Authorization field")
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
