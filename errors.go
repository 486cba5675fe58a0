package bearer

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// An Error is a refusal: what [Guard.Check] returns and a Config.ErrorHandler
// writes. All its exported fields but ID are safe to send. Its cause is for logs:
// Error and Unwrap give it, Message does not.
type Error struct {
	Code       Code
	Reason     string        // finer than Code, stable; zero: sent as the code
	Scopes     Scopes        // what was required, for scope_insufficient
	RetryAfter time.Duration // for 429 and 503; sent in seconds, at least 1; negative: never, so none is sent
	Policy     string        // that refused; of several, the one to be waited for the longest; zero: "default"
	Usage      Usage         // of Policy, for rate_limit_exceeded and cost_exceeds_limit
	ID         string        `json:"-"` // of the key or subject, where it is known: for logs, never sent

	// Param is the name of the member of the body, or of the parameter, that is
	// wrong. Zero: none.
	Param string

	// Detail is sent in place of the fixed text of Message, where an endpoint can
	// say more: "expires_at must be in the future". It is safe to send, and plain
	// ASCII without quotes or backslashes: WriteOAuthError sends the fixed text in
	// place of any other (RFC 6749 section 5.2). Zero: the text that belongs to the
	// reason.
	Detail string

	cause    error
	space    *space  // of the guard; nil: the application made it
	byOrigin bool    // the decision depended on the Origin field
	quotas   []quota // of all policies that apply, if they are several
}

func refusal(r reason, cause error) *Error {
	return &Error{Code: reasons[r].code, Reason: reasons[r].text, cause: cause}
}

// refusalOf refuses a credential that is known. Its ID is in the cause too, for
// logs that have no more than the text of the error.
func refusalOf(id string, why reason) *Error {
	err := refusal(why, fmt.Errorf("the credential of %q", id))
	err.ID = id
	return err
}

func outage(r reason, cause error) *Error {
	err := refusal(r, cause)
	err.RetryAfter = time.Second
	return err
}

// Error returns the code, the reason, Param, Detail and the cause, for logs. It
// must not be sent to a client: see [Error.Message].
func (e *Error) Error() string {
	text := "bearer: " + string(e.Code)
	if e.Reason != "" && e.Reason != string(e.Code) {
		text += ": " + e.Reason
	}
	if e.Param != "" {
		text += ": " + strconv.Quote(e.Param) // it may be what a client sent
	}
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	if e.cause != nil {
		text += ": " + strings.TrimPrefix(e.cause.Error(), "bearer: ")
	}
	return text
}

// Format implements [fmt.Formatter]: every verb prints the text of Error.
func (e Error) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, e.Error()) }

// WithCause returns a copy of the refusal that has the cause, for logs: Error and
// Unwrap give it, and no answer shows it.
func (e *Error) WithCause(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// Unwrap returns the cause, if any: the error of a store, say.
func (e *Error) Unwrap() error { return e.cause }

// StatusCode returns the HTTP status of the code, and 500 for a code that is
// not one of this package's.
func (e *Error) StatusCode() int {
	switch e.Code {
	case CodeInvalidRequest:
		return http.StatusBadRequest
	case CodeUnauthorized, CodeTokenExpired, CodeInvalidCredentials, CodeInvalidRefreshToken:
		return http.StatusUnauthorized
	case CodeForbidden, CodeKeyExpired, CodeIPNotAllowed:
		return http.StatusForbidden
	case CodeNotFound:
		return http.StatusNotFound
	case CodeMethodNotAllowed:
		return http.StatusMethodNotAllowed
	case CodeConflict:
		return http.StatusConflict
	case CodePayloadTooLarge:
		return http.StatusRequestEntityTooLarge
	case CodeUnsupportedMediaType:
		return http.StatusUnsupportedMediaType
	case CodeRateLimitExceeded:
		return http.StatusTooManyRequests
	case CodeServiceUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// Message returns a text about the refusal that is safe to send: Detail, else a
// fixed one.
func (e *Error) Message() string {
	if e.Detail != "" {
		return e.Detail
	}
	return e.fixedMessage()
}

// fixedMessage returns the text that belongs to the reason, else to the code,
// else to the status.
func (e *Error) fixedMessage() string {
	if info := infoOf(e.Reason); info != nil {
		return info.message
	}
	if info := infoOf(string(e.Code)); info != nil {
		return info.message
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
func (e *Error) isFailure() bool {
	return e.is(reasonInvalidAPIKey) || e.is(reasonKeyRevoked) || e.is(reasonInvalidToken) || e.is(reasonTokenRevoked)
}

// is reports whether a refusal has the reason, also one that the application
// made.
func (e *Error) is(r reason) bool { return e.Reason == reasons[r].text }

// challenge returns the WWW-Authenticate field of a refusal (RFC 6750 section
// 3), or "" if it has none. Every 401 has one (RFC 9110 section 15.5.2).
func (e *Error) challenge() string {
	s := e.space
	if s == nil {
		s = &space{realm: defaultRealm}
	}
	attributes := ""
	switch {
	case e.Code == CodeInvalidRequest:
		if e.isAboutBody() {
			return ""
		}
		attributes = `, error="invalid_request"`
	case e.Code == CodeTokenExpired:
		attributes = `, error="invalid_token", error_description="The access token has expired"`
	case e.Code == CodeUnauthorized && !e.is(reasonMissingCredentials):
		attributes = `, error="invalid_token"`
	case e.Code == CodeForbidden && e.is(reasonScopeInsufficient):
		attributes = `, error="insufficient_scope"`
		if e.Scopes != "" && e.Scopes.Validate() == nil {
			attributes += `, scope="` + string(e.Scopes) + `"`
		}
	case e.StatusCode() != http.StatusUnauthorized:
		return ""
	}
	if s.metadata != "" {
		attributes += `, resource_metadata="` + s.metadata + `"` // RFC 9728 section 5.1
	}
	return `Bearer realm="` + s.realm + `"` + attributes
}

// isAboutBody reports whether a 400 is about a body or a parameter: what is wrong
// then is no credential, and no other one would help.
func (e *Error) isAboutBody() bool {
	return e.Param != "" || e.reasonOrCode() == reasons[reasonInvalidRequest].text || e.is(reasonInvalidRefreshToken)
}

// isQuotable reports whether text can stand in a quoted-string as it is.
func isQuotable(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool {
		return c < ' ' || c > '~' || c == '"' || c == '\\'
	})
}
