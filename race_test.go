//go:build race

package bearer_test

// raceEnabled is for tests that do less under the race detector.
const raceEnabled = true
