package issuer

import (
	"context"
	"errors"
	"fmt"
)

// DeleteClient deletes a client. Its tokens are refused from then on, and its ID
// is never used again. One that is deleted stays as it is. A credential that its
// holder replaced is a conflict: the one that replaced it is to be deleted.
func (i *Issuer) DeleteClient(ctx context.Context, by Caller, id string) error {
	if err := by.mayChange(); err != nil {
		return err
	}
	var client Client
	isDeleted := false
	err := retry(ctx, func() (err error) {
		client, err = i.GetClient(ctx, by, id)
		if err != nil {
			return err
		}
		if client.ReplacedBy != "" {
			return conflict("The credential was replaced by " + client.ReplacedBy + ", which is good.")
		}
		isDeleted, err = i.endClient(ctx, &client)
		return err
	})
	if err == nil && isDeleted {
		i.tellClient(ctx, "client.deleted", by, client)
	}
	return err
}

// endClient deletes a client as it was read, and reports whether it did: it may
// be deleted already.
func (i *Issuer) endClient(ctx context.Context, client *Client) (bool, error) {
	if !client.DeletedAt.IsZero() {
		i.changed(Change{Client: client.ID}) // another process may have deleted it
		return false, nil
	}
	client.DeletedAt = storeNow()
	return true, i.replaceClient(ctx, client)
}

// DeleteClients deletes all of the caller's clients that the query finds,
// whatever its Cursor and Limit say, and returns how many it deleted: those of
// someone who leaves, or of an account that is closed. If there is an error, call
// it again.
func (i *Issuer) DeleteClients(ctx context.Context, by Caller, q ClientQuery) (int, error) {
	if err := by.mayChange(); err != nil {
		return 0, err
	}
	if !by.narrow(&q.Owner, &q.CreatedBy) {
		return 0, nil
	}
	q.IncludeDeleted, q.Cursor, q.After, q.Limit = false, "", Position{}, maxPage
	deleted := 0
	for {
		// Those that merely replace another are among them: else a credential that
		// is being replaced would go on as its successor.
		found, err := i.store.ListClients(ctx, q)
		if err != nil {
			return deleted, refusalOf(err)
		}
		if len(found) == 0 {
			return deleted, nil
		}
		for _, client := range found {
			isDeleted, err := i.deleteFound(ctx, by, client)
			if err != nil {
				return deleted, err
			}
			if isDeleted {
				deleted++
			}
		}
	}
}

// deleteFound deletes a client that a query found, and reports whether it did.
func (i *Issuer) deleteFound(ctx context.Context, by Caller, client Client) (isDeleted bool, err error) {
	if client.Owner != by.Owner || !client.DeletedAt.IsZero() {
		return false, outage(errors.New("issuer: the store listed a client that was not asked for"))
	}
	err = retry(ctx, func() (err error) {
		isDeleted, err = i.endClient(ctx, &client)
		if isConflict(err) {
			id := client.ID
			if client, err = i.store.FindClient(ctx, id); err == nil {
				err = fmt.Errorf("client %q: %w", id, ErrConflict) // try again
			}
		}
		return err
	})
	if err == nil && isDeleted {
		i.tellClient(ctx, "client.deleted", by, client)
	}
	return isDeleted, err
}
