package issuer

import (
	"cmp"
	"context"
	"errors"

	"github.com/blockauth/bearer"
)

// RevokeKey revokes a key for good, with all that was made from it. A key that
// was revoked before is returned as it is. The reason may be empty: then a key
// that is flagged keeps its flag.
func (i *Issuer) RevokeKey(ctx context.Context, by Caller, id, reason string) (APIKey, error) {
	key, err := i.revokeKey(ctx, by, id, reason)
	if errors.Is(err, errSame) {
		return key, nil
	}
	return key, err
}

// revokeKey is RevokeKey, but returns errSame for a key that was revoked before.
func (i *Issuer) revokeKey(ctx context.Context, by Caller, id, reason string) (APIKey, error) {
	reason, err := normalReason(reason)
	if err != nil {
		return APIKey{}, err
	}
	_, key, err := i.changeKey(ctx, by, id, func(key *APIKey) error {
		if !key.RevokedAt.IsZero() {
			return errSame
		}
		key.RevokedAt, key.Reason = storeNow(), cmp.Or(reason, key.Reason)
		return nil
	})
	if err == nil {
		i.tellKey(ctx, "key.revoked", by, key, map[string]string{"reason": key.Reason})
	}
	return key, err
}

// RevokeKeys revokes all of the caller's keys that the query finds, whatever its
// Cursor and Limit say, and returns how many it revoked: those of someone who
// leaves, or of an account that is closed. If there is an error, call it again.
// Keys that are made meanwhile may stay.
func (i *Issuer) RevokeKeys(ctx context.Context, by Caller, q KeyQuery, reason string) (int, error) {
	if err := by.mayChange(); err != nil {
		return 0, err
	}
	if _, err := normalReason(reason); err != nil {
		return 0, err
	}
	q.Cursor, q.After, q.Limit, q.IncludeRevoked = "", Position{}, maxPage, false
	if !by.narrow(&q.Owner, &q.CreatedBy) {
		return 0, nil
	}
	revoked := 0
	var failed error // of a key that is in the way of no other
	for {
		keys, err := i.store.ListKeys(ctx, q)
		if err != nil {
			return revoked, refusalOf(err)
		}
		for _, key := range keys {
			_, err := i.revokeKey(ctx, by, key.ID, reason)
			switch {
			case err == nil:
				revoked++
			case bearer.CodeOf(err) == bearer.CodeServiceUnavailable:
				return revoked, err
			case !errors.Is(err, errSame):
				failed = err
			}
		}
		if len(keys) < q.Limit {
			return revoked, failed
		}
		if q.After, err = q.After.next(keys[len(keys)-1].position()); err != nil {
			return revoked, err
		}
	}
}
