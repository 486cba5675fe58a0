package bearersql

import (
	"database/sql"
	"math"
	"time"

	"golang.org/x/time/rate"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A keyRow is a row of the table keys.
type keyRow struct {
	id, owner                          string
	kind, environment                  int64
	scopes, allowedIPs, allowedOrigins string
	rate                               float64
	burst                              int64
	metadata                           string
	disabled                           int64
	expiresAt, revokedAt               sql.Null[int64]
	secrets                            string

	name, reason string
	createdAt    int64
	createdBy    string
	version      int64
}

// keyColumns are the columns of the table keys, in the order of keyRow.fields. A
// guard needs the first guardColumns of them.
var keyColumns = columns{
	"id", "owner", "kind", "environment", "scopes", "allowed_ips", "allowed_origins", "limit_rate", "limit_burst",
	"metadata", "disabled", "expires_at", "revoked_at", "secrets",
	"name", "reason", "created_at", "created_by", "version",
}

const guardColumns = 14

// fields returns pointers to the values of the columns, to scan them and to store
// them.
func (r *keyRow) fields() []any {
	return []any{
		&r.id, &r.owner, &r.kind, &r.environment, &r.scopes, &r.allowedIPs, &r.allowedOrigins, &r.rate, &r.burst,
		&r.metadata, &r.disabled, &r.expiresAt, &r.revokedAt, &r.secrets,
		&r.name, &r.reason, &r.createdAt, &r.createdBy, &r.version,
	}
}

// unlimitedRate stands for a rate without a limit: MariaDB holds no infinity, and
// the greatest number of all may not come back the same.
const unlimitedRate = -1

// newKeyRow returns the row of a key, or what cannot be stored of it.
func newKeyRow(k *issuer.APIKey) (*keyRow, error) {
	r := &keyRow{
		id: k.ID, owner: k.Owner, kind: int64(k.Kind), environment: int64(k.Environment), scopes: string(k.Scopes),
		rate: float64(k.Limit.Rate), burst: int64(k.Limit.Burst), disabled: numberOf(k.Disabled),
		expiresAt: nullMicros(k.ExpiresAt), revokedAt: nullMicros(k.RevokedAt),
		name: k.Name, reason: k.Reason, createdAt: k.CreatedAt.UnixMicro(), createdBy: k.CreatedBy, version: k.Version,
	}
	if k.Limit.Rate >= rate.Inf {
		r.rate = unlimitedRate
	}
	var m misfits
	m.key(k)
	if m.first != nil {
		return nil, m.first
	}
	for _, c := range []struct {
		text   *string
		column string
		value  any
		n      int
	}{
		{&r.allowedIPs, "allowed_ips", k.AllowedIPs, len(k.AllowedIPs)},
		{&r.allowedOrigins, "allowed_origins", k.AllowedOrigins, len(k.AllowedOrigins)},
		{&r.metadata, "metadata", k.Metadata, len(k.Metadata)},
	} {
		var err error
		if *c.text, err = jsonText(c.column, c.value, c.n); err != nil {
			return nil, err
		}
	}
	return r, r.setSecrets(k.Secrets)
}

// setSecrets sets the column secrets, and checks all that are JSON.
func (r *keyRow) setSecrets(secrets []issuer.Secret) (err error) {
	notUsed := func(issuer.Secret) time.Time { return time.Time{} }
	if r.secrets, err = secretsText(secrets, notUsed); err != nil {
		return err
	}
	var m misfits
	m.text("AllowedIPs", r.allowedIPs, maxLong)
	m.text("AllowedOrigins", r.allowedOrigins, maxLong)
	m.text("Metadata", r.metadata, maxLong)
	m.text("Secrets", r.secrets, maxLong)
	return m.first
}

// key looks for what cannot be stored of a key, beside the length of its lists.
func (m *misfits) key(k *issuer.APIKey) {
	m.text("ID", k.ID, maxShort)
	m.text("Owner", k.Owner, maxShort)
	m.text("CreatedBy", k.CreatedBy, maxShort)
	m.text("Name", k.Name, maxLong)
	m.text("Scopes", string(k.Scopes), maxLong)
	m.text("Reason", k.Reason, maxLong)
	for _, origin := range k.AllowedOrigins {
		m.text("AllowedOrigins", origin, maxLong)
	}
	for name, value := range k.Metadata {
		m.text("Metadata", name, maxLong)
		m.text("Metadata", value, maxLong)
	}
	m.secrets(k.Secrets)
	m.small("Kind", int(k.Kind))
	m.small("Environment", int(k.Environment))
	if l := float64(k.Limit.Rate); math.IsNaN(l) || l < 0 { // less than zero is unlimitedRate
		m.addf("Limit", "has the rate %v", l)
	}
}

func (m *misfits) secrets(secrets []issuer.Secret) {
	for _, s := range secrets {
		m.text("Secrets", s.ID, maxLong)
		m.text("Secrets", s.Hint, maxLong)
	}
}

// key returns the key of a row, without LastUsedAt.
func (r *keyRow) key() (issuer.APIKey, error) {
	k := issuer.APIKey{
		ID: r.id, Owner: r.owner, Name: r.name, Kind: bearer.Kind(r.kind), Environment: bearer.Environment(r.environment),
		Scopes: bearer.Scopes(r.scopes), Limit: bearer.Limit{Rate: rate.Limit(r.rate), Burst: int(r.burst)},
		Disabled: r.disabled != 0, ExpiresAt: timeOf(r.expiresAt), RevokedAt: timeOf(r.revokedAt), Reason: r.reason,
		CreatedAt: time.UnixMicro(r.createdAt).UTC(), CreatedBy: r.createdBy, Version: r.version,
	}
	if r.rate == unlimitedRate {
		k.Limit.Rate = rate.Inf
	}
	return k, r.parseKeyLists(&k)
}

// A use is when the secret with a hash was used last.
type use struct {
	hash bearer.KeyHash
	at   time.Time
}

// addUse sets LastUsedAt of the key, and of the secret that was used: it may be
// gone from the key, which was used all the same.
func addUse(k *issuer.APIKey, u use) {
	if u.at.After(k.LastUsedAt) {
		k.LastUsedAt = u.at
	}
	for i := range k.Secrets {
		if s := &k.Secrets[i]; s.Hash == u.hash {
			s.LastUsedAt = u.at
		}
	}
}
