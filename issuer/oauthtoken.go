package issuer

import (
	"net/http"
	"slices"
	"time"

	"github.com/blockauth/bearer"
)

// An oauthGrant is the answer of /oauth/token (RFC 6749 section 5.1). It has a
// scope in any case, and no refresh token (section 4.4.3).
type oauthGrant struct {
	AccessToken string        `json:"access_token"`
	TokenType   string        `json:"token_type"`
	ExpiresIn   int64         `json:"expires_in"`
	Scope       bearer.Scopes `json:"scope"`
}

func (i *Issuer) serveOAuthToken(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	switch form.get("grant_type") {
	case "client_credentials":
	case "":
		return invalid("grant_type", "grant_type is required.")
	default:
		return &bearer.Error{
			Code: bearer.CodeInvalidRequest, Reason: unsupportedGrantType, Detail: "grant_type must be client_credentials.",
		}
	}
	client, secret, err := i.authenticate(r, form)
	if err != nil {
		return err
	}
	scopes, err := i.scopesFor(client, bearer.Scopes(form.get("scope")))
	if err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Second)
	s := newSession(clientSubject+client.ID, now, endOfToken(now, i.config.Tokens.ClientTTL, secret.EndsAt))
	s.SecretHash = secret.Hash
	token, err := i.startClientSession(r.Context(), client, s, scopes)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, oauthGrant{token, "bearer", s.ExpiresAt.Unix() - now.Unix(), scopes})
}

// scopesFor returns the scopes of a token for a client that asked for wanted:
// all that it may have, if it asked for none (RFC 6749 section 3.3).
func (i *Issuer) scopesFor(client Client, wanted bearer.Scopes) (bearer.Scopes, error) {
	if wanted == "" {
		return client.Scopes, nil
	}
	if len(wanted) > maxScopesText || wanted.Validate() != nil {
		return "", badScope("The scope is malformed.")
	}
	if c := i.config.Catalogue; c != nil && wanted.Within(c...) != nil {
		return "", badScope("There is no such scope.")
	}
	if !covers(client.Scopes, wanted) {
		return "", badScope("The client may not have this scope.")
	}
	return eachOnce(wanted), nil
}

// eachOnce returns the scopes without those that stand twice.
func eachOnce(scopes bearer.Scopes) bearer.Scopes {
	var kept []bearer.Scope
	for scope := range scopes.All() {
		if !slices.Contains(kept, scope) {
			kept = append(kept, scope)
		}
	}
	return bearer.JoinScopes(kept...)
}

// endOfToken returns when a token ends that lives for ttl, and not beyond the end
// of what it was obtained with. A token lives for a second at least, to have a
// session: that the secret has ended is found at each request.
func endOfToken(now time.Time, ttl time.Duration, end time.Time) time.Time {
	expires := now.Add(ttl)
	if end.IsZero() || expires.Before(end) {
		return expires
	}
	end = end.Truncate(time.Second)
	if first := now.Add(time.Second); end.Before(first) {
		return first
	}
	return end
}
