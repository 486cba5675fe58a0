package bearersql_test

import (
	"database/sql"
	"testing"
)

const (
	racers = 32
	long   = 1 << 20 // a max that no race reaches
)

// isBrief reports whether a test is to do with few rounds.
func isBrief() bool { return testing.Short() || withRace }

// rounds is how often a race is run.
func rounds() int {
	if isBrief() {
		return 3
	}
	return 100
}

// openMany opens a database with a connection for each racer.
func (d database) openMany(t *testing.T, options ...string) *sql.DB {
	t.Helper()
	db := d.open(t, options...)
	db.SetMaxOpenConns(racers)
	db.SetMaxIdleConns(racers)
	return db
}

// race calls a function n times at once, and waits for all.
func race(n int, call func(i int)) {
	start, done := make(chan struct{}), make(chan struct{})
	for i := range n {
		go func() {
			<-start
			call(i)
			done <- struct{}{}
		}()
	}
	close(start)
	for range n {
		<-done
	}
}
