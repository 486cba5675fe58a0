// Package bearertest helps to test applications that use bearer. [Keys],
// [Tokens] and [Limiter] are fakes whose zero values work, for the tests of
// routes behind a guard; [WithPrincipal] is for those of handlers without one.
// [TestKeyStore], [TestLimiter] and [TestMiddleware] test what an application
// brings itself, a key store, a limiter or an adapter for a web framework,
// against the rules that a guard counts on: they return an error that says
// which rule was broken, what was found, and what to do about it. Nothing in
// this package is for use outside of tests. The package's examples are the
// tests of a small application.
package bearertest
