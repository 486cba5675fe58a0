// Package pgxlisten lets a [bearersql.Store] over PostgreSQL hear of changes at
// once, by LISTEN.
package pgxlisten

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	bearersql "github.com/blockauth/bearer/stores/sql"
)

// Listen returns a listener that connects to the primary of the database at the
// URL, or DSN: not by way of PgBouncer in transaction mode, where nothing is heard.
func Listen(url string) bearersql.Listener { return listener{url} }

type listener struct{ url string }

// Listen implements [bearersql.Listener].
func (l listener) Listen(ctx context.Context, channel string, ring func()) error {
	_, err := pgx.Connect(ctx, l.url)
	return errors.Join(err, errors.New("pgxlisten: not built yet"))
}
