package bearer

// A Code is what a refusal is called in the body of the answer. Each has one
// HTTP status.
type Code string

// The codes, with the reasons that each may have; where none is given, the
// reason is the code itself. A guard answers the first group; the second is for
// endpoints that issue and manage credentials, which answer the first group too.
const (
	// CodeInvalidRequest is 400: malformed_credentials, multiple_credentials,
	// credential_too_long. An endpoint answers invalid_request if a body or a
	// parameter is wrong.
	CodeInvalidRequest Code = "invalid_request"
	// CodeUnauthorized is 401: missing_credentials, invalid_api_key,
	// key_revoked, invalid_token, token_revoked, wrong_credential_type.
	CodeUnauthorized Code = "unauthorized"
	// CodeTokenExpired is 401.
	CodeTokenExpired Code = "token_expired"
	// CodeForbidden is 403: scope_insufficient, secret_key_required,
	// environment_mismatch, origin_not_allowed.
	CodeForbidden Code = "forbidden"
	// CodeKeyExpired is 403.
	CodeKeyExpired Code = "key_expired"
	// CodeIPNotAllowed is 403.
	CodeIPNotAllowed Code = "ip_not_allowed"
	// CodeRateLimitExceeded is 429: rate_limit_exceeded, cost_exceeds_limit.
	CodeRateLimitExceeded Code = "rate_limit_exceeded"
	// CodeServiceUnavailable is 503: store_unavailable, limiter_unavailable,
	// keys_unavailable.
	CodeServiceUnavailable Code = "service_unavailable"

	// CodeInvalidCredentials is 401, for endpoints that take a login.
	CodeInvalidCredentials Code = "invalid_credentials"
	// CodeInvalidRefreshToken is 401, for endpoints that take refresh tokens.
	CodeInvalidRefreshToken Code = "invalid_refresh_token"
	// CodeNotFound is 404: what an endpoint was asked for is not there, or another
	// owner's.
	CodeNotFound Code = "not_found"
	// CodeMethodNotAllowed is 405. The endpoint sets Allow (RFC 9110 section
	// 15.5.6).
	CodeMethodNotAllowed Code = "method_not_allowed"
	// CodeConflict is 409: the state of what an endpoint was asked to change does
	// not allow it.
	CodeConflict Code = "conflict"
	// CodePayloadTooLarge is 413.
	CodePayloadTooLarge Code = "payload_too_large"
	// CodeUnsupportedMediaType is 415.
	CodeUnsupportedMediaType Code = "unsupported_media_type"
)

// A reason is why a request is refused.
type reason int

const (
	reasonMalformedCredentials reason = iota
	reasonMultipleCredentials
	reasonCredentialTooLong
	reasonMissingCredentials
	reasonInvalidAPIKey
	reasonKeyRevoked
	reasonInvalidToken
	reasonTokenRevoked
	reasonWrongCredentialType
	reasonTokenExpired
	reasonScopeInsufficient
	reasonSecretKeyRequired
	reasonEnvironmentMismatch
	reasonOriginNotAllowed
	reasonKeyExpired
	reasonIPNotAllowed
	reasonRateLimitExceeded
	reasonCostExceedsLimit
	reasonStoreUnavailable
	reasonLimiterUnavailable
	reasonKeysUnavailable
	reasonInvalidRequest
	reasonInvalidCredentials
	reasonInvalidRefreshToken
	reasonNotFound
	reasonMethodNotAllowed
	reasonConflict
	reasonPayloadTooLarge
	reasonUnsupportedMediaType
)

const unavailable = "The service is temporarily unavailable."

// A reasonInfo is what a refusal for a reason says.
type reasonInfo struct {
	text    string // Error.Reason
	code    Code
	message string // safe to send
}

// reasons says what each reason decides.
var reasons = [...]reasonInfo{
	reasonMalformedCredentials: {"malformed_credentials", CodeInvalidRequest, "The Authorization header is malformed."},
	reasonMultipleCredentials: {
		"multiple_credentials", CodeInvalidRequest,
		"The request has more than one Authorization header.",
	},
	reasonCredentialTooLong:  {"credential_too_long", CodeInvalidRequest, "The credential is too long."},
	reasonMissingCredentials: {"missing_credentials", CodeUnauthorized, "This resource needs a bearer credential."},
	reasonInvalidAPIKey:      {"invalid_api_key", CodeUnauthorized, "The API key is not valid."},
	reasonKeyRevoked:         {"key_revoked", CodeUnauthorized, "The API key has been revoked."},
	reasonInvalidToken:       {"invalid_token", CodeUnauthorized, "The access token is not valid."},
	reasonTokenRevoked:       {"token_revoked", CodeUnauthorized, "The access token has been revoked."},
	reasonWrongCredentialType: {
		"wrong_credential_type", CodeUnauthorized,
		"This resource does not accept this type of credential.",
	},
	reasonTokenExpired:      {"token_expired", CodeTokenExpired, "The access token has expired."},
	reasonScopeInsufficient: {"scope_insufficient", CodeForbidden, "The credential lacks a required scope."},
	reasonSecretKeyRequired: {"secret_key_required", CodeForbidden, "This operation needs a secret API key."},
	reasonEnvironmentMismatch: {
		"environment_mismatch", CodeForbidden,
		"The credential belongs to another environment.",
	},
	reasonOriginNotAllowed:  {"origin_not_allowed", CodeForbidden, "The API key may not be used from this origin."},
	reasonKeyExpired:        {"key_expired", CodeKeyExpired, "The API key has expired."},
	reasonIPNotAllowed:      {"ip_not_allowed", CodeIPNotAllowed, "The API key may not be used from this address."},
	reasonRateLimitExceeded: {"rate_limit_exceeded", CodeRateLimitExceeded, "Too many requests. Try again later."},
	reasonCostExceedsLimit: {
		"cost_exceeds_limit", CodeRateLimitExceeded,
		"The request costs more than the limit ever allows.",
	},
	reasonStoreUnavailable:   {"store_unavailable", CodeServiceUnavailable, unavailable},
	reasonLimiterUnavailable: {"limiter_unavailable", CodeServiceUnavailable, unavailable},
	reasonKeysUnavailable:    {"keys_unavailable", CodeServiceUnavailable, unavailable},

	reasonInvalidRequest:     {"invalid_request", CodeInvalidRequest, "The request is not valid."},
	reasonInvalidCredentials: {"invalid_credentials", CodeInvalidCredentials, "The credentials are not valid."},
	reasonInvalidRefreshToken: {
		"invalid_refresh_token", CodeInvalidRefreshToken,
		"The refresh token is not valid.",
	},
	reasonNotFound:         {"not_found", CodeNotFound, "There is no such resource."},
	reasonMethodNotAllowed: {"method_not_allowed", CodeMethodNotAllowed, "The resource does not have this method."},
	reasonConflict:         {"conflict", CodeConflict, "The state of the resource does not allow this."},
	reasonPayloadTooLarge:  {"payload_too_large", CodePayloadTooLarge, "The body of the request is too large."},
	reasonUnsupportedMediaType: {
		"unsupported_media_type", CodeUnsupportedMediaType,
		"The body of the request is of a type that is not supported.",
	},
}

// infoOf returns what is said of the reason with the text, or nil if it is none.
func infoOf(text string) *reasonInfo {
	for i := range reasons {
		if reasons[i].text == text {
			return &reasons[i]
		}
	}
	return nil
}
