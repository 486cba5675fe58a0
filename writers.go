package bearer

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// WriteError answers a refusal as API platforms do:
//
//	{"error":{"type":"...","code":"...","reason":"...","message":"...","status":401}}
//
// The type is the family of the status: invalid_request_error,
// authentication_error, permission_error, rate_limit_error or api_error. Where
// Error.Param is set, a member param follows the message.
//
// Like the three other writers, it also sets Cache-Control,
// X-Content-Type-Options and, where they belong, WWW-Authenticate, Retry-After
// and the rate limit fields. A nil Error is answered with 500.
func WriteError(w http.ResponseWriter, r *http.Request, e *Error) {
	e = e.orInternal()
	b := make([]byte, 0, bodySize)
	b = appendText(append(b, `{"error":{"type":`...), e.family())
	b = appendText(append(b, `,"code":`...), string(e.Code))
	b = appendText(append(b, `,"reason":`...), e.reasonOrCode())
	b = appendText(append(b, `,"message":`...), e.Message())
	b = e.appendParam(b)
	b = strconv.AppendInt(append(b, `,"status":`...), int64(e.StatusCode()), 10)
	e.write(w, r, "application/json", append(b, "}}\n"...))
}

// WriteStatusMessage answers a refusal with two members:
//
//	{"status":false,"message":"Access token has expired or is invalid."}
//
// This message stands for every credential that is unknown, revoked or expired;
// one that is missing or of another type keeps the text of [Error.Message].
func WriteStatusMessage(w http.ResponseWriter, r *http.Request, e *Error) {
	e = e.orInternal()
	message := e.Message()
	switch {
	case e.is(reasonMissingCredentials), e.is(reasonWrongCredentialType):
	case e.Code == CodeUnauthorized, e.Code == CodeTokenExpired, e.Code == CodeKeyExpired:
		message = "Access token has expired or is invalid."
	}
	b := appendText(append(make([]byte, 0, bodySize), `{"status":false,"message":`...), message)
	e.write(w, r, "application/json", append(b, "}\n"...))
}

// WriteOAuthError answers a refusal in the form of RFC 6749 section 5.2, with
// the error codes of RFC 6749 and RFC 6750:
//
//	{"error":"invalid_token","error_description":"..."}
//
// An expired key is 401 invalid_token here, with a challenge, as RFC 6750 section
// 3.1 has it, and a refresh token that is not valid is 400 invalid_grant.
func WriteOAuthError(w http.ResponseWriter, r *http.Request, e *Error) {
	e = e.orInternal()
	switch {
	case e.Code == CodeKeyExpired:
		e = e.as(CodeUnauthorized, string(CodeKeyExpired))
	case e.Code == CodeInvalidRefreshToken:
		e = e.as(CodeInvalidRequest, reasons[reasonInvalidRefreshToken].text)
	}
	description := e.Message()
	if !isQuotable(description) { // section 5.2 allows the same characters
		description = e.fixedMessage()
	}
	b := appendText(append(make([]byte, 0, bodySize), `{"error":`...), e.oauthCode())
	b = appendText(append(b, `,"error_description":`...), description)
	e.write(w, r, "application/json", append(b, "}\n"...))
}

// WriteProblem answers a refusal with the application/problem+json of RFC 9457
// and the extension members code, reason and, where Error.Param is set, param. A
// 429 has the problem type and the violated-policies member that the rate limit
// fields' draft registers.
func WriteProblem(w http.ResponseWriter, r *http.Request, e *Error) {
	e = e.orInternal()
	problemType, violated := "about:blank", ""
	if e.Code == CodeRateLimitExceeded {
		problemType = "https://iana.org/assignments/http-problem-types#quota-exceeded"
		violated = e.violatedPolicies()
	}
	b := make([]byte, 0, bodySize)
	b = appendText(append(b, `{"type":`...), problemType)
	b = appendText(append(b, `,"title":`...), http.StatusText(e.StatusCode()))
	b = strconv.AppendInt(append(b, `,"status":`...), int64(e.StatusCode()), 10)
	b = appendText(append(b, `,"detail":`...), e.Message())
	b = appendText(append(b, `,"code":`...), string(e.Code))
	b = appendText(append(b, `,"reason":`...), e.reasonOrCode())
	b = e.appendParam(b)
	e.write(w, r, "application/problem+json", append(append(b, violated...), "}\n"...))
}

// as returns a copy of e that has another code and reason.
func (e *Error) as(code Code, reason string) *Error {
	c := *e
	c.Code, c.Reason = code, reason
	return &c
}

// appendParam appends the member that says what in the request is wrong.
func (e *Error) appendParam(b []byte) []byte {
	if e.Param == "" {
		return b
	}
	return appendText(append(b, `,"param":`...), e.Param)
}

// violatedPolicies returns the member that names the policies which refused.
func (e *Error) violatedPolicies() string {
	names := make([]string, 0, usualPolicies)
	for i := range e.quotas {
		if q := &e.quotas[i]; !q.usage.Allowed {
			names = append(names, q.bucket.Policy)
		}
	}
	if len(e.quotas) == 0 {
		names = append(names, e.policyName())
	}
	return `,"violated-policies":["` + strings.Join(names, `","`) + `"]`
}

// isPermanent reports whether waiting does not help: then no Retry-After is sent.
func (e *Error) isPermanent() bool {
	return e.RetryAfter < 0 || e.RetryAfter == 0 && e.Usage.Wait < 0
}

// orInternal returns e, or in place of nil an Error with no code, which is 500.
func (e *Error) orInternal() *Error {
	if e == nil {
		return new(Error)
	}
	return e
}

// reasonOrCode returns the reason, or the code if there is none finer.
func (e *Error) reasonOrCode() string {
	if e.Reason == "" {
		return string(e.Code)
	}
	return e.Reason
}

// family returns the type member of WriteError.
func (e *Error) family() string {
	switch e.StatusCode() {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusConflict,
		http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
		return "invalid_request_error"
	case http.StatusUnauthorized:
		return "authentication_error"
	case http.StatusForbidden:
		return "permission_error"
	case http.StatusTooManyRequests:
		return "rate_limit_error"
	default:
		return "api_error"
	}
}

// oauthCode returns the error code that RFC 6749 or RFC 6750 has for e.
func (e *Error) oauthCode() string {
	switch {
	case e.is(reasonInvalidRefreshToken):
		return "invalid_grant"
	case e.Code == CodeInvalidCredentials:
		return "invalid_client"
	case e.is(reasonScopeInsufficient):
		return "insufficient_scope"
	case e.StatusCode() == http.StatusUnauthorized:
		return "invalid_token"
	case e.StatusCode() == http.StatusForbidden:
		return "access_denied"
	case e.family() == "invalid_request_error":
		return "invalid_request"
	case e.StatusCode() == http.StatusInternalServerError:
		return "server_error"
	default:
		return "temporarily_unavailable"
	}
}

// bodySize is enough for the bodies of this package's own refusals.
const bodySize = 320

// appendText appends s as a JSON string. A refusal is to cost less than the
// request that it refuses, so plain text, as all of this package's is, is not
// given to encoding/json.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) //nolint:errchkjson // no string is refused
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// write sends the header fields of a refusal and its body.
func (e *Error) write(w http.ResponseWriter, r *http.Request, contentType string, body []byte) {
	h := w.Header()
	for _, name := range [...]string{"Content-Length", "Etag", "Last-Modified"} {
		delete(h, name) // they were about another answer
	}
	e.setFields(h, contentType)
	if e.space != nil && r != nil {
		if a, _ := r.Context().Value(e.space).(*admission); a != nil && a.isOf(r) {
			a.noteRefusal(r, e) // a Check behind a handler is final if it is written
		}
	}
	w.WriteHeader(e.StatusCode())
	_, _ = w.Write(body) //nolint:gosec // JSON with quoted texts, which nosniff keeps JSON
}

// SetHeader sets the header fields that the refusal has, such as
// WWW-Authenticate and Retry-After, but no Content-Type: for an endpoint that
// writes its own body. The writers of this package set them themselves, and a
// guard does before it calls its Config.ErrorHandler.
func (e *Error) SetHeader(h http.Header) { e.orInternal().setFields(h, "") }

// setFields sets the header fields of a refusal: Content-Type only if it is
// known.
func (e *Error) setFields(h http.Header, contentType string) {
	status := e.StatusCode()
	values := make([]string, 0, 7) // one array serves all fields
	set := func(name, value string) {
		values = append(values, value)
		h[name] = values[len(values)-1 : len(values) : len(values)]
	}
	if contentType != "" {
		set("Content-Type", contentType)
	}
	set("Cache-Control", "no-store")
	set("X-Content-Type-Options", "nosniff")
	if challenge := e.challenge(); challenge != "" {
		set("Www-Authenticate", challenge)
	}
	e.setRateFields(set)
	if e.byOrigin {
		addVaryOrigin(h)
	}
	if (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable) && !e.isPermanent() {
		set("Retry-After", strconv.FormatInt(wholeSeconds(max(e.RetryAfter, time.Second)), 10))
	}
}
