package bearersql

import (
	"database/sql"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// What fits into the columns of sessions. Subject and name are in one index with
// live, for which MySQL has 3072 bytes.
const (
	maxSessionID = 64
	maxSubject   = 300
	maxName      = 512
)

// A sessionRow is a row of the table sessions, but for the column live. What
// needs no other form is in the fields of the session.
type sessionRow struct {
	issuer.Session

	environment, createdAt, expiresAt       int64
	refreshedAt, endedAt                    sql.Null[int64]
	stepExpiresAt, familyEndsAt, wasSpentAt sql.Null[int64]
}

// sessionColumns are the columns of the table sessions but live, in the order of
// sessionRow.fields.
var sessionColumns = columns{
	"id", "subject", "name", "label", "owner", "created_by", "environment", "created_at", "expires_at",
	"refreshed_at", "ended_at", "reason", "secret_hash", "user_version", "key_id", "payload",
	"refresh_family", "refresh_step", "refresh_expires_at", "refresh_ends_at",
	"refresh_spent", "refresh_spent_at", "refresh_successor", "version",
}

// fields returns pointers to the values of the columns, to scan them and to store
// them.
func (r *sessionRow) fields() []any {
	return []any{
		&r.ID, &r.Subject, &r.Name, &r.Label, &r.Owner, &r.CreatedBy, &r.environment, &r.createdAt, &r.expiresAt,
		&r.refreshedAt, &r.endedAt, &r.Reason, &r.SecretHash, &r.UserVersion, &r.KeyID, &r.Payload,
		&r.Refresh.Family, &r.Refresh.Step, &r.stepExpiresAt, &r.familyEndsAt,
		&r.Refresh.Spent, &r.wasSpentAt, &r.Refresh.Successor, &r.Version,
	}
}

// newSessionRow returns the row of a session, or what cannot be stored of it.
func newSessionRow(s issuer.Session) (*sessionRow, error) {
	var m misfits
	m.session(&s)
	if m.first != nil {
		return nil, m.first
	}
	r := &sessionRow{
		Session:     s,
		environment: int64(s.Environment),
		createdAt:   s.CreatedAt.UnixMicro(), expiresAt: s.ExpiresAt.UnixMicro(),
		refreshedAt: nullMicros(s.RefreshedAt), endedAt: nullMicros(s.EndedAt),
		stepExpiresAt: nullMicros(s.Refresh.ExpiresAt), familyEndsAt: nullMicros(s.Refresh.EndsAt),
		wasSpentAt: nullMicros(s.Refresh.SpentAt),
	}
	for _, bytes := range []*[]byte{&r.Payload, &r.Refresh.Successor} {
		if *bytes == nil {
			*bytes = []byte{} // nil is NULL
		}
	}
	return r, nil
}

// isSessionID reports whether a session that is stored may have the ID.
func isSessionID(id string) bool { return len(id) <= maxSessionID && isText(id) }

// session looks for what cannot be stored of a session.
func (m *misfits) session(s *issuer.Session) {
	m.text("ID", s.ID, maxSessionID)
	m.text("Subject", s.Subject, maxSubject)
	m.text("Name", s.Name, maxName)
	m.text("Label", s.Label, maxLong)
	m.text("Owner", s.Owner, maxShort)
	m.text("CreatedBy", s.CreatedBy, maxShort)
	m.text("Reason", s.Reason, maxLong)
	m.text("UserVersion", s.UserVersion, maxShort)
	m.text("KeyID", s.KeyID, maxShort)
	m.bytes("Payload", s.Payload)
	m.bytes("Refresh.Successor", s.Refresh.Successor)
	m.small("Environment", int(s.Environment))
}

// bytes checks what need not be a text.
func (m *misfits) bytes(field string, b []byte) {
	if len(b) > maxLong {
		m.addf(field, "has %d bytes, of which %d fit", len(b), maxLong)
	}
}

// session returns the session of a row.
func (r *sessionRow) session() issuer.Session {
	s := r.Session
	s.Environment = bearer.Environment(r.environment)
	s.CreatedAt, s.ExpiresAt = time.UnixMicro(r.createdAt).UTC(), time.UnixMicro(r.expiresAt).UTC()
	s.RefreshedAt, s.EndedAt = timeOf(r.refreshedAt), timeOf(r.endedAt)
	s.Refresh.ExpiresAt, s.Refresh.EndsAt = timeOf(r.stepExpiresAt), timeOf(r.familyEndsAt)
	s.Refresh.SpentAt = timeOf(r.wasSpentAt)
	return s
}

// The queries for one session.
var (
	sessionByID   = sessionQuery + "t.id = ?"
	sessionByName = sessionQuery + "t.subject = ? AND t.name = ? AND t.live = 1"
	sessionQuery  = "SELECT {standby}, " + sessionColumns.of("t") + " FROM {prefix}sessions t WHERE "
)

// scanSession reads a row of sessionColumns.
func scanSession(scan scanner) (issuer.Session, error) {
	var r sessionRow
	if err := scan(r.fields()...); err != nil {
		return issuer.Session{}, err
	}
	return r.session(), nil
}
