package coexist_test

import (
	"context"
	"strings"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A mirror writes what the issuer's keys have become to the older table, so that
// the older code knows new keys and refuses revoked ones after a roll-back.
type mirror struct {
	store  issuer.Store
	events chan issuer.Event // with a buffer
	write  func(ctx context.Context, id, owner string, hash bearer.KeyHash, endsAt time.Time) error
}

// observe is an issuer.Config.Events. It does not wait: what is lost, sweep finds.
func (m *mirror) observe(_ context.Context, e issuer.Event) {
	select {
	case m.events <- e:
	default:
	}
}

// run copies the keys of events until the context ends.
func (m *mirror) run(ctx context.Context, failed func(error)) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-m.events:
			if !strings.HasPrefix(e.Type, "key.") {
				continue
			}
			key, err := m.store.GetKey(ctx, e.Owner, e.Target)
			if err == nil {
				err = m.copyKey(ctx, key)
			}
			if err != nil {
				failed(err)
			}
		}
	}
}

// copyKey writes each secret of a key with the time from which it is refused; the
// zero time is never.
func (m *mirror) copyKey(ctx context.Context, key issuer.APIKey) error {
	for _, secret := range key.Secrets {
		guarded := key.GuardKey(secret.Hash)
		end := earliest(guarded.RevokedAt, guarded.ExpiresAt, guarded.EndsAt)
		if err := m.write(ctx, key.ID+"."+secret.ID, key.Owner, secret.Hash, end); err != nil {
			return err
		}
	}
	return nil
}

// sweep copies all keys of an owner: each night, and before a roll-back.
func (m *mirror) sweep(ctx context.Context, owner string) error {
	keys, err := m.store.ListKeys(ctx, issuer.KeyQuery{Owner: owner, IncludeRevoked: true})
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := m.copyKey(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// earliest returns the earliest of the times that are not zero.
func earliest(times ...time.Time) (first time.Time) {
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}
