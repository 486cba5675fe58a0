package main

import (
	"context"
	"database/sql"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/blockauth/bearer/issuer"
)

// Seeds are what the program prints.
type Seeds = seeds

// Settings are what its flags say.
type Settings struct{ Addr, URL, SigningKeys, Database, Redis string }

// A Platform is what the program serves.
type Platform struct {
	*Seeds

	Handler http.Handler
	Issuer  *issuer.Issuer
	Store   issuer.Store
	Close   func() error
}

// New returns the platform as the program serves it, with tokens that are signed
// by the algorithm. Its records are in a database, or in memory.
func New(t *testing.T, algorithm, database string, log *slog.Logger) Platform {
	t.Helper()
	b, err := openBacking(context.Background(), settings{database: database}, log)
	if err != nil {
		t.Fatal(err)
	}
	keys := []issuer.SigningKey{issuer.NewSigningKey(algorithm)}
	p, err := newPlatform(defaultAddr, "http://"+defaultAddr, keys, b, log)
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.seed(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return Platform{s, p.handler, p.main, b.store, b.close}
}

// Run runs the program until ctx is done.
func Run(ctx context.Context, s Settings, out io.Writer) error {
	return run(ctx, settings{
		addr: s.Addr, url: s.URL, signingKeys: s.SigningKeys, database: s.Database, redis: s.Redis,
	}, out)
}

// OpenURL opens the database of a URL.
func OpenURL(url string) (*sql.DB, error) {
	db, _, err := openURL(url)
	return db, err
}

// WriteSigningKeys makes a file of signing keys.
func WriteSigningKeys(name string) error { return writeSigningKeys(name) }
