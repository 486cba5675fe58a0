package issuer_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/issuertest"
)

// After each failure of a call to the store, there is the old state or the new
// one, and the answer is an outage.
func TestClientFaults(t *testing.T) {
	down := errors.New("connection refused")
	tests := []struct {
		name   string
		method string
		do     func(w *clientWorld) error
		after  func(t *testing.T, w *clientWorld)
	}{
		{"create", "CreateClient", func(w *clientWorld) error {
			_, _, err := w.CreateClient(w.t.Context(), w.by, issuer.Client{ID: "new", Scopes: "read"})
			return err
		}, func(t *testing.T, w *clientWorld) {
			t.Helper()
			_, err := w.GetClient(t.Context(), w.by, "new")
			assert.ErrorIs(t, err, issuer.ErrNotFound)
		}},
		{"get", "FindClient", func(w *clientWorld) error {
			_, err := w.GetClient(w.t.Context(), w.by, "app")
			return err
		}, nil},
		{"list", "ListClients", func(w *clientWorld) error {
			_, _, err := w.ListClients(w.t.Context(), w.by, issuer.ClientQuery{})
			return err
		}, nil},
		{"rotate", "ReplaceClient", func(w *clientWorld) error {
			_, _, err := w.RotateClientSecret(w.t.Context(), w.by, "app", 0)
			return err
		}, nil},
		{"delete", "ReplaceClient", func(w *clientWorld) error { return w.DeleteClient(w.t.Context(), w.by, "app") }, nil},
		{"delete all, the list", "ListClients", func(w *clientWorld) error {
			_, err := w.DeleteClients(w.t.Context(), w.by, issuer.ClientQuery{})
			return err
		}, nil},
		{"delete all", "ReplaceClient", func(w *clientWorld) error {
			_, err := w.DeleteClients(w.t.Context(), w.by, issuer.ClientQuery{})
			return err
		}, nil},
		{"a panic", "", func(w *clientWorld) error { return w.DeleteClient(w.t.Context(), w.by, "app") }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			faults := &issuertest.Faults{Store: issuer.NewMemoryStore()}
			w := newClientWorld(t, func(c *issuer.Config) { c.Store = faults })
			secret, _ := w.client(issuer.Client{ID: "app", Scopes: "read"})
			w.told()
			if tt.method == "" {
				faults.Before("ReplaceClient", func(context.Context) error { panic(secret) })
			} else {
				faults.Fail(tt.method, down)
			}
			err := tt.do(w)
			var e *bearer.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, bearer.CodeServiceUnavailable, e.Code)
			assert.NotContains(t, err.Error(), secret)
			assert.Empty(t, w.told())

			faults.Fail(tt.method, nil)
			faults.Before("ReplaceClient", nil)
			w.oauthToken("app", secret)
			if tt.after != nil {
				tt.after(t, w)
			}
		})
	}
}
