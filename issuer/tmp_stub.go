package issuer

import (
	"context"

	"github.com/blockauth/bearer"
)

const (
	maxScopes     = 64
	maxScopesSize = 2 << 10
)

// covers reports whether held has all that wanted has.
func covers(held, wanted bearer.Scopes) bool {
	for s := range wanted.All() {
		if !held.Contain(s) {
			return false
		}
	}
	return true
}

func noOwner() *bearer.Error { return invalid("owner", "owner is required") }

func (c Caller) mayWrite() error {
	if c.Owner == "" {
		return noOwner()
	}
	if c.ReadOnly {
		return forbidden("read_only", "", "the caller only reads")
	}
	return nil
}

func (i *Issuer) clientPage(ctx context.Context, q ClientQuery) ([]Client, string, error) {
	found, err := i.store.ListClients(ctx, q)
	return found, "", refusalOf(err)
}
