// Package issuer hands out what a guard of package bearer accepts: API keys that
// are made, listed, rotated and revoked, and JWTs that are exchanged, refreshed
// and revoked, over HTTP and for Go code.
package issuer
