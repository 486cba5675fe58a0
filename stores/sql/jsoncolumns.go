package bearersql

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// Lists and maps are stored as JSON, in columns of text:
//
//	secrets          [{"id": "…", "hash": "64 hex digits", "hint": "…", "created": 1, "ends": 1, "used": 1}]
//	allowed_ips      ["192.0.2.0/24", "2001:db8::/32"]
//	allowed_origins  ["https://app.example"]
//	metadata         {"plan": "pro"}
//
// An empty list or map is the empty text, so that a look-up has nothing to parse.
// Of a secret, a member that is zero is left out; times are microseconds since
// 1970, as in columns. Only clients.secrets has "used": when a secret of a key was
// used is in the table used.
//
// Members that are not known are ignored, and are gone once the record is
// replaced. So what a later version of this package must not lose to an earlier
// one, while replicas are upgraded, gets a column of its own.

// A secretColumn is a secret as it is stored.
type secretColumn struct {
	ID      string         `json:"id"`
	Hash    bearer.KeyHash `json:"hash"`
	Hint    string         `json:"hint,omitempty"`
	Created micros         `json:"created,omitzero"`
	Ends    micros         `json:"ends,omitzero"`
	Used    micros         `json:"used,omitzero"`
}

// micros is a time that is stored as microseconds.
type micros struct{ time.Time }

// MarshalJSON implements [json.Marshaler].
func (m micros) MarshalJSON() ([]byte, error) {
	return strconv.AppendInt(nil, m.UnixMicro(), 10), nil
}

// UnmarshalJSON implements [json.Unmarshaler].
func (m *micros) UnmarshalJSON(data []byte) error {
	n, err := strconv.ParseInt(string(data), 10, 64)
	m.Time = time.UnixMicro(n).UTC()
	return err
}

// secretsText returns the column of secrets, of which each was used at a time.
func secretsText(secrets []issuer.Secret, used func(issuer.Secret) time.Time) (string, error) {
	columns := make([]secretColumn, len(secrets))
	for i, s := range secrets {
		columns[i] = secretColumn{s.ID, s.Hash, s.Hint, micros{s.CreatedAt}, micros{s.EndsAt}, micros{used(s)}}
	}
	return jsonText("secrets", columns, len(columns))
}

// parseSecrets reads what secretsText wrote.
func parseSecrets(text string) ([]issuer.Secret, error) {
	var columns []secretColumn
	if err := parseJSON("secrets", text, &columns); err != nil || len(columns) == 0 {
		return nil, err
	}
	secrets := make([]issuer.Secret, len(columns))
	for i, c := range columns {
		secrets[i] = issuer.Secret{
			ID: c.ID, Hash: c.Hash, Hint: c.Hint,
			CreatedAt: c.Created.Time, EndsAt: c.Ends.Time, LastUsedAt: c.Used.Time,
		}
	}
	return secrets, nil
}

// jsonText returns the column of a value with n elements.
func jsonText(column string, value any, n int) (string, error) {
	if n == 0 {
		return "", nil
	}
	data, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("the column %s: %w", column, err)
	}
	return string(data), nil
}

// parseJSON reads a column that jsonText wrote. The error has nothing of the text:
// it may be a hash.
func parseJSON(column, text string, value any) error {
	if text == "" {
		return nil
	}
	if json.Unmarshal([]byte(text), value) != nil {
		return fmt.Errorf("the column %s is not the JSON that it should be", column)
	}
	return nil
}

// parseKeyLists reads the columns of a key that are lists or maps.
func (r *keyRow) parseKeyLists(key *issuer.APIKey) (err error) {
	if key.Secrets, err = parseSecrets(r.secrets); err != nil {
		return err
	}
	return errors.Join(
		parseJSON("allowed_ips", r.allowedIPs, &key.AllowedIPs),
		parseJSON("allowed_origins", r.allowedOrigins, &key.AllowedOrigins),
		parseJSON("metadata", r.metadata, &key.Metadata),
	)
}
