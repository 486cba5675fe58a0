package bearersql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/blockauth/bearer/issuer"
)

// FindClient implements [issuer.ClientStore].
func (s *Store) FindClient(ctx context.Context, id string) (issuer.Client, error) {
	const step = "find the client"
	if !isShort(id) {
		return issuer.Client{}, fmt.Errorf("bearersql: %s: %w", step, errNoRecord)
	}
	var row clientRow
	query := "SELECT " + clientColumns.of("t") + " FROM {prefix}clients t WHERE t.id = ?"
	err := s.read().queryRow(ctx, query, id).Scan(row.fields()...)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		err = errNoRecord
	case err == nil:
		var client issuer.Client
		if client, err = row.client(); err == nil {
			return client, nil
		}
	}
	return issuer.Client{}, s.explain(step, err)
}

// CreateClient implements [issuer.ClientStore]. A record with a text that does not
// fit is refused by an error wrapping [errors.ErrUnsupported]: see [Store].
func (s *Store) CreateClient(ctx context.Context, client issuer.Client) error {
	const step = "create the client"
	row, err := newClientRow(&client)
	if err != nil {
		return fmt.Errorf("bearersql: %s: %w", step, err)
	}
	return s.create(ctx, step, func(q statements) error {
		_, err := q.exec(ctx, clientColumns.insert("clients"), row.fields()...)
		return err
	})
}

// ReplaceClient implements [issuer.ClientStore].
func (s *Store) ReplaceClient(ctx context.Context, client issuer.Client) error {
	const step = "replace the client"
	row, err := newClientRow(&client)
	if err != nil {
		return fmt.Errorf("bearersql: %s: %w", step, err)
	}
	row.version++
	return s.write(ctx, step, func(q statements) error {
		update := clientColumns.update("clients") + " WHERE id = ? AND version = ? AND deleted_at IS NULL"
		err := q.replaceIn(ctx, "clients", client.ID, update, append(row.fields()[1:], client.ID, client.Version))
		if err != nil {
			return err
		}
		return s.tell(ctx, q, issuer.Change{Client: client.ID})
	})
}

// ListClients implements [issuer.ClientStore].
func (s *Store) ListClients(ctx context.Context, query issuer.ClientQuery) ([]issuer.Client, error) {
	l := newList(clientColumns, "clients", query.Owner)
	l.createdBy(query.CreatedBy)
	if !query.IncludeDeleted {
		l.where("t.deleted_at IS NULL")
	}
	l.newest(query.After, query.Limit, s.dialect)
	var clients []issuer.Client
	err := s.list(ctx, l, func(scan scanner) error {
		var row clientRow
		if err := scan(row.fields()...); err != nil {
			return err
		}
		client, err := row.client()
		clients = append(clients, client)
		return err
	})
	if err != nil {
		return nil, s.explain("list clients", err)
	}
	return clients, nil
}
