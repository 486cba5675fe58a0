package issuer

import (
	"net/http"
	"slices"
	"time"

	"github.com/blockauth/bearer"
)

// serveMe serves GET /auth/me: who a JWT is of.
func (i *Issuer) serveMe(w http.ResponseWriter, r *http.Request) error {
	return writeMe(w, r, i.guards.tokens)
}

// serveAnyMe serves GET /api/v1/users/me: who a credential is of.
func (i *Issuer) serveAnyMe(w http.ResponseWriter, r *http.Request) error {
	return writeMe(w, r, i.guards.any)
}

// writeMe tells a caller what its credential is and may.
func writeMe(w http.ResponseWriter, r *http.Request, guard *bearer.Guard) error {
	p, err := guard.Check(r)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, struct {
		ID          string         `json:"id"`
		Kind        string         `json:"kind"`
		Owner       string         `json:"owner"`
		Environment *string        `json:"environment"` // null: any
		Scopes      []bearer.Scope `json:"scopes"`
		FullAccess  bool           `json:"full_access"`
		ReadOnly    bool           `json:"read_only"`
		ExpiresAt   *time.Time     `json:"expires_at"` // null: never
	}{
		p.ID, p.Kind.String(), p.Owner, textOrNull(p.Environment.String()),
		slices.AppendSeq([]bearer.Scope{}, p.Scopes.All()), p.Scopes.Contain("*"), p.ReadOnly,
		endOf(p),
	})
}

// endOf returns when a credential ends by itself, or nil if it does not.
func endOf(p *bearer.Principal) *time.Time {
	var end time.Time
	if p.Key != nil {
		end = earliest(p.Key.ExpiresAt, p.Key.EndsAt)
	} else if exp, isThere := p.Claims["exp"].(float64); isThere {
		end = time.Unix(int64(exp), 0)
	}
	return utc(end)
}
