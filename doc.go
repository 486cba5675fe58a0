// Package bearer lets an existing Go web application accept, limit and refuse
// API keys and JWTs, with one value built in main and one line per route:
//
//	guard, err := bearer.New(bearer.Config{Keys: store})
//	mux.Handle("GET /v1/tokens", guard.Require("tokens:read")(http.HandlerFunc(list)))
//	mux.Handle("/v1/wallets/", guard.Resource("wallets")(http.HandlerFunc(wallets)))
//	http.ListenAndServe(addr, mux)
//
// A [Guard] is one door, and its [Config] says what it accepts. An application
// with API routes and dashboard routes has two: one with Keys, one with JWT.
//
// # Credentials
//
// A credential is what follows "Bearer" in the one Authorization field of a
// request (RFC 6750 section 2.1). Queries, bodies and cookies are never read.
// An API key is known by its prefix, sk_ or pk_; a JWT by its two dots. No
// credential is tried as both.
//
// API keys come from a [KeyStore], which the application brings: it sees the
// hash of a key, never its text. [MemoryStore] is one for small sets of keys
// and for tests. [KeyFormat.Generate] makes the keys.
//
// # Decisions
//
// The order of checks is fixed, and the first failure answers: form, kind and
// whether this door takes it, failures of the address, look-up, hash, revoked,
// expired, address, environment, rate limit, access, scopes. Every refusal is
// an [Error] with a [Code], a reason and a fixed text; [WriteError] and three
// other functions write it. Whatever is broken or missing refuses: a store that
// fails is answered with 503, never with 401 or 200.
//
// # Limits
//
// Each caller has a token bucket of the size of its [Limit], in a [Limiter].
// [Buckets] is the one in memory.
package bearer
