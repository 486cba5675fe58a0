package issuer

import (
	"context"
	"net/http"
	"time"

	"github.com/blockauth/bearer"
)

// CreateClient makes an OAuth client or a credential and returns its secret,
// which is shown this once. Of the client's fields, it reads ID (zero: minted),
// Name, Credential, Environment, Scopes and Introspect.
func (i *Issuer) CreateClient(ctx context.Context, by Caller, client Client) (secret string, created Client, err error) {
	return "", Client{}, errTodo
}

// GetClient returns a client of the caller's.
func (i *Issuer) GetClient(ctx context.Context, by Caller, id string) (Client, error) {
	return Client{}, errTodo
}

// ListClients returns the caller's clients, the newest first, and the cursor of
// the next page, "" for none.
func (i *Issuer) ListClients(ctx context.Context, by Caller, q ClientQuery) (clients []Client, next string, err error) {
	return nil, "", errTodo
}

// RotateClientSecret gives an OAuth client a new secret, which is shown this
// once. The old one, and the tokens that it obtained, are good for grace more;
// zero: not. With two live secrets it is a conflict.
func (i *Issuer) RotateClientSecret(
	ctx context.Context, by Caller, id string, grace time.Duration,
) (secret string, client Client, err error) {
	return "", Client{}, errTodo
}

// DeleteClient deletes a client. Its tokens are refused from then on, and its ID
// is never used again.
func (i *Issuer) DeleteClient(ctx context.Context, by Caller, id string) error { return errTodo }

func (i *Issuer) serveCredentialToken(w http.ResponseWriter, r *http.Request) error   { return errTodo }
func (i *Issuer) serveReplaceCredential(w http.ResponseWriter, r *http.Request) error { return errTodo }
func (i *Issuer) serveDeleteCredential(w http.ResponseWriter, r *http.Request) error  { return errTodo }
func (i *Issuer) serveOAuthToken(w http.ResponseWriter, r *http.Request) error        { return errTodo }
func (i *Issuer) serveOAuthRevoke(w http.ResponseWriter, r *http.Request) error       { return errTodo }
func (i *Issuer) serveOAuthIntrospect(w http.ResponseWriter, r *http.Request) error   { return errTodo }

// writeOAuthError writes a refusal in the form of RFC 6749 section 5.2.
func (i *Issuer) writeOAuthError(w http.ResponseWriter, r *http.Request, e *bearer.Error) {}
