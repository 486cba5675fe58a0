package bearersql

import (
	"database/sql"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A clientRow is a row of the table clients.
type clientRow struct {
	id, owner, name         string
	credential, environment int64
	scopes                  string
	introspect              int64
	secrets, secretHash     string
	createdAt               int64
	createdBy               string
	deletedAt               sql.Null[int64]
	replaces, replacedBy    string
	version                 int64
}

// clientColumns are the columns of the table clients, in the order of
// clientRow.fields.
var clientColumns = columns{
	"id", "owner", "name", "credential", "environment", "scopes", "introspect", "secrets", "secret_hash",
	"created_at", "created_by", "deleted_at", "replaces", "replaced_by", "version",
}

// fields is that of keyRow.
func (r *clientRow) fields() []any {
	return []any{
		&r.id, &r.owner, &r.name, &r.credential, &r.environment, &r.scopes, &r.introspect, &r.secrets, &r.secretHash,
		&r.createdAt, &r.createdBy, &r.deletedAt, &r.replaces, &r.replacedBy, &r.version,
	}
}

// newClientRow returns the row of a client, or what cannot be stored of it.
func newClientRow(c *issuer.Client) (*clientRow, error) {
	var m misfits
	m.client(c)
	if m.first != nil {
		return nil, m.first
	}
	lastUse := func(s issuer.Secret) time.Time { return s.LastUsedAt }
	secrets, err := secretsText(c.Secrets, lastUse)
	if err != nil {
		return nil, err
	}
	m.text("Secrets", secrets, maxLong)
	return &clientRow{
		id: c.ID, owner: c.Owner, name: c.Name, credential: numberOf(c.Credential), environment: int64(c.Environment),
		scopes: string(c.Scopes), introspect: numberOf(c.Introspect), secrets: secrets, secretHash: c.SecretHash,
		createdAt: c.CreatedAt.UnixMicro(), createdBy: c.CreatedBy, deletedAt: nullMicros(c.DeletedAt),
		replaces: c.Replaces, replacedBy: c.ReplacedBy, version: c.Version,
	}, m.first
}

// client looks for what cannot be stored of a client, beside the length of the
// column secrets.
func (m *misfits) client(c *issuer.Client) {
	m.text("ID", c.ID, maxShort)
	m.text("Owner", c.Owner, maxShort)
	m.text("CreatedBy", c.CreatedBy, maxShort)
	m.text("Replaces", c.Replaces, maxShort)
	m.text("ReplacedBy", c.ReplacedBy, maxShort)
	m.text("Name", c.Name, maxLong)
	m.text("Scopes", string(c.Scopes), maxLong)
	m.text("SecretHash", c.SecretHash, maxLong)
	m.secrets(c.Secrets)
	m.small("Environment", int(c.Environment))
}

// client returns the client of a row.
func (r *clientRow) client() (issuer.Client, error) {
	secrets, err := parseSecrets(r.secrets)
	if err != nil {
		return issuer.Client{}, err
	}
	return issuer.Client{
		ID: r.id, Owner: r.owner, Name: r.name, Credential: r.credential != 0,
		Environment: bearer.Environment(r.environment), Scopes: bearer.Scopes(r.scopes), Introspect: r.introspect != 0,
		Secrets: secrets, SecretHash: r.secretHash, CreatedAt: time.UnixMicro(r.createdAt).UTC(), CreatedBy: r.createdBy,
		DeletedAt: timeOf(r.deletedAt), Replaces: r.replaces, ReplacedBy: r.replacedBy, Version: r.version,
	}, nil
}
