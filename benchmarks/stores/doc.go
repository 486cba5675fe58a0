// Package stores measures the stores: the limiter in Redis beside its peers, and
// look-ups of keys in three databases beside a SELECT by hand. Its tests prove of
// each peer that it does the work, that each benchmark runs, and what a cache of
// keys promises under load.
//
// It finds databases and Redis like the tests of the stores: by
// BEARER_TEST_POSTGRES, BEARER_TEST_MYSQL and BEARER_TEST_REDIS, or on this
// machine. From the root of the repository:
//
//	export GOWORK=off
//	go -C benchmarks/stores test ./...
//	go -C benchmarks/stores test -run '^$' -bench 'Take|Refusal' -benchtime 0.5s -count 6 .
//	go -C benchmarks/stores test -run '^$' -bench Admitted -benchtime 1x -count 6 .
//	go -C benchmarks/stores test -run '^$' -bench Lookup -benchtime 0.5s -count 6 .
//
// BEARER_ROWS is how many keys BenchmarkLookup puts into each database: a million
// if it is not set. A benchmark's name ends with the peer, so that benchstat can
// set them side by side (-col /peer). Only the ratios within a run mean anything.
package stores
