package bearersql

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// CreateUser implements [issuer.PasswordStore]. A record with a text that does not
// fit is refused by an error wrapping [errors.ErrUnsupported]: see [Store].
func (s *Store) CreateUser(ctx context.Context, user issuer.PasswordUser) error {
	const step = "create the user"
	row, err := newUserRow(&user)
	if err != nil {
		return fmt.Errorf("bearersql: %s: %w", step, err)
	}
	return s.create(ctx, step, func(q statements) error {
		_, err := q.exec(ctx, userColumns.insert("users"), row.fields()...)
		return err
	})
}

// UserByID implements [issuer.PasswordStore].
func (s *Store) UserByID(ctx context.Context, id string) (user issuer.PasswordUser, err error) {
	err = s.look(ctx, "find the user by ID", func(q statements) error {
		user, err = q.user(ctx, userBy("id"), id, maxShort)
		return err
	})
	return user, err
}

// UserByEmail implements [issuer.PasswordStore].
func (s *Store) UserByEmail(ctx context.Context, email string) (user issuer.PasswordUser, err error) {
	err = s.look(ctx, "find the user by email", func(q statements) error {
		user, err = q.user(ctx, userBy("email"), email, maxEmail)
		return err
	})
	return user, err
}

func userBy(column string) string {
	return "SELECT {standby}, " + userColumns.of("t") + " FROM {prefix}users t WHERE t." + column + " = ?"
}

// user returns the user with a text of up to most bytes.
func (q statements) user(ctx context.Context, query, text string, most int) (issuer.PasswordUser, error) {
	if len(text) > most || !isText(text) {
		return issuer.PasswordUser{}, errNoRecord
	}
	var row userRow
	if err := onPrimary(q.queryRow(ctx, query, text).Scan)(row.fields()...); err != nil {
		return issuer.PasswordUser{}, noRecord(err)
	}
	return row.user(), nil
}

// ReplaceUser implements [issuer.PasswordStore].
func (s *Store) ReplaceUser(ctx context.Context, user issuer.PasswordUser) error {
	const step = "replace the user"
	row, err := newUserRow(&user)
	if err != nil {
		return fmt.Errorf("bearersql: %s: %w", step, err)
	}
	row.version++
	return s.write(ctx, step, func(q statements) error {
		update := userColumns.update("users") + " WHERE id = ? AND version = ?"
		return q.replaceIn(ctx, "users", user.ID, update, append(row.fields()[1:], user.ID, user.Version))
	})
}

// A userRow is a row of the table users.
type userRow struct {
	id, owner, email, hash, scopes string
	environment, createdAt         int64
	removedAt                      sql.Null[int64]
	version                        int64
}

// userColumns are the columns of the table users, in the order of userRow.fields.
var userColumns = columns{
	"id", "owner", "email", "hash", "scopes", "environment", "created_at", "removed_at", "version",
}

// fields is that of keyRow.
func (r *userRow) fields() []any {
	return []any{
		&r.id, &r.owner, &r.email, &r.hash, &r.scopes, &r.environment, &r.createdAt, &r.removedAt, &r.version,
	}
}

// newUserRow returns the row of a user, or what cannot be stored of it.
func newUserRow(u *issuer.PasswordUser) (*userRow, error) {
	var m misfits
	m.text("ID", u.ID, maxShort)
	m.text("Owner", u.Owner, maxShort)
	m.text("Email", u.Email, maxEmail)
	m.text("Hash", u.Hash, maxLong)
	m.text("Scopes", string(u.Scopes), maxLong)
	m.small("Environment", int(u.Environment))
	return &userRow{
		id: u.ID, owner: u.Owner, email: u.Email, hash: u.Hash, scopes: string(u.Scopes), environment: int64(u.Environment),
		createdAt: u.CreatedAt.UnixMicro(), removedAt: nullMicros(u.RemovedAt), version: u.Version,
	}, m.first
}

// user returns the user of a row.
func (r *userRow) user() issuer.PasswordUser {
	return issuer.PasswordUser{
		ID: r.id, Owner: r.owner, Email: r.email, Hash: r.hash, Scopes: bearer.Scopes(r.scopes),
		Environment: bearer.Environment(r.environment), CreatedAt: time.UnixMicro(r.createdAt).UTC(),
		RemovedAt: timeOf(r.removedAt), Version: r.version,
	}
}
