// Package issuer sets the issuer beside its peers: the same requests, secrets
// compared by SHA-256, stores in memory, in one run. Its tests prove of each peer
// that it does the work, and that each benchmark runs; its benchmarks measure.
//
// It is a module of its own, so that what fosite needs is not in the graph of the
// other benchmarks. From the root of the repository:
//
//	export GOWORK=off
//	go -C benchmarks/issuer test ./...
//	go -C benchmarks/issuer test -run '^$' -bench . -benchtime 0.2s -count 10 .
//
// A benchmark's name ends with the peer, so that benchstat can set them side by
// side (-col /peer). Only the ratios within a run mean anything.
package issuer
