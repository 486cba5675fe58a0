package bearersql

import (
	"context"
	"fmt"

	"github.com/blockauth/bearer/issuer"
)

// FindClient implements [issuer.ClientStore].
func (s *Store) FindClient(ctx context.Context, id string) (client issuer.Client, err error) {
	err = s.look(ctx, "find the client", func(q statements) error {
		if !isShort(id) {
			return errNoRecord
		}
		client, err = scanClient(onPrimary(q.queryRow(ctx, clientByID, id).Scan))
		return err
	})
	return client, err
}

var clientByID = "SELECT {standby}, " + clientColumns.of("t") + " FROM {prefix}clients t WHERE t.id = ?"

func scanClient(scan scanner) (issuer.Client, error) {
	var row clientRow
	if err := scan(row.fields()...); err != nil {
		return issuer.Client{}, noRecord(err)
	}
	return row.client()
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
func (s *Store) ListClients(ctx context.Context, query issuer.ClientQuery) (clients []issuer.Client, err error) {
	l := newList(s.dialect, clientColumns, "clients")
	l.leadBy("owner", query.Owner, maxShort)
	l.is("created_by", query.CreatedBy, maxShort)
	if !query.IncludeDeleted {
		l.where("t.deleted_at IS NULL")
	}
	l.page(query.After, query.Limit)
	err = s.look(ctx, "list clients", func(q statements) error {
		clients, err = listed(ctx, q, l, scanClient)
		return err
	})
	return clients, err
}
