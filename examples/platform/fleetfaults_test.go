//go:build unix

package main_test

import (
	"database/sql"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/internal/services"
	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// servers are what a fleet shares, started for it alone.
type servers struct {
	postgres  *services.Server
	redis     *services.Server
	proxy     *services.Proxy // between the last replica and PostgreSQL
	databases [replicas]string
}

func startServers(t *testing.T) *servers {
	t.Helper()
	s := &servers{postgres: services.StartPostgres(t), redis: services.StartRedis(t)}
	s.proxy = services.NewProxy(t, s.postgres.Addr())
	url := s.postgres.URL()
	s.databases = [replicas]string{url, url, s.proxy.Through(url)}
	return s
}

// limitedKey makes a key with a limit, which Go code alone may give: that of an
// application, beside the replicas.
func (s *servers) limitedKey(t *testing.T) (text string) {
	t.Helper()
	db, err := sql.Open("pgx", s.postgres.URL())
	require.NoError(t, err)
	defer db.Close()
	store, err := bearersql.New(t.Context(), db, bearersql.Config{})
	require.NoError(t, err)
	application, err := issuer.New(issuer.Config{Store: store})
	require.NoError(t, err)
	text, _, err = application.CreateKey(t.Context(), issuer.Operator("fleet"), issuer.APIKey{
		Name: "limited", Kind: bearer.SecretKey, Environment: bearer.Live, Limit: bearer.PerSecond(limitedRate),
	})
	require.NoError(t, err)
	return text
}

// A trial is one thing that goes wrong, until it is well again.
type trial struct {
	name string
	do   func()
}

func (s *servers) trials(t *testing.T, f *fleet) []trial {
	t.Helper()
	last := replicas - 1
	return []trial{
		{"a replica ends", func() { f.restart(t, 0, syscall.SIGTERM) }},
		{"a replica is killed", func() { f.restart(t, 1, syscall.SIGKILL) }},
		{"Redis stands still", func() {
			s.redis.Pause()
			time.Sleep(3 * time.Second)
			s.redis.Continue()
		}},
		{"Redis is restarted", s.redis.Restart},
		{"PostgreSQL is restarted", func() { f.during(-1, func() { s.postgres.Restart(); f.settle(t) }) }},
		{"a replica is cut off", func() {
			f.during(last, func() {
				s.proxy.BlackHole(true)
				time.Sleep(feedBound + 2*time.Second)
				s.proxy.BlackHole(false)
				f.settle(t)
			})
		}},
	}
}

// settle waits until all replicas are healthy again, and a while more in which
// guards may remember that they were not.
func (f *fleet) settle(t *testing.T) {
	t.Helper()
	for n := range replicas {
		assert.NoError(t, f.awaitHealth(t.Context(), f.replicas[n].Load()))
	}
	time.Sleep(2 * time.Second)
}
