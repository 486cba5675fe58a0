package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/blockauth/bearer/issuer"
)

// Seeds are what the program prints.
type Seeds = seeds

// New returns the platform as the program serves it, at an address.
func New(t *testing.T, addr string, log *slog.Logger) (http.Handler, *Seeds, *issuer.Issuer, *issuer.MemoryStore) {
	t.Helper()
	p, err := newPlatform(addr, []issuer.SigningKey{issuer.NewSigningKey("HS256")}, log)
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.seed(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return p.handler, s, p.main, p.store
}

// Run runs the program until ctx is done.
func Run(ctx context.Context, addr string, out io.Writer) error {
	return run(ctx, addr, false, "", out)
}
