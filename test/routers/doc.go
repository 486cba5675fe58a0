// Package routers tests that package issuer works under net/http, chi, gin and
// echo, below any prefix. It has no code but tests, and is not released: who uses
// the issuer needs none of these routers.
package routers
