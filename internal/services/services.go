// Package services finds the databases and Redis that tests need, starts some of
// their own, and puts faults between. It is for the tests of this repository
// alone.
package services

import (
	"context"
	"net"
	"os"
	"testing"
	"time"
)

// Postgres returns the URL of a PostgreSQL database: that of
// BEARER_TEST_POSTGRES, or the default on this machine. If none is there, the test
// is skipped, or fails if BEARER_REQUIRE_SERVICES is set.
func Postgres(tb testing.TB) string {
	tb.Helper()
	return find(tb, "BEARER_TEST_POSTGRES", "postgres://postgres@127.0.0.1:5432/test?sslmode=disable", "127.0.0.1:5432")
}

// MySQL is [Postgres] for the DSN of a MySQL or MariaDB database:
// BEARER_TEST_MYSQL.
func MySQL(tb testing.TB) string {
	tb.Helper()
	return find(tb, "BEARER_TEST_MYSQL", "root@tcp(127.0.0.1:3306)/test", "127.0.0.1:3306")
}

// Redis is [Postgres] for the URL of a Redis: BEARER_TEST_REDIS.
func Redis(tb testing.TB) string {
	tb.Helper()
	return find(tb, "BEARER_TEST_REDIS", "redis://127.0.0.1:6379/0", "127.0.0.1:6379")
}

// find returns what a variable of the environment says, or a default if
// something listens at its address.
func find(tb testing.TB, variable, url, address string) string {
	tb.Helper()
	if set := os.Getenv(variable); set != "" {
		return set
	}
	dialer := net.Dialer{Timeout: 2 * time.Second}
	connection, err := dialer.DialContext(context.Background(), "tcp", address)
	if err != nil {
		Missing(tb, variable+" is not set, and nothing listens at "+address)
	}
	_ = connection.Close()
	return url
}

// Missing skips the test, or fails if BEARER_REQUIRE_SERVICES is set.
func Missing(tb testing.TB, what string) {
	tb.Helper()
	if os.Getenv("BEARER_REQUIRE_SERVICES") != "" {
		tb.Fatal("required: " + what)
	}
	tb.Skip("skipped: " + what)
}
