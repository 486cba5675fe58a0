package issuer

import (
	"errors"
	"time"

	"github.com/blockauth/bearer"
)

// Each method of an Issuer returns a *bearer.Error, which errors.As finds. What
// a store returned is its cause, which errors.Is finds: ErrNotFound, say.
//
// What clients are told is a sentence, as the messages of package bearer are. It
// may begin with the name of a parameter.

// invalid refuses a member of a body, or a parameter (400).
func invalid(param, detail string) *bearer.Error {
	return &bearer.Error{Code: bearer.CodeInvalidRequest, Reason: "invalid_request", Param: param, Detail: detail}
}

// forbidden refuses what the caller may not do (403).
func forbidden(reason, param, detail string) *bearer.Error {
	return &bearer.Error{Code: bearer.CodeForbidden, Reason: reason, Param: param, Detail: detail}
}

// notFound says that something is not there, or not the caller's (404).
func notFound() *bearer.Error {
	return refuse(bearer.CodeNotFound).WithCause(ErrNotFound)
}

// conflict refuses what the state of a record does not allow (409).
func conflict(detail string) *bearer.Error {
	e := refuse(bearer.CodeConflict)
	e.Detail = detail
	return e.WithCause(ErrConflict)
}

// outage says that a part of the application is out of order (503).
func outage(cause error) *bearer.Error {
	e := &bearer.Error{
		Code: bearer.CodeServiceUnavailable, Reason: "store_unavailable", RetryAfter: time.Second,
	}
	return e.WithCause(cause)
}

// tooMany refuses what comes too often (429).
func tooMany(usage bearer.Usage) *bearer.Error {
	e := refuse(bearer.CodeRateLimitExceeded)
	e.RetryAfter = max(usage.Wait, time.Second)
	return e
}

// refuse returns a refusal with nothing but its code.
func refuse(code bearer.Code) *bearer.Error {
	return &bearer.Error{Code: code, Reason: string(code)}
}

// refusalOf turns the error of a store, or of a function that returns refusals
// already, into a refusal.
func refusalOf(err error) error {
	if err == nil {
		return nil
	}
	var e *bearer.Error
	switch {
	case errors.As(err, &e):
		return err
	case errors.Is(err, ErrNotFound), errors.Is(err, bearer.ErrKeyNotFound):
		return refuse(bearer.CodeNotFound).WithCause(err)
	case errors.Is(err, ErrExists), errors.Is(err, ErrFull):
		return refuse(bearer.CodeConflict).WithCause(err)
	default:
		return outage(err)
	}
}

// isConflict reports whether a compare-and-swap was lost. A refusal that has
// ErrConflict as its cause is no lost one.
func isConflict(err error) bool {
	var e *bearer.Error
	return errors.Is(err, ErrConflict) && !errors.As(err, &e)
}
