package pgxlisten_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/internal/services"
	"github.com/blockauth/bearer/stores/sql/pgxlisten"
)

const patience = 30 * time.Second

// A channel is heard by what was said in it, whatever its name; no other is. The
// listener goes on where nothing is said for longer than it waits, and ends with
// its context.
func TestListen(t *testing.T) {
	services.Goroutines(t)
	url := services.Postgres(t)
	connection, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close(context.Background()) })
	channel := `a "channel"; ` + strings.ToLower(rand.Text())
	notify := func(channel string) {
		_, err := connection.Exec(t.Context(), "SELECT pg_notify($1, '')", channel)
		require.NoError(t, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rings, ended := make(chan struct{}, 100), make(chan error, 1)
	go func() { ended <- pgxlisten.Listen(url).Listen(ctx, channel, func() { rings <- struct{}{} }) }()
	await(t, rings) // it listens
	notify(channel)
	await(t, rings)
	if !testing.Short() {
		time.Sleep(5 * time.Second) // two pings
	}
	notify(channel + "x")
	notify(channel)
	await(t, rings)
	assert.Empty(t, rings)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}

func await(tb testing.TB, rings <-chan struct{}) {
	tb.Helper()
	select {
	case <-rings:
	case <-time.After(patience):
		require.Fail(tb, "it does not ring")
	}
}

// What is wrong is said, without the password. The address is one on which nothing
// listens.
func TestListenErrors(t *testing.T) {
	const password = "s3cret%zz"
	ring := func() { assert.Fail(t, "it does not listen") }
	for _, test := range []struct{ name, url, want string }{
		{"no server", "postgres://u:s3cret@127.0.0.1:1/test?sslmode=disable", "pgxlisten: connect: "},
		{"a DSN", "host=127.0.0.1 port=1 user=u password=s3cret sslmode=disable", "pgxlisten: connect: "},
		{"no URL", "postgres://u:s3cret%zz@127.0.0.1:1/test", "pgxlisten: the URL or DSN of the database cannot be read"},
		{"no port", "postgres://u:s3cret@127.0.0.1:a/test", "pgxlisten: the URL or DSN of the database cannot be read"},
		{"no DSN", "password=s3cret port=x y", "pgxlisten: the URL or DSN of the database cannot be read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			services.Goroutines(t)
			listener := pgxlisten.Listen(test.url)
			err := listener.Listen(t.Context(), "channel", ring)
			require.ErrorContains(t, err, test.want)
			for _, text := range []string{err.Error(), fmt.Sprintf("%+v %#v %s", listener, listener, listener)} {
				assert.NotContains(t, text, password[:6])
			}
		})
	}
}

// A wrong password, and a database that does not exist, are told by the server.
func TestListenRefused(t *testing.T) {
	services.Goroutines(t)
	config, err := pgx.ParseConfig(services.Postgres(t))
	require.NoError(t, err)
	url := fmt.Sprintf("user=%s password=s3cret host=%s port=%d dbname=none_%s sslmode=disable",
		config.User, config.Host, config.Port, strings.ToLower(rand.Text()))
	err = pgxlisten.Listen(url).Listen(t.Context(), "channel", func() { assert.Fail(t, "it does not listen") })
	require.ErrorContains(t, err, "does not exist")
	assert.NotContains(t, err.Error(), "s3cret")
}

// A connection that hangs is given up by its ping, and one that ends at once. At a
// standby, nothing is heard: the error says so.
func TestListenServers(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	services.Goroutines(t)
	server := services.StartPostgres(t)
	rings, ended := make(chan struct{}, 100), make(chan error, 1)
	listen := func() {
		ended <- pgxlisten.Listen(server.URL()).Listen(t.Context(), "channel", func() { rings <- struct{}{} })
	}
	go listen()
	await(t, rings)
	server.Pause()
	select {
	case err := <-ended:
		require.ErrorContains(t, err, "pgxlisten: the connection was lost: ")
	case <-time.After(patience):
		require.Fail(t, "a connection that hangs is not given up")
	}
	server.Continue()
	go listen()
	await(t, rings)
	server.Stop()
	require.ErrorContains(t, <-ended, "pgxlisten: the connection was lost: ")

	server.Start()
	connection, err := pgx.Connect(t.Context(), server.URL())
	require.NoError(t, err)
	var data string
	require.NoError(t, connection.QueryRow(t.Context(), "SHOW data_directory").Scan(&data))
	require.NoError(t, connection.Close(t.Context()))
	server.Stop()
	require.NoError(t, os.WriteFile(filepath.Join(data, "standby.signal"), nil, 0o600))
	server.Start()
	listen()
	require.ErrorContains(t, <-ended, "pgxlisten: the server is a standby")
}
