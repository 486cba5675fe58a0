// Package benchmarks sets the guard beside its peers: the same work, the same
// credentials, the same limit, in one run. Its tests prove of each peer that it
// does the work; its benchmarks measure it.
//
//	go test ./benchmarks                  # the proofs
//	go run ./benchmarks/report            # measures, and writes docs/benchmarks.md
//	go run ./benchmarks/report -quick     # only shows that it works
//
// A benchmark's name ends with the peer, so that benchstat can set them side by
// side. Only the ratios within a run mean anything.
package benchmarks
