package bearer_test

import (
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

var errNoColumn = fmt.Errorf("there is no column for it: %w", errors.ErrUnsupported)

// columns returns a key less what the stores of the README and the docs hold no
// column for.
func columns(k bearer.Key, expiry bool) bearer.Key {
	held := bearer.Key{
		ID: k.ID, Hash: k.Hash, Kind: k.Kind, Environment: k.Environment,
		Owner: k.Owner, Scopes: k.Scopes, RevokedAt: k.RevokedAt,
	}
	if expiry {
		held.ExpiresAt = k.ExpiresAt
	}
	return held
}

// insert adds the row of a key that is found by its hash. It is for tables in
// which the hash is the second column, and the times are the last.
func (d *fakeDB) insert(key bearer.Key, columns ...driver.Value) error {
	null := func(at time.Time) driver.Value {
		if at.IsZero() {
			return nil
		}
		return at
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.rows == nil {
		d.rows = make(map[string][]driver.Value)
	}
	d.rows[string(key.Hash[:])] = append(append([]driver.Value{key.ID, key.Hash[:]}, columns...),
		null(key.ExpiresAt), null(key.RevokedAt))
	return nil
}

// hooks are those of a store over the database.
func (d *fakeDB) hooks() bearertest.StoreHooks {
	return bearertest.StoreHooks{
		Outage: func(on bool) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.err = nil
			if on {
				d.err = errDatabase
			}
		},
		Revoke: func(key bearer.Key) error {
			d.mu.Lock()
			defer d.mu.Unlock()
			row := d.rows[string(key.Hash[:])]
			row = append(row[:len(row)-1:len(row)-1], key.RevokedAt)
			d.rows[string(key.Hash[:])] = row
			return nil
		},
	}
}

func TestSQLStoreOfTheDocsKeepsTheRules(t *testing.T) {
	var table fakeDB
	db := sql.OpenDB(&table)
	defer db.Close()
	assert.NoError(t, bearertest.TestKeyStore(sqlStore{db}, func(key bearer.Key) error {
		held := columns(key, true)
		held.Kind, held.Environment = bearer.SecretKey, bearer.Live
		if !reflect.DeepEqual(key, held) {
			return errNoColumn
		}
		return table.insert(key, key.Owner, string(key.Scopes))
	}, table.hooks()))
}

func TestReadmeStoreKeepsTheRules(t *testing.T) {
	var table fakeDB
	db := sql.OpenDB(&table)
	defer db.Close()
	assert.NoError(t, bearertest.TestKeyStore(keyDB{db}, func(key bearer.Key) error {
		if !reflect.DeepEqual(key, columns(key, true)) {
			return errNoColumn
		}
		return table.insert(key, int64(key.Kind), int64(key.Environment), key.Owner, string(key.Scopes))
	}, table.hooks()))
}

func TestHTTPStoreOfTheDocsKeepsTheRules(t *testing.T) {
	var records sync.Map // by the hash in hexadecimal
	var down atomic.Bool
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		record, ok := records.Load(path.Base(r.URL.Path))
		switch {
		case down.Load():
			http.Error(w, "maintenance", http.StatusBadGateway)
		case !ok:
			http.NotFound(w, r)
		default:
			_ = json.NewEncoder(w).Encode(record)
		}
	}))
	defer service.Close()
	issue := func(key bearer.Key) error {
		held := columns(key, false)
		held.Kind, held.Environment = bearer.SecretKey, bearer.Live
		if !reflect.DeepEqual(key, held) {
			return errNoColumn
		}
		name := hex.EncodeToString(key.Hash[:])
		records.Store(name, map[string]any{
			"hash": name, "id": key.ID, "owner": key.Owner, "scopes": key.Scopes, "revoked": key.RevokedAt,
		})
		return nil
	}
	hooks := bearertest.StoreHooks{Outage: down.Store, Revoke: issue}
	assert.NoError(t, bearertest.TestKeyStore(httpStore{service.Client(), service.URL + "/"}, issue, hooks))
}
