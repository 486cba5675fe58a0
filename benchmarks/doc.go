// Package benchmarks sets the guard beside its peers: the same work, the same
// credentials, the same limit, in one run. Its tests prove of each peer that it
// does the work; its benchmarks measure it.
//
// The module is outside of the workspace, whose modules do not need the peers.
// Its commands set GOWORK=off; from the root of the repository:
//
//	export GOWORK=off
//	go -C benchmarks test ./...             # the proofs
//	go -C benchmarks run ./report           # measures, and writes docs/benchmarks.md
//	go -C benchmarks run ./report -quick    # only shows that it works
//
// A benchmark's name ends with the peer, so that benchstat can set them side by
// side. Only the ratios within a run mean anything.
package benchmarks
