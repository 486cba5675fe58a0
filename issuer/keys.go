package issuer

import (
	"context"
	"errors"
	"slices"
)

// GetKey returns a key of the caller's.
func (i *Issuer) GetKey(ctx context.Context, by Caller, id string) (APIKey, error) {
	key, err := i.findKey(ctx, by, id)
	return key, refusalOf(err)
}

// findKey returns a key that the caller may see, or what the store says. It looks
// at whose it is by itself, for stores that compare texts loosely.
func (i *Issuer) findKey(ctx context.Context, by Caller, id string) (APIKey, error) {
	if err := by.validate(); err != nil {
		return APIKey{}, err
	}
	if !isID(id) {
		return APIKey{}, notFound()
	}
	key, err := i.store.GetKey(ctx, by.Owner, id)
	if err != nil {
		return APIKey{}, err
	}
	if key.ID != id || !by.seesKey(key) {
		return APIKey{}, notFound()
	}
	return key, nil
}

// seesKey reports whether the caller may see a key.
func (c Caller) seesKey(key APIKey) bool {
	return key.Owner == c.Owner && (!c.OwnOnly || key.CreatedBy == c.ID)
}

// errSame is returned by a change that leaves a key as it is.
var errSame = errors.New("issuer: nothing to change")

// changeKey changes a key that the caller may see, by compare-and-swap. If
// another change comes between, change is called again, with what that one left;
// if it returns errSame, nothing is written. The first result is the key as it
// was, the second as it is.
//
// What the store answers to a write need not be true: after an error, the key may
// have been changed all the same. So this process forgets it in any case.
func (i *Issuer) changeKey(
	ctx context.Context, by Caller, id string, change func(*APIKey) error,
) (before, after APIKey, err error) {
	if err := by.mayChange(); err != nil {
		return APIKey{}, APIKey{}, err
	}
	err = retry(ctx, func() error {
		if before, err = i.findKey(ctx, by, id); err != nil {
			return err
		}
		after = before.copied()
		if err := change(&after); err != nil {
			return err
		}
		err := i.store.ReplaceKey(ctx, after)
		i.keyChanged(before)
		i.keyChanged(after)
		return err
	})
	switch {
	case errors.Is(err, errSame):
		i.keyChanged(before) // another process may have changed it
		return before, before, errSame
	case err != nil:
		return APIKey{}, APIKey{}, err
	}
	after.Version++
	return before, after, nil
}

// mustLive returns an error if a key was revoked or has expired: it stays so.
func (k *APIKey) mustLive() error {
	switch {
	case !k.RevokedAt.IsZero():
		return conflict("The key has been revoked.")
	case k.hasExpired(present()):
		return conflict("The key has expired.")
	}
	return nil
}

// mayHold returns an error if a key has more than the caller: scopes, or another
// environment.
func (c Caller) mayHold(key APIKey) error {
	if err := c.mayUse(key.Environment); err != nil {
		return err
	}
	return c.mayGrant(key.Scopes)
}

// ListKeys returns the caller's keys, the newest first, and the cursor of the next
// page, "" for none.
func (i *Issuer) ListKeys(ctx context.Context, by Caller, q KeyQuery) (keys []APIKey, next string, err error) {
	if err := by.validate(); err != nil {
		return nil, "", err
	}
	limit, err := pageLimit(q.Limit)
	if err != nil {
		return nil, "", err
	}
	if q.After, err = positionOf(q.Cursor, q.After); err != nil {
		return nil, "", err
	}
	if !by.narrow(&q) {
		return nil, "", nil
	}
	q.Cursor, q.Limit = "", limit+1
	if keys, err = i.store.ListKeys(ctx, q); err != nil {
		return nil, "", refusalOf(err)
	}
	keys, next = pageOf(keys, limit, positionOfKey)
	isHidden := func(key APIKey) bool { return !by.seesKey(key) } // where a store is careless
	return slices.DeleteFunc(keys, isHidden), next, nil
}

// narrow makes a query one for the keys that the caller sees. It reports whether
// there can be any.
func (c Caller) narrow(q *KeyQuery) bool {
	q.Owner = c.Owner
	if !c.OwnOnly {
		return true
	}
	if q.CreatedBy == "" {
		q.CreatedBy = c.ID
	}
	return q.CreatedBy == c.ID
}
