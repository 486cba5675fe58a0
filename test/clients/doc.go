// Package clients tests package issuer with the OAuth and JWT clients of others,
// against examples/platform. It has no code but tests, and is not released: the
// modules that it needs are no one else's.
//
// The clients in JavaScript are those of package.json; npm ci fetches them.
package clients
