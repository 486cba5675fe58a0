// Package coexist has the code for the time in which both run.
package coexist_test

import (
	"context"
	"net/http"

	"github.com/blockauth/bearer"
)

// accountOf is how handlers find the caller, whichever of the two let it through.
func accountOf(r *http.Request) string {
	if p := bearer.FromContext(r.Context()); p != nil {
		return p.Owner
	}
	account, _ := r.Context().Value(oldAccount{}).(string) // what the older middleware sets
	return account
}

type oldAccount struct{}

func withOldAccount(ctx context.Context, account string) context.Context {
	return context.WithValue(ctx, oldAccount{}, account)
}
