package bearer

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// A Code is what a refusal is called in the body of the answer. Each has one
// HTTP status.
type Code string

// The codes, with the reasons that each may have; where none is given, the
// reason is the code itself.
const (
	// CodeInvalidRequest is 400: malformed_credentials, multiple_credentials.
	CodeInvalidRequest Code = "invalid_request"
	// CodeUnauthorized is 401: missing_credentials, invalid_api_key,
	// key_revoked, invalid_token, token_revoked, wrong_credential_type.
	CodeUnauthorized Code = "unauthorized"
	// CodeTokenExpired is 401.
	CodeTokenExpired Code = "token_expired"
	// CodeInvalidCredentials is 401, for login endpoints: no guard answers it.
	CodeInvalidCredentials Code = "invalid_credentials"
	// CodeForbidden is 403: scope_insufficient, secret_key_required,
	// environment_mismatch.
	CodeForbidden Code = "forbidden"
	// CodeKeyExpired is 403.
	CodeKeyExpired Code = "key_expired"
	// CodeIPNotAllowed is 403.
	CodeIPNotAllowed Code = "ip_not_allowed"
	// CodeRateLimitExceeded is 429.
	CodeRateLimitExceeded Code = "rate_limit_exceeded"
	// CodeServiceUnavailable is 503: store_unavailable, limiter_unavailable,
	// keys_unavailable.
	CodeServiceUnavailable Code = "service_unavailable"
)

// The reasons of refusals.
const (
	reasonMalformedCredentials = "malformed_credentials"
	reasonMultipleCredentials  = "multiple_credentials"
	reasonMissingCredentials   = "missing_credentials"
	reasonInvalidAPIKey        = "invalid_api_key"
	reasonKeyRevoked           = "key_revoked"
	reasonInvalidToken         = "invalid_token"
	reasonTokenRevoked         = "token_revoked"
	reasonWrongCredentialType  = "wrong_credential_type"
	reasonTokenExpired         = "token_expired"
	reasonInvalidCredentials   = "invalid_credentials"
	reasonScopeInsufficient    = "scope_insufficient"
	reasonSecretKeyRequired    = "secret_key_required"
	reasonEnvironmentMismatch  = "environment_mismatch"
	reasonKeyExpired           = "key_expired"
	reasonIPNotAllowed         = "ip_not_allowed"
	reasonRateLimitExceeded    = "rate_limit_exceeded"
	reasonStoreUnavailable     = "store_unavailable"
	reasonLimiterUnavailable   = "limiter_unavailable"
	reasonKeysUnavailable      = "keys_unavailable"
)

const (
	failure     = true
	unavailable = "The service is temporarily unavailable."
)

// reasons says what each reason means.
var reasons = map[string]struct {
	code    Code
	message string // safe to send
	failure bool   // counts against Config.FailureLimit
}{
	reasonMalformedCredentials: {CodeInvalidRequest, "The Authorization header is malformed.", !failure},
	reasonMultipleCredentials:  {CodeInvalidRequest, "The request has more than one Authorization header.", !failure},
	reasonMissingCredentials:   {CodeUnauthorized, "This resource needs a bearer credential.", !failure},
	reasonInvalidAPIKey:        {CodeUnauthorized, "The API key is not valid.", failure},
	reasonKeyRevoked:           {CodeUnauthorized, "The API key has been revoked.", failure},
	reasonInvalidToken:         {CodeUnauthorized, "The access token is not valid.", failure},
	reasonTokenRevoked:         {CodeUnauthorized, "The access token has been revoked.", failure},
	reasonWrongCredentialType:  {CodeUnauthorized, "This resource does not accept this type of credential.", !failure},
	reasonTokenExpired:         {CodeTokenExpired, "The access token has expired.", !failure},
	reasonInvalidCredentials:   {CodeInvalidCredentials, "The credentials are not valid.", !failure},
	reasonScopeInsufficient:    {CodeForbidden, "The credential lacks a required scope.", !failure},
	reasonSecretKeyRequired:    {CodeForbidden, "This operation needs a secret API key.", !failure},
	reasonEnvironmentMismatch:  {CodeForbidden, "The credential belongs to another environment.", !failure},
	reasonKeyExpired:           {CodeKeyExpired, "The API key has expired.", !failure},
	reasonIPNotAllowed:         {CodeIPNotAllowed, "The API key may not be used from this address.", !failure},
	reasonRateLimitExceeded:    {CodeRateLimitExceeded, "Too many requests. Try again later.", !failure},
	reasonStoreUnavailable:     {CodeServiceUnavailable, unavailable, !failure},
	reasonLimiterUnavailable:   {CodeServiceUnavailable, unavailable, !failure},
	reasonKeysUnavailable:      {CodeServiceUnavailable, unavailable, !failure},
}

// An Error is a refusal: what [Guard.Check] returns and a Config.ErrorHandler
// writes. All its exported fields are safe to send. Its cause is for logs: Error
// and Unwrap give it, Message does not.
type Error struct {
	Code       Code
	Reason     string        // finer than Code, stable; zero: sent as the code
	Scopes     Scopes        // what was required, for scope_insufficient
	RetryAfter time.Duration // for 429 and 503; sent in seconds, at least 1
	Usage      Usage         // for rate_limit_exceeded

	cause error
	realm string
}

func refusal(reason string, cause error) *Error {
	return &Error{Code: reasons[reason].code, Reason: reason, cause: cause}
}

func outage(reason string, cause error) *Error {
	err := refusal(reason, cause)
	err.RetryAfter = time.Second
	return err
}

func tooMany(u Usage) *Error {
	err := refusal(reasonRateLimitExceeded, nil)
	err.Usage, err.RetryAfter = u, u.retryAfter()
	return err
}

// Error returns the code, the reason and the cause, for logs. It must not be
// sent to a client: see [Error.Message].
func (e *Error) Error() string {
	text := "bearer: " + string(e.Code)
	if e.Reason != "" && e.Reason != string(e.Code) {
		text += ": " + e.Reason
	}
	if e.cause != nil {
		text += ": " + strings.TrimPrefix(e.cause.Error(), "bearer: ")
	}
	return text
}

// Format implements [fmt.Formatter]: every verb prints the text of Error.
func (e *Error) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, e.Error()) }

// Unwrap returns the cause, if any: the error of a store, say.
func (e *Error) Unwrap() error { return e.cause }

// StatusCode returns the HTTP status of the code, and 500 for a code that is
// not one of this package's.
func (e *Error) StatusCode() int {
	switch e.Code {
	case CodeInvalidRequest:
		return http.StatusBadRequest
	case CodeUnauthorized, CodeTokenExpired, CodeInvalidCredentials:
		return http.StatusUnauthorized
	case CodeForbidden, CodeKeyExpired, CodeIPNotAllowed:
		return http.StatusForbidden
	case CodeRateLimitExceeded:
		return http.StatusTooManyRequests
	case CodeServiceUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// Message returns a fixed text about the refusal, safe to send.
func (e *Error) Message() string {
	for _, reason := range [...]string{e.Reason, string(e.Code)} {
		if row, ok := reasons[reason]; ok {
			return row.message
		}
	}
	return http.StatusText(e.StatusCode()) + "."
}

// CodeOf returns the code of the [Error] in err's tree, or "" if there is none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) && e != nil {
		return e.Code
	}
	return ""
}

// isFailure reports whether a refusal counts against Config.FailureLimit.
func (e *Error) isFailure() bool { return reasons[e.Reason].failure }

// challenge returns the WWW-Authenticate field of a refusal (RFC 6750 section
// 3), or "" if it has none. Every 401 has one (RFC 9110 section 15.5.2).
func (e *Error) challenge() string {
	realm := e.realm
	if realm == "" {
		realm = defaultRealm
	}
	attributes := ""
	switch {
	case e.Code == CodeInvalidRequest:
		attributes = `, error="invalid_request"`
	case e.Code == CodeTokenExpired:
		attributes = `, error="invalid_token", error_description="The access token has expired"`
	case e.Code == CodeUnauthorized && e.Reason != reasonMissingCredentials:
		attributes = `, error="invalid_token"`
	case e.Code == CodeForbidden && e.Reason == reasonScopeInsufficient:
		attributes = `, error="insufficient_scope"`
		if e.Scopes != "" && e.Scopes.Validate() == nil {
			attributes += `, scope="` + string(e.Scopes) + `"`
		}
	case e.StatusCode() != http.StatusUnauthorized:
		return ""
	}
	return `Bearer realm="` + realm + `"` + attributes
}

// validRealm reports whether text can stand in a quoted-string as it is.
func validRealm(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool {
		return c < ' ' || c > '~' || c == '"' || c == '\\'
	})
}
