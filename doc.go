// Package bearer lets an existing Go web application accept, limit and refuse
// API keys and JWTs, with one value built in main and one line per route:
//
//	guard, err := bearer.New(bearer.Config{Keys: store})
//	mux.Handle("GET /v1/tokens", guard.Require("tokens:read")(http.HandlerFunc(list)))
//	mux.Handle("/v1/wallets/", guard.Resource("wallets")(http.HandlerFunc(wallets)))
//	http.ListenAndServe(addr, mux)
//
// A [Guard] accepts or refuses requests as its [Config] says. An application
// with API routes and dashboard routes has two guards: one with Keys, one with
// JWT. This is one for JWTs:
//
//	dashboard, err := bearer.New(bearer.Config{JWT: []bearer.JWT{{
//		Issuer:     "https://id.example",
//		Audiences:  []string{"dashboard"},
//		Algorithms: []string{"RS256"},
//		Keyfunc:    keys.Keyfunc, // of package jwks, say
//	}}})
//
// A guard may have one [JWT] for each of several issuers: the iss of a token
// chooses.
//
// # Credentials
//
// A credential is what follows "Bearer" in the one Authorization field of a
// request (RFC 6750 section 2.1). Queries, bodies and cookies are never read;
// another place only by the function Config.Credential of the application.
// An API key is recognized by its prefix, sk_ or pk_; a JWT by its two dots. No
// credential is tried as both.
//
// API keys come from a [KeyStore], which the application brings: it sees the
// hash of a key, never its text. [MemoryStore] is one for small sets of keys
// and for tests. [CachedStore] keeps a database out of most requests.
// [KeyFormat.Generate] makes the keys.
//
// # Checks
//
// The order of checks is fixed, and the first that fails answers:
//
//  1. The credential is there (401 unauthorized) and well formed (400
//     invalid_request).
//  2. The guard takes API keys, or JWTs (401 unauthorized), and publishable
//     keys (403 forbidden).
//  3. The client's address has not failed too often (429 rate_limit_exceeded).
//  4. The key is known and its hash is equal, or the JWT is signed and its
//     claims are good (401 unauthorized). Parts that fail are 503
//     service_unavailable.
//  5. It is not revoked, and has not ended (401 unauthorized).
//  6. It has not expired (403 key_expired, 401 token_expired).
//  7. The client's address and origin are among those that the key allows (403
//     ip_not_allowed, 403 forbidden).
//  8. The environment and the kind are those of the guard (403 forbidden).
//  9. The limits have room (429 rate_limit_exceeded). A request is charged
//     once.
//  10. A publishable key only reads (403 forbidden).
//  11. The scopes that the route requires are there (403 forbidden).
//
// Every refusal is an [Error] with a [Code], a reason and a fixed text;
// [WriteError] and three other functions write it. Whatever is broken or missing
// refuses: a store that fails is answered with 503, never with 401 or 200.
//
// # Limits
//
// Each caller has a token bucket of the size of its [Limit], in a [Limiter].
// [Buckets] is the one in memory. Several limits at a time, or those of an
// account, a plan or a route, are each a [Policy].
//
// # Other packages
//
// The adapters of chi, gin and echo are modules of their own, such as
// github.com/blockauth/bearer/adapters/gin; so is the source of the keys of other
// issuers, github.com/blockauth/bearer/jwks. The module issuer makes keys and
// JWTs, stores/sql and stores/redis keep keys and limits for several processes,
// and otel records decisions. Package bearertest has fakes for the tests of an
// application, and suites that test its key store, its limiter or its adapter.
package bearer
