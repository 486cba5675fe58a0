package main_test

import (
	"context"
	"database/sql"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	program "github.com/blockauth/bearer/examples/platform"
	"github.com/blockauth/bearer/internal/services"
)

// A router that was restarted forgets the connections of the pool, and tells no
// one. What comes next is answered all the same.
func TestForgottenConnections(t *testing.T) {
	const idle = 4
	target, err := url.Parse(services.Postgres(t))
	require.NoError(t, err)
	proxy := services.NewProxy(t, target.Host)
	db, err := program.OpenURL(proxy.Through(target.String()))
	require.NoError(t, err)
	defer db.Close()
	db.SetMaxIdleConns(idle)
	var all [idle]*sql.Conn
	for n := range all {
		all[n], err = db.Conn(t.Context())
		require.NoError(t, err)
	}
	for _, c := range all {
		require.NoError(t, c.Close())
	}
	time.Sleep(1100 * time.Millisecond) // what was used a moment ago is not pinged
	proxy.Forget()
	// Without the ping, it would take all the time there is.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var one int
	require.NoError(t, db.QueryRowContext(ctx, "SELECT 1").Scan(&one))
	assert.Equal(t, 1, one)
}
