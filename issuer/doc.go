// Package issuer hands out what a guard of package bearer accepts: API keys that
// are made, listed, rotated and revoked, and JWTs that are exchanged, refreshed
// and revoked, over HTTP and for Go code. This is all of an application whose
// customers manage their API keys:
//
//	iss, err := issuer.New(issuer.Config{Caller: caller}) // who is logged in: the application knows
//	guard, err := bearer.New(iss.KeyConfig())             // a guard for these keys
//	for pattern, h := range iss.Routes() {                // "POST /v1/api_keys", …
//		mux.Handle(pattern, h)
//	}
//	mux.Handle("GET /v1/tokens", guard.Require("tokens:read")(list))
//
// With Config.Tokens, the issuer also signs JWTs, and TokenConfig is the config
// of a guard for them. What is not configured does not exist.
//
// # What there is
//
// An [APIKey] is a policy: whose it is, what it may do, from where, until when.
// Its secrets are the texts that customers use. Rotation gives it a new secret,
// and lets the old one work for a while.
//
// A [Client] exchanges an ID and a secret for a token: an OAuth client at
// /oauth/token (RFC 6749 section 4.4), a credential at /auth/token.
//
// A [Session] is one login: of a user, of an API key, of a client. Each token
// belongs to a session, and is good as long as what opened the session is: a key
// that is revoked takes the tokens along that were made from it.
//
// All of them have an owner, a customer or a tenant, which a [Caller] may manage.
// It comes from who is logged in, never from a request.
//
// # Packages
//
// Package page is a page on which customers manage their keys, and package leak
// has endpoints that revoke keys that leaked. Package client renews the token of
// a program.
//
// # Stores
//
// A [Store] keeps keys, clients and sessions. [MemoryStore] forgets them at the
// end of the process. Package issuertest has suites for stores of your own.
//
// # Several processes
//
// Guards remember keys and sessions for Config.CacheTTL, and forget at once what
// their own process changes. If the store is a [Watcher], Run follows what other
// processes change, and makes guards ask the store while it cannot.
package issuer
