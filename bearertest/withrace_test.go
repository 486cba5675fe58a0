//go:build race

package bearertest_test

// withRace says that the race detector is on, which makes each test slow: it looks
// at what runs, and needs few rounds for that.
const withRace = true
