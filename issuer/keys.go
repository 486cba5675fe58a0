package issuer

import (
	"context"
	"net/http"
	"time"

	"github.com/blockauth/bearer"
)

// CreateKey makes an API key and returns its text, which is shown this once. Of
// the key's fields, it reads ID (zero: minted), Name, Kind, Environment (zero: the
// caller's, else Test), Scopes (zero: FullAccess, unless KeyRules.MustScope),
// AllowedIPs, AllowedOrigins, Limit, Metadata, Disabled and ExpiresAt.
func (i *Issuer) CreateKey(ctx context.Context, by Caller, key APIKey) (text string, created APIKey, err error) {
	return "", APIKey{}, errTodo
}

// ImportKey makes an API key of an older system, of whose text only the hash is
// known: see [bearer.KeyFormat.Hash]. Guards need KeyFormat.Foreign for a text of
// another form.
func (i *Issuer) ImportKey(ctx context.Context, by Caller, key APIKey, hash bearer.KeyHash) (APIKey, error) {
	return APIKey{}, errTodo
}

// GetKey returns a key of the caller's.
func (i *Issuer) GetKey(ctx context.Context, by Caller, id string) (APIKey, error) {
	return APIKey{}, errTodo
}

// ListKeys returns the caller's keys, the newest first, and the cursor of the next
// page, "" for none.
func (i *Issuer) ListKeys(ctx context.Context, by Caller, q KeyQuery) (keys []APIKey, next string, err error) {
	return nil, "", errTodo
}

// UpdateKey changes what change changes in a key of the caller's. If another
// change comes between, change is called again, with what that one left. Its
// error is returned. Only Name, Scopes, AllowedIPs, AllowedOrigins, Limit,
// Metadata, Disabled and ExpiresAt may change.
func (i *Issuer) UpdateKey(ctx context.Context, by Caller, id string, change func(*APIKey) error) (APIKey, error) {
	return APIKey{}, errTodo
}

// RotateKey gives a key a new secret and returns its text, which is shown this
// once. The old one is good for grace more, and not beyond the end of the key; if
// grace is 0, it ends at once. With two live secrets, or for a key that was
// revoked or has expired, it is a conflict.
func (i *Issuer) RotateKey(
	ctx context.Context, by Caller, id string, grace time.Duration,
) (text string, key APIKey, err error) {
	return "", APIKey{}, errTodo
}

// EndSecret ends the old secret of a key before its time. The newest cannot be
// ended: rotate the key, or revoke it.
func (i *Issuer) EndSecret(ctx context.Context, by Caller, id, secret string) (APIKey, error) {
	return APIKey{}, errTodo
}

// RevokeKey revokes a key for good, with all that was made from it. A key that
// was revoked before is returned as it is.
func (i *Issuer) RevokeKey(ctx context.Context, by Caller, id, reason string) (APIKey, error) {
	return APIKey{}, errTodo
}

// RevokeKeys revokes all of the caller's keys that the query finds, whatever its
// Cursor and Limit say, and returns how many it revoked: those of someone who
// leaves, or of an account that is closed. If there is an error, call it again.
func (i *Issuer) RevokeKeys(ctx context.Context, by Caller, q KeyQuery, reason string) (int, error) {
	return 0, errTodo
}

// GuardKey returns what a guard sees of one secret of the key: that with the
// hash. Of a hash that is not among its Secrets, the text has ended.
func (k APIKey) GuardKey(hash bearer.KeyHash) *bearer.Key { return nil }

func (i *Issuer) serveCreateKey(w http.ResponseWriter, r *http.Request) error { return errTodo }
func (i *Issuer) serveListKeys(w http.ResponseWriter, r *http.Request) error  { return errTodo }
func (i *Issuer) serveGetKey(w http.ResponseWriter, r *http.Request) error    { return errTodo }
func (i *Issuer) serveUpdateKey(w http.ResponseWriter, r *http.Request) error { return errTodo }
func (i *Issuer) serveRevokeKey(w http.ResponseWriter, r *http.Request) error { return errTodo }
func (i *Issuer) serveRotateKey(w http.ResponseWriter, r *http.Request) error { return errTodo }
func (i *Issuer) serveEndSecret(w http.ResponseWriter, r *http.Request) error { return errTodo }

// callerOf returns who manages keys and sessions by the request: what
// Config.Caller says, behind Config.CrossOrigin, or the user of a JWT.
func (i *Issuer) callerOf(r *http.Request) (Caller, error) { return Caller{}, errTodo }
