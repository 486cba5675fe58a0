package issuer

import (
	"net/http"

	"github.com/blockauth/bearer"
)

// serveOAuthRevoke serves RFC 7009. Whatever is no token of this client's is
// answered as if it had been: the client cannot do more about it.
func (i *Issuer) serveOAuthRevoke(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	client, _, err := i.authenticate(r, form)
	if err != nil {
		return err
	}
	p, isGood, err := i.inspect(r, form)
	if err != nil {
		return err
	}
	if isGood && p.ID == clientSubject+client.ID {
		if err := i.revokeToken(r, p); err != nil {
			return err
		}
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	return nil
}

// revokeToken ends the session of a token.
func (i *Issuer) revokeToken(r *http.Request, p *bearer.Principal) error {
	id, _ := p.Claims["sid"].(string)
	return retry(r.Context(), func() error {
		s, err := i.store.GetSession(r.Context(), id)
		if err != nil || !s.EndedAt.IsZero() {
			return err
		}
		return i.closeSession(r.Context(), s, p.ID, "revoked")
	})
}
