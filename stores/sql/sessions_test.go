package bearersql_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/issuer/issuertest"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// TestSessionStore proves S1.1 for sessions.
func TestSessionStore(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		store := newStore(t, d.open(t), bearersql.Config{})
		require.NoError(t, issuertest.TestSessionStore(store))
	})
}
