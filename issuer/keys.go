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
	if key.ID != id || !by.sees(key.Owner, key.CreatedBy) {
		return APIKey{}, notFound()
	}
	key.dropFlag(storeNow())
	return key, nil
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
		after.dropFlag(storeNow())
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
	case k.hasExpired(storeNow()):
		return conflict("The key has expired.")
	}
	return nil
}

// ListKeys returns the caller's keys, the newest first, and the cursor of the next
// page, "" for none.
func (i *Issuer) ListKeys(ctx context.Context, by Caller, q KeyQuery) (keys []APIKey, next string, err error) {
	if err := by.validate(); err != nil {
		return nil, "", err
	}
	size, err := askPage(&q.Cursor, &q.After, &q.Limit)
	if err != nil {
		return nil, "", err
	}
	if !by.narrow(&q.Owner, &q.CreatedBy) {
		return nil, "", nil
	}
	if keys, err = i.store.ListKeys(ctx, q); err != nil {
		return nil, "", refusalOf(err)
	}
	keys, next = pageOf[APIKey](keys, size)
	for n, now := 0, storeNow(); n < len(keys); n++ {
		keys[n].dropFlag(now)
	}
	isHidden := func(key APIKey) bool { return !by.sees(key.Owner, key.CreatedBy) } // where a store is careless
	return slices.DeleteFunc(keys, isHidden), next, nil
}
