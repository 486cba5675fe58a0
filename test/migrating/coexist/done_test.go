package coexist_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A lastUse says when tokens of an issuer were last let through, in nanoseconds
// since 1970; 0 is never.
type lastUse struct {
	issuer string
	at     atomic.Int64
}

// observe is a bearer.Config.Observe.
func (l *lastUse) observe(_ *http.Request, p *bearer.Principal, e *bearer.Error) {
	if e == nil && p != nil && p.Issuer == l.issuer {
		l.at.Store(time.Now().UnixNano())
	}
}

// unused returns the keys of an owner that were not used for a month.
func unused(ctx context.Context, iss *issuer.Issuer, owner string) ([]issuer.APIKey, error) {
	keys, _, err := iss.ListKeys(ctx, issuer.Operator(owner), issuer.KeyQuery{
		UnusedSince: time.Now().AddDate(0, -1, 0), Limit: 100,
	})
	return keys, err
}
