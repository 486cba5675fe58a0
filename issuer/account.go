package issuer

import (
	"context"
	"time"
)

// CloseAccount ends all that an owner has: it ends the sessions, revokes the keys
// and deletes the clients. Its users must be gone from the application's Users
// before, or they log in again. If there is an error, call it again; and once more
// after a minute, if requests that had begun before may have made something since.
func (i *Issuer) CloseAccount(ctx context.Context, owner, reason string) error {
	by := Operator(owner)
	for {
		// Sessions come first: their users could make keys meanwhile.
		if _, err := i.endSessionsOf(ctx, by, reason); err != nil {
			return err
		}
		keys, err := i.RevokeKeys(ctx, by, KeyQuery{}, reason)
		if err != nil {
			return err
		}
		clients, err := i.DeleteClients(ctx, by, ClientQuery{})
		if err != nil {
			return err
		}
		sessions, err := i.endSessionsOf(ctx, by, reason)
		if err != nil || keys+clients+sessions == 0 {
			return err
		}
	}
}

// endSessionsOf ends all live sessions of the caller's owner, and returns how many
// it found.
func (i *Issuer) endSessionsOf(ctx context.Context, by Caller, reason string) (int, error) {
	for n := 0; ; {
		q := SessionQuery{Owner: by.Owner, LiveAt: time.Now(), Limit: maxPage}
		found, err := i.findSessions(ctx, q)
		if err != nil {
			return n, err
		}
		if len(found) == 0 {
			return n, nil
		}
		n += len(found)
		for _, s := range found {
			err := i.endSession(ctx, s, Event{Actor: by.ID}, reason)
			if err != nil && !isConflict(err) {
				return n, refusalOf(err)
			}
		}
	}
}
