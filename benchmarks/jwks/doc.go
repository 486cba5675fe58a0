// Package jwks tries the same faults of an issuer on four packages that find its
// keys, and prints what each does as a table, which docs/jwks.md shows:
//
//	GOWORK=off go -C benchmarks test -run TestFaults -v ./jwks
//
// All of them are as their documents begin: with their default settings, and one
// option for the client that reaches the issuer in memory. Time is that of a
// bubble, so that a day takes no time.
package jwks
