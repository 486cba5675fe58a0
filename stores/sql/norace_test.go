//go:build !race

package bearersql_test

const withRace = false
