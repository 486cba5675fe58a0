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
		id, _ := p.Claims["sid"].(string)
		err := i.endSessionByID(r.Context(), id, Event{Actor: p.ID}, reasonRevoked, isAnySession)
		if err != nil && bearer.CodeOf(err) != bearer.CodeNotFound {
			return err
		}
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	return nil
}
