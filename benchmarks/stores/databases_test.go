package stores_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/internal/services"
	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// connections is how many connections there are to each database, and how many
// goroutines look keys up at once.
const connections = 32

// A database is one that is full of keys.
type database struct {
	db     *sql.DB
	store  *bearersql.Store
	prefix string
	hashes []bearer.KeyHash // of all keys, in no order
}

// A databaseKind is one of the databases, and what its dialect of SQL has of its
// own: the hash of a row and a number, the ID of a key that is made of a hash, and
// a hash in hexadecimal digits.
type databaseKind struct {
	dialect     bearersql.Dialect
	driver      string
	dsn         func(tb testing.TB, dir string) string
	hash, id    string
	hexadecimal string
	placeholder string
}

var databaseKinds = []databaseKind{
	{
		bearersql.PostgreSQL, "pgx", func(tb testing.TB, _ string) string { tb.Helper(); return services.Postgres(tb) },
		"sha256(hash || '%d')", "'ak_' || substr(md5(hash), 1, 24)", "encode(s.hash, 'hex')", "$1",
	},
	{
		bearersql.MySQL, "mysql", func(tb testing.TB, _ string) string { tb.Helper(); return services.MySQL(tb) },
		"UNHEX(SHA2(CONCAT(hash, '%d'), 256))", "CONCAT('ak_', SUBSTR(MD5(hash), 1, 24))", "LOWER(HEX(s.hash))", "?",
	},
	{
		bearersql.SQLite, "sqlite", func(_ testing.TB, dir string) string {
			return "file:" + filepath.Join(dir, "bearer.db") + "?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)"
		},
		"substr(randomblob(32), 1, 32 + 0 * %d)", "'ak_' || substr(lower(hex(randomblob(12))), 1, 24)", "lower(hex(s.hash))", "?",
	},
}

// A size is that of one of the databases that are filled.
type size struct {
	dialect bearersql.Dialect
	rows    int
}

// The databases that are full. They are filled once in a process, since -count
// runs a benchmark several times, and dropped at its end.
var filled = make(map[size]*database)

func TestMain(m *testing.M) {
	code := m.Run()
	for _, d := range filled {
		d.drop()
	}
	os.Exit(code)
}

// open returns the database, full of keys.
func (k databaseKind) open(tb testing.TB) *database {
	tb.Helper()
	full := size{k.dialect, rows(tb)}
	if d := filled[full]; d != nil {
		return d
	}
	dir, err := os.MkdirTemp("", "stores") //nolint:usetesting // longer than the test
	require.NoError(tb, err)
	db, err := sql.Open(k.driver, k.dsn(tb, dir))
	require.NoError(tb, err)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	d := &database{db: db, prefix: "bench" + strings.ToLower(rand.Text()[:12]) + "_"}
	filled[full] = d
	config := bearersql.Config{Prefix: d.prefix}
	require.NoError(tb, bearersql.Migrate(tb.Context(), db, config))
	d.store, err = bearersql.New(tb.Context(), db, config)
	require.NoError(tb, err)
	k.fill(tb, d, full.rows)
	return d
}

// rows returns how many keys a database gets.
func rows(tb testing.TB) int {
	tb.Helper()
	n, err := strconv.Atoi(os.Getenv("BEARER_ROWS"))
	if os.Getenv("BEARER_ROWS") == "" {
		n, err = 1_000_000, nil
	}
	require.NoError(tb, err)
	return n
}

// fill makes so many keys by SQL, each like one that the store has made. The hashes
// double with each statement.
func (k databaseKind) fill(tb testing.TB, d *database, n int) {
	tb.Helper()
	first := createKey(tb, d.store)
	for round, have := 0, 1; have < n; round, have = round+1, min(2*have, n) {
		d.exec(tb, fmt.Sprintf("INSERT INTO {}secrets (hash, key_id) SELECT h, %s FROM "+
			"(SELECT "+k.hash+" AS h FROM {}secrets LIMIT %d) AS doubled", strings.ReplaceAll(k.id, "hash", "h"), round, n-have))
	}
	copied := columnsOf(tb, d)
	fields := strings.Join(copied, ", ")
	values := strings.NewReplacer(
		"k.id,", "s.key_id,",
		"k.owner,", "SUBSTR(s.key_id, 1, 8),", // 100 thousand owners or more
		"k.secrets,", fmt.Sprintf("REPLACE(k.secrets, '%s', %s),", first, k.hexadecimal),
	).Replace("k." + strings.Join(copied, ", k.") + ",")
	d.exec(tb, fmt.Sprintf("INSERT INTO {}keys (%s) SELECT %s FROM {}secrets s, {}keys k WHERE s.key_id <> k.id ORDER BY s.key_id",
		fields, strings.TrimSuffix(values, ",")))
	d.tidy(tb, k.dialect)
	d.readHashes(tb, n)
}

// createKey creates the key that all others are copies of.
func createKey(tb testing.TB, store *bearersql.Store) bearer.KeyHash {
	tb.Helper()
	var format bearer.KeyFormat
	text, hash := format.Generate(bearer.SecretKey, bearer.Live)
	now := time.Now().Truncate(time.Microsecond)
	require.NoError(tb, store.CreateKey(tb.Context(), issuer.APIKey{
		ID: "ak_first", Owner: "first", Name: "production", Kind: bearer.SecretKey, Environment: bearer.Live,
		Scopes: "tokens:read tokens:write", Metadata: map[string]string{"plan": "pro"}, CreatedAt: now, CreatedBy: "first",
		Secrets: []issuer.Secret{{ID: "s1", Hash: hash, Hint: format.Hint(text), CreatedAt: now}}, Version: 1,
	}))
	return hash
}

// columnsOf returns the columns of a key.
func columnsOf(tb testing.TB, d *database) []string {
	tb.Helper()
	found, err := d.db.QueryContext(tb.Context(), d.text("SELECT * FROM {}keys LIMIT 1")) //nolint:unqueryvet // which columns there are is the question
	require.NoError(tb, err)
	defer func() { _ = found.Close() }()
	columns, err := found.Columns()
	require.NoError(tb, err)
	require.NoError(tb, found.Err())
	return columns
}

// tidy tells the database what its tables have, as it finds out by itself after a
// while.
func (d *database) tidy(tb testing.TB, dialect bearersql.Dialect) {
	tb.Helper()
	for _, table := range []string{"{}keys", "{}secrets"} {
		switch dialect {
		case bearersql.PostgreSQL:
			d.exec(tb, "VACUUM ANALYZE "+table)
		case bearersql.MySQL:
			d.exec(tb, "ANALYZE TABLE "+table)
		case bearersql.SQLite:
			d.exec(tb, "ANALYZE "+table)
		}
	}
}

// readHashes reads the hashes, and checks that the store finds a key by them.
func (d *database) readHashes(tb testing.TB, n int) {
	tb.Helper()
	found, err := d.db.QueryContext(tb.Context(), d.text("SELECT hash FROM {}secrets"))
	require.NoError(tb, err)
	defer func() { _ = found.Close() }()
	for found.Next() {
		var hash bearer.KeyHash
		require.NoError(tb, found.Scan(&hash))
		d.hashes = append(d.hashes, hash)
	}
	require.NoError(tb, found.Err())
	require.Len(tb, d.hashes, n)
	mathrand.Shuffle(n, func(i, j int) { d.hashes[i], d.hashes[j] = d.hashes[j], d.hashes[i] })
	for _, hash := range d.hashes[:min(n, 10)] {
		key, err := d.store.KeyByHash(tb.Context(), hash)
		require.NoError(tb, err)
		require.Len(tb, key.Secrets, 1)
		require.Equal(tb, hash, key.Secrets[0].Hash)
	}
}

// text returns a statement with the prefix of the tables in it.
func (d *database) text(statement string) string {
	return strings.ReplaceAll(statement, "{}", d.prefix)
}

func (d *database) exec(tb testing.TB, statement string) {
	tb.Helper()
	_, err := d.db.ExecContext(tb.Context(), d.text(statement))
	require.NoError(tb, err, statement)
}

// drop drops the tables.
func (d *database) drop() {
	for _, table := range []string{
		"keys", "secrets", "used", "clients", "sessions", "users", "changes", "counter", "schema",
	} {
		_, _ = d.db.ExecContext(context.Background(), d.text("DROP TABLE IF EXISTS {}"+table))
	}
	_ = d.db.Close()
}
