package issuer

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/blockauth/bearer"
)

// owns reports whether a caller may see a client.
func (c Caller) owns(client Client) bool {
	return c.Owner != "" && client.Owner == c.Owner && (!c.OwnOnly || client.CreatedBy == c.ID)
}

// checkClient judges a client that a caller wants to make, and gives it what its
// zero fields stand for.
func (i *Issuer) checkClient(by Caller, c *Client) error {
	if err := by.mayWrite(); err != nil {
		return err
	}
	if err := checkClientID(c); err != nil {
		return err
	}
	isOdd := func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }
	if c.Name = strings.TrimSpace(c.Name); len(c.Name) > 255 || strings.ContainsFunc(c.Name, isOdd) {
		return invalid("name", "name must be up to 255 bytes without control characters")
	}
	if c.Environment == 0 {
		c.Environment = max(by.Environment, bearer.Test)
	}
	if c.Environment != bearer.Test && c.Environment != bearer.Live {
		return invalid("environment", "environment must be test or live")
	}
	if c.Introspect && c.Credential {
		return invalid("introspect", "a credential cannot introspect")
	}
	if c.Scopes == "" && !c.Introspect {
		return invalid("scopes", "scopes are required")
	}
	if err := i.checkClientScopes(c.Scopes); err != nil {
		return err
	}
	return by.mayGive(*c)
}

// checkClientID checks the ID that a caller chose for a client, if it did.
func checkClientID(c *Client) error {
	switch {
	case c.ID == "":
		return nil
	case c.Credential:
		id, isUUID := parseUUID(c.ID)
		if !isUUID {
			return invalid("id", "the ID of a credential must be a UUID")
		}
		c.ID = id
		return nil
	case !isClientID(c.ID):
		return invalid("id", "the ID must be up to 255 printable ASCII characters without a colon")
	}
	return nil
}

// checkClientScopes checks scopes against the catalogue.
func (i *Issuer) checkClientScopes(scopes bearer.Scopes) error {
	n := 0
	for range scopes.All() {
		n++
	}
	if n > maxScopes || len(scopes) > maxScopesSize {
		return invalid("scopes", "scopes must be up to 64, of 2 KiB in all")
	}
	if scopes.Validate() != nil {
		return invalid("scopes", "scopes are malformed")
	}
	if c := i.config.Catalogue; c != nil && scopes.Within(c...) != nil {
		return invalid("scopes", "there is no such scope")
	}
	return nil
}

// mayGive refuses a caller who does not hold all of what a client has.
func (c Caller) mayGive(client Client) error {
	switch {
	case c.Environment != 0 && client.Environment != c.Environment:
		return forbidden("environment_mismatch", "environment", "the caller is bound to another environment")
	case !covers(c.Scopes, client.Scopes):
		return forbidden("scope_insufficient", "scopes", "the caller lacks a scope")
	case client.Introspect && (!covers(c.Scopes, bearer.FullAccess) || c.OwnOnly):
		return forbidden("scope_insufficient", "introspect", "this takes a caller with full access")
	}
	return nil
}

// checkRotation judges whether a caller may give a client another secret: it
// takes all that the client has.
func (i *Issuer) checkRotation(by Caller, client Client) error {
	if err := by.mayWrite(); err != nil {
		return err
	}
	if err := by.mayGive(client); err != nil {
		return err
	}
	switch {
	case client.Credential:
		return conflict("a credential replaces itself")
	case !client.DeletedAt.IsZero():
		return conflict("the client is deleted")
	}
	return nil
}

// rotateSecret gives a client a new secret, and ends the old one after grace.
func rotateSecret(c *Client, now time.Time, grace time.Duration) (text string, err error) {
	live := slices.DeleteFunc(slices.Clone(c.Secrets), func(s Secret) bool { return !s.lives(now) })
	if len(live) > 1 {
		return "", conflict("the client has two live secrets")
	}
	for i := range live {
		live[i].EndsAt = now.Add(grace)
	}
	text, s := newSecret(now)
	c.Secrets = append(live, s)
	return text, nil
}
