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

// New returns the platform as the program serves it, with tokens that are signed
// by the algorithm.
func New(t *testing.T, algorithm string, log *slog.Logger) (http.Handler, *Seeds, *issuer.Issuer, *issuer.MemoryStore) {
	t.Helper()
	p, err := newPlatform("127.0.0.1:8081", []issuer.SigningKey{issuer.NewSigningKey(algorithm)}, log)
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
