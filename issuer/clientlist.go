package issuer

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ListClients returns the caller's clients, the newest first, and the cursor of
// the next page, "" for none. A page may hold fewer than the query's Limit.
func (i *Issuer) ListClients(ctx context.Context, by Caller, q ClientQuery) (clients []Client, next string, err error) {
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
	if !by.bind(&q) {
		return nil, "", nil
	}
	q.Cursor, q.Limit = "", limit+1
	found, err := i.store.ListClients(ctx, q)
	if err != nil {
		return nil, "", refusalOf(err)
	}
	found, next = pageOf(found, limit, positionOfClient)
	for _, client := range found {
		isActive, err := i.isActive(ctx, client)
		if err != nil {
			return nil, "", err
		}
		if isActive && by.seesClient(client) {
			clients = append(clients, client)
		}
	}
	return clients, next, nil
}

func positionOfClient(c Client) Position { return Position{CreatedAt: c.CreatedAt, ID: c.ID} }

// bind bounds a query to what the caller may see, and reports whether it may see
// any of what the query finds.
func (c Caller) bind(q *ClientQuery) bool {
	q.Owner = c.Owner
	if c.OwnOnly && q.CreatedBy == "" {
		q.CreatedBy = c.ID
	}
	return !c.OwnOnly || q.CreatedBy == c.ID
}

// DeleteClients deletes all of the caller's clients that the query finds,
// whatever its Cursor and Limit say, and returns how many it deleted: those of
// someone who leaves, or of an account that is closed. If there is an error, call
// it again.
func (i *Issuer) DeleteClients(ctx context.Context, by Caller, q ClientQuery) (int, error) {
	if err := by.mayChange(); err != nil {
		return 0, err
	}
	if !by.bind(&q) {
		return 0, nil
	}
	q.IncludeDeleted, q.Cursor, q.After, q.Limit = false, "", Position{}, pageSize
	deleted := 0
	for {
		// Those that merely replace another are among them: else a credential that
		// is replaced at this moment would go on as its successor.
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

// pageSize is how many records are read at a time where all are wanted.
const pageSize = 100

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
