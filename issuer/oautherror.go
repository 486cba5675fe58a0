package issuer

import (
	"net/http"

	"github.com/blockauth/bearer"
)

// The errors of RFC 6749 section 5.2 that are no codes of a guard. They are the
// reasons of refusals.
const (
	invalidClient        = "invalid_client"
	invalidScope         = "invalid_scope"
	unsupportedGrantType = "unsupported_grant_type"
	unauthorizedClient   = "unauthorized_client"
)

// basicChallenge stands in every 401 of /oauth, also if the client did not use
// Basic: RFC 9110 section 15.5.2 wants one.
const basicChallenge = `Basic realm="oauth", charset="UTF-8"`

// notTheClient refuses a client (401): the same bytes whatever is wrong with it.
// They are in the document, openapi.yaml.
func notTheClient() *bearer.Error {
	return &bearer.Error{
		Code: bearer.CodeInvalidCredentials, Reason: invalidClient, Detail: "Client authentication failed",
	}
}

// badScope refuses a scope that is malformed or not the client's (400).
func badScope(detail string) *bearer.Error {
	return &bearer.Error{Code: bearer.CodeInvalidRequest, Reason: invalidScope, Detail: detail}
}

// writeOAuthError writes a refusal in the form of RFC 6749 section 5.2.
func (i *Issuer) writeOAuthError(w http.ResponseWriter, _ *http.Request, e *bearer.Error) {
	h := w.Header()
	e.SetHeader(h)
	h.Del("WWW-Authenticate")
	if e.StatusCode() == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", basicChallenge)
	}
	_ = answer(w, e.StatusCode(), oauthError{oauthCode(e), e.Message()})
}

// An oauthError is the body of a refusal.
type oauthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// oauthCode returns the error of RFC 6749 section 5.2 that stands for a refusal.
// The RFC has none for 429 and 503 at this endpoint: temporarily_unavailable is
// that of its section 4.1.2.1.
func oauthCode(e *bearer.Error) string {
	switch e.Reason {
	case invalidClient, invalidScope, unsupportedGrantType, unauthorizedClient:
		return e.Reason
	}
	switch status := e.StatusCode(); {
	case status == http.StatusUnauthorized:
		return invalidClient
	case status == http.StatusForbidden:
		return unauthorizedClient
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		return "temporarily_unavailable"
	case status < http.StatusInternalServerError:
		return "invalid_request"
	default:
		return "server_error"
	}
}
