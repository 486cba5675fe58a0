package issuer

import (
	"context"
	"slices"
)

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
