package issuer

import (
	"context"
	"time"
)

// CloseAccount ends all that an owner has: it revokes the keys, deletes the
// clients and ends the sessions. Its users must be gone from the application's
// Users before, or they log in again. If there is an error, call it again.
func (i *Issuer) CloseAccount(ctx context.Context, owner, reason string) error {
	by := Operator(owner)
	if _, err := i.RevokeKeys(ctx, by, KeyQuery{}, reason); err != nil {
		return err
	}
	if _, err := i.DeleteClients(ctx, by, ClientQuery{}); err != nil {
		return err
	}
	for {
		q := SessionQuery{Owner: owner, LiveAt: time.Now(), Limit: pageSize}
		found, err := i.store.ListSessions(ctx, q)
		if err != nil {
			return refusalOf(err)
		}
		if len(found) == 0 {
			return nil
		}
		for _, s := range found {
			err := i.endIn(ctx, s, Event{Actor: by.ID}, reason)
			if err != nil && !isConflict(err) {
				return refusalOf(err)
			}
		}
	}
}
