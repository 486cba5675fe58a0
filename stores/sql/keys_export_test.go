package bearersql

import (
	"strings"

	"github.com/blockauth/bearer/issuer"
)

// KeyColumns are the columns of the table keys.
var KeyColumns = strings.Join(keyColumns, ", ")

// A Query is one that a store makes, for tests of how a database plans it.
type Query struct {
	Text string
	Args []any
}

// LookUps returns the queries for the key with a hash.
func (s *Store) LookUps(hash []byte) []Query {
	return []Query{
		{s.dialect.rebind(guardQuery, s.config.Prefix), []any{hash}},
		{s.dialect.rebind(keyByHash, s.config.Prefix), []any{hash}},
	}
}

// KeyList returns the query for a page of keys.
func (s *Store) KeyList(query issuer.KeyQuery) Query {
	l := newKeyList(&query, s.dialect)
	return Query{s.dialect.rebind(l.query.String(), s.config.Prefix), l.args}
}
