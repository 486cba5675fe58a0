//go:build unix

package main_test

import (
	"crypto/rand"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/internal/services"
)

// Three replicas over a database that tells no one of changes look for them: what
// one of them hands out is good at all, and what ends at one of them is refused at
// all: soon as a rule, and within the bound always.
func TestFleetThatPolls(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: three replicas over each of two databases take some seconds, which -short leaves out")
	}
	for _, row := range []struct {
		name     string
		database func(*testing.T) string
	}{
		{"MariaDB", mariaDB},
		{"SQLite", sqliteFile},
	} {
		t.Run(row.name, func(t *testing.T) {
			url := row.database(t)
			f := startFleet(t, [replicas]string{url, url, url})
			defer f.report(t)
			u, ok := f.register(t.Context(), 0, "user@example.com")
			require.True(t, ok)
			for first := range replicas {
				_, ok := f.walkKey(t.Context(), first, u)
				assert.True(t, ok, "a key")
				_, _, ok = f.walkRotation(t.Context(), first, u)
				assert.True(t, ok, "a rotation")
				_, ok = f.walkSession(t.Context(), first, u)
				assert.True(t, ok, "a session")
			}
			lags := f.takeLags()
			require.NotEmpty(t, lags)
			t.Logf("from an acknowledged revocation to a refusal: median %v, at most %v", lags[len(lags)/2], lags[len(lags)-1])
			assert.Less(t, lags[len(lags)/2], 500*time.Millisecond+slack)
			assert.Less(t, lags[len(lags)-1], feedBound)
			for n := range replicas {
				v, err := f.vitals(t.Context(), f.replicas[n].Load())
				require.NoError(t, err)
				assert.Equal(t, "polling", v.Feed)
			}
		})
	}
}

// sqliteFile returns the path of a file that does not exist yet.
func sqliteFile(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "fleet.db")
}

// mariaDB returns the URL of a database of the test's own.
func mariaDB(t *testing.T) string {
	t.Helper()
	config, err := mysql.ParseDSN(services.MySQL(t))
	require.NoError(t, err)
	connector, err := mysql.NewConnector(config)
	require.NoError(t, err)
	server := sql.OpenDB(connector)
	name := "fleet_" + strings.ToLower(rand.Text())
	_, err = server.ExecContext(t.Context(), "CREATE DATABASE "+name)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := server.Exec("DROP DATABASE " + name) // the context of the test is over
		assert.NoError(t, err)
		assert.NoError(t, server.Close())
	})
	user := config.User
	if config.Passwd != "" {
		user += ":" + config.Passwd
	}
	return "mysql://" + user + "@" + config.Addr + "/" + name
}
