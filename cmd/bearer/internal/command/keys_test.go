package command_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/cmd/bearer/internal/cli"
	"github.com/blockauth/bearer/cmd/bearer/internal/database"
	"github.com/blockauth/bearer/internal/services"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// A databaseUnderTest is one with tables for a test.
type databaseUnderTest struct {
	tb          testing.TB
	url, prefix string
}

// sqlite returns a new file of SQLite, with its tables.
func sqlite(tb testing.TB) databaseUnderTest {
	tb.Helper()
	d := databaseUnderTest{tb, filepath.Join(tb.TempDir(), "keys ü.db"), "bearer_"}
	r := d.keys("", "migrate")
	require.Zero(tb, r.code, r.err)
	return d
}

// keys runs a command of keys over the database.
func (d databaseUnderTest) keys(in string, args ...string) result {
	d.tb.Helper()
	args = append([]string{"keys", args[0], "-database", d.url, "-prefix", d.prefix}, args[1:]...)
	return run(d.tb, in, args...)
}

// one runs a command whose output is one object.
func (d databaseUnderTest) one(args ...string) map[string]any {
	d.tb.Helper()
	r := d.keys("", append(args, "-json")...)
	require.Zero(d.tb, r.code, r.err)
	lines := r.lines(d.tb)
	require.Len(d.tb, lines, 1)
	return lines[0]
}

// find returns a key as a guard finds it.
func (d databaseUnderTest) find(text string, format bearer.KeyFormat) (*bearer.Key, error) {
	d.tb.Helper()
	db, err := database.Open(d.url, false)
	require.NoError(d.tb, err)
	defer func() { assert.NoError(d.tb, db.Close()) }()
	store, err := bearersql.New(context.Background(), db, bearersql.Config{Prefix: d.prefix})
	require.NoError(d.tb, err)
	return store.KeyStore().FindKey(context.Background(), format.Hash(text))
}

// The whole life of keys, over each database.
func TestKeysOverDatabases(t *testing.T) {
	tests := []struct {
		name string
		url  func(testing.TB) string
	}{
		{"sqlite", func(tb testing.TB) string {
			tb.Helper()
			return filepath.Join(tb.TempDir(), "keys.db")
		}},
		{"postgresql", services.Postgres},
		{"mysql", func(tb testing.TB) string {
			tb.Helper()
			config, err := mysql.ParseDSN(services.MySQL(tb))
			require.NoError(tb, err)
			u := url.URL{Scheme: "mysql", User: url.UserPassword(config.User, config.Passwd), Host: config.Addr, Path: config.DBName}
			return u.String()
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if testing.Short() && tt.name != "sqlite" {
				t.Skip("short")
			}
			d := databaseUnderTest{t, tt.url(t), fmt.Sprintf("cmd%d_", os.Getpid())}
			if tt.name != "sqlite" {
				t.Cleanup(func() { dropTables(t, d) })
			}
			assert.NotZero(t, d.keys("", "list", "-owner", "o").code, "there are no tables")
			for range 2 {
				r := d.keys("", "migrate")
				require.Zero(t, r.code, r.err)
			}
			testLife(t, d)
		})
	}
}

// dropTables removes the tables of a test.
func dropTables(t *testing.T, d databaseUnderTest) {
	t.Helper()
	db, err := database.Open(d.url, false)
	require.NoError(t, err)
	defer func() { assert.NoError(t, db.Close()) }()
	rows, err := db.Query("SELECT table_name FROM information_schema.tables WHERE table_name LIKE '" + d.prefix + "%'")
	require.NoError(t, err)
	defer func() { assert.NoError(t, rows.Close()) }()
	var names []string
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(t, rows.Err())
	for range names { // one may depend on another
		for _, name := range names {
			_, _ = db.Exec("DROP TABLE IF EXISTS " + name)
		}
	}
	var left int
	require.NoError(t, db.QueryRow("SELECT COUNT(*) FROM information_schema.tables WHERE table_name LIKE '"+d.prefix+"%'").Scan(&left))
	assert.Zero(t, left)
}

func testLife(t *testing.T, d databaseUnderTest) {
	t.Helper()
	acme := bearer.KeyFormat{Namespace: "acme"}
	created := d.one("create", "-owner", "o", "-namespace", "acme", "-name", "deploy", "-environment", "live",
		"-scopes", "a:read b:*", "-expires", "90d", "-allow-ip", "192.0.2.1", "-allow-ip", "2001:db8::/32", "-metadata", "team=x")
	text, _ := created["key"].(string)
	id, _ := created["id"].(string)
	key, err := d.find(text, acme)
	require.NoError(t, err)
	assert.Equal(t, bearer.Scopes("a:read b:*"), key.Scopes)
	assert.Equal(t, "o", key.Owner)
	assert.Len(t, key.AllowedIPs, 2)
	assert.WithinDuration(t, time.Now().Add(90*24*time.Hour), key.ExpiresAt, time.Minute)
	assert.Equal(t, acme.Hint(text), created["hint"])

	listed := d.one("list", "-owner", "o")
	delete(created, "key")
	assert.Equal(t, created, listed)
	assert.Empty(t, d.keys("", "list", "-owner", "another", "-json").out)
	table := d.keys("", "list", "-owner", "o")
	assert.Regexp(t, `^ID +HINT +NAME +KIND`, table.out)
	assert.Contains(t, table.out, acme.Hint(text))

	r := d.keys("", "rotate", id, "-owner", "o")
	assert.Equal(t, 2, r.code, "of another namespace: %s", r.err)
	assert.Equal(t, 1, d.keys("", "rotate", id, "-owner", "another", "-namespace", "acme").code)
	rotated := d.one("rotate", id, "-owner", "o", "-namespace", "acme", "-grace", "2d")
	second, _ := rotated["key"].(string)
	for _, text := range []string{text, second} {
		_, err := d.find(text, acme)
		assert.NoError(t, err)
	}
	assert.Equal(t, 1, d.keys("", "rotate", id, "-owner", "o", "-namespace", "acme").code, "two secrets are good")
	d.one("rotate", id, "-owner", "o", "-end-old")
	old, err := d.find(text, acme)
	require.NoError(t, err)
	assert.True(t, time.Now().After(old.EndsAt))
	assert.Equal(t, 1, d.keys("", "rotate", id, "-owner", "o", "-end-old").code)

	r = d.keys("", "revoke", "ak_missing", id, "-owner", "o", "-reason", "leaked")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.out, id+" is revoked")
	assert.Contains(t, r.err, `"ak_missing": There is no such resource.`)
	revoked, err := d.find(second, acme)
	require.NoError(t, err)
	assert.False(t, revoked.RevokedAt.IsZero())
	assert.Equal(t, "revoked", d.one("revoke", id, "-owner", "o")["state"], "again")
	assert.Empty(t, d.keys("", "list", "-owner", "o", "-json").out)
	assert.Equal(t, "leaked", d.one("list", "-owner", "o", "-include-revoked")["reason"])
}

func TestKeysListPages(t *testing.T) {
	d := sqlite(t)
	var records strings.Builder
	for i := range 250 {
		fmt.Fprintf(&records, `{"hash":"%064x","name":"n%d","scopes":["a"]}`+"\n", i+1, i)
	}
	require.Zero(t, d.keys(records.String(), "import", "-owner", "o", "-").code)
	r := d.keys("", "list", "-owner", "o", "-json")
	require.Zero(t, r.code)
	seen := map[any]bool{}
	for _, line := range r.lines(t) {
		seen[line["id"]] = true
	}
	assert.Len(t, seen, 250)
	assert.Equal(t, 251, strings.Count(d.keys("", "list", "-owner", "o").out, "\n"))
	assert.Equal(t, 1, strings.Count(d.keys("", "list", "-owner", "o", "-unused-since", "1h").out, "\n"))
	assert.Equal(t, 251, strings.Count(d.keys("", "list", "-owner", "o", "-unused-since", "0s").out, "\n"))
	assert.Equal(t, 1, strings.Count(d.keys("", "list", "-owner", "o", "-expires-before", "2100-01-01").out, "\n"))
	assert.Equal(t, 1, strings.Count(d.keys("", "list", "-owner", "o", "-created-by", "x").out, "\n"))
}

func TestKeysCreateWritesFile(t *testing.T) {
	d := sqlite(t)
	path := filepath.Join(t.TempDir(), "key")
	r := d.keys("", "create", "-owner", "o", "-name", "n", "-output", path)
	require.Zero(t, r.code, r.err)
	assert.NotContains(t, r.out, "key  ")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	_, err = d.find(strings.TrimSpace(string(text)), bearer.KeyFormat{})
	assert.NoError(t, err)
	r = d.keys("", "create", "-owner", "o", "-name", "n", "-output", path)
	assert.Equal(t, 3, r.code)
	assert.Equal(t, 2, strings.Count(d.keys("", "list", "-owner", "o").out, "\n"), "no key was made whose text is nowhere")
}

// A name from the database moves no cursor.
func TestKeysListQuotes(t *testing.T) {
	d := sqlite(t)
	r := d.keys(`{"hash":"`+strings.Repeat("1", 64)+`","name":"a\u202eb","scopes":"a"}`, "import", "-owner", "o", "-")
	require.Zero(t, r.code, r.err)
	r = d.keys("", "list", "-owner", "o")
	assert.NotContains(t, r.out, "\u202e")
	assert.Contains(t, r.out, `"a\u202eb"`)
}

func TestKeysUsage(t *testing.T) {
	d := sqlite(t)
	tests := []struct {
		name string
		args []string
		code int
	}{
		{"list without an owner", []string{"list"}, 2},
		{"create without an owner", []string{"create", "-name", "n"}, 2},
		{"create without a name", []string{"create", "-owner", "o"}, 1},
		{"create with a control character", []string{"create", "-owner", "o", "-name", "\x1b"}, 1},
		{"create with a malformed scope", []string{"create", "-owner", "o", "-name", "n", "-scopes", `"`}, 1},
		{"create with empty scopes", []string{"create", "-owner", "o", "-name", "n", "-scopes", " "}, 2},
		{"create with a malformed address", []string{"create", "-owner", "o", "-name", "n", "-allow-ip", "x"}, 2},
		{"create with host bits", []string{"create", "-owner", "o", "-name", "n", "-allow-ip", "192.0.2.1/24"}, 1},
		{"create with an origin of a secret key", []string{"create", "-owner", "o", "-name", "n", "-allow-origin", "https://x.example"}, 1},
		{"create with malformed metadata", []string{"create", "-owner", "o", "-name", "n", "-metadata", "x"}, 2},
		{"create with a malformed time", []string{"create", "-owner", "o", "-name", "n", "-expires", "soon"}, 2},
		{"create with a time that is over", []string{"create", "-owner", "o", "-name", "n", "-expires", "2001-01-01"}, 1},
		{"create with a malformed namespace", []string{"create", "-owner", "o", "-name", "n", "-namespace", "A"}, 2},
		{"create with a malformed kind", []string{"create", "-owner", "o", "-name", "n", "-kind", "A"}, 2},
		{"rotate nothing", []string{"rotate", "-owner", "o"}, 2},
		{"rotate with a malformed grace", []string{"rotate", "x", "-owner", "o", "-grace", "1.5d"}, 2},
		{"rotate with a long grace", []string{"rotate", "x", "-owner", "o", "-grace", "8d"}, 1},
		{"rotate without an owner", []string{"rotate", "x"}, 2},
		{"end without an owner", []string{"rotate", "x", "-end-old"}, 2},
		{"revoke nothing", []string{"revoke", "-owner", "o"}, 2},
		{"revoke without an owner", []string{"revoke", "x"}, 2},
		{"import nothing", []string{"import", "-owner", "o"}, 2},
		{"import what is missing", []string{"import", "/does/not/exist"}, 3},
		{"import as a malformed kind", []string{"import", "-", "-kind", "x"}, 2},
		{"list since a malformed time", []string{"list", "-owner", "o", "-unused-since", "x"}, 2},
		{"list before a malformed time", []string{"list", "-owner", "o", "-expires-before", "-1h"}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := d.keys("", tt.args...)
			assert.Equal(t, tt.code, r.code, r.err)
			assert.NotEmpty(t, r.err)
			assert.NotContains(t, r.err, "\x1b")
		})
	}
}

// A password of a database is in no error, and the URL need not be an argument.
func TestDatabase(t *testing.T) {
	d := sqlite(t)
	list := func(env string, args ...string) result {
		s := &cli.Streams{In: strings.NewReader(""), Getenv: func(name string) string {
			if name == "BEARER_DATABASE" {
				return env
			}
			return ""
		}}
		return runWith(context.Background(), t, s, append([]string{"keys", "list", "-owner", "o", "-timeout", "5s"}, args...)...)
	}
	missing := filepath.Join(t.TempDir(), "missing.db")
	tests := []struct {
		name string
		env  string
		args []string
		code int
	}{
		{"in the environment", d.url, nil, 0},
		{"in a file", "", []string{"-database-file", file(t, d.url+"\n")}, 0},
		{"an argument before the environment", "postgres://hunter2@127.0.0.1:1/x", []string{"-database", d.url}, 0},
		{"a URL of SQLite", "sqlite://" + d.url, nil, 0},
		{"a scheme of SQLite", "sqlite:" + d.url, nil, 0},
		{"nowhere", "", nil, 2},
		{"twice", "", []string{"-database", d.url, "-database-file", d.url}, 2},
		{"in a missing file", "", []string{"-database-file", missing}, 3},
		{"a missing database", missing, nil, 2},
		{"a DSN of SQLite", "file:" + d.url + "?_pragma=key('hunter2')", nil, 2},
		{"another scheme", "oracle://u:hunter2@host/x", nil, 2},
		{"PostgreSQL out of reach", "postgres://u:hunter2@127.0.0.1:1/x", nil, 3},
		{"PostgreSQL, malformed", "postgres://u:hunter2@127.0.0.1:x/x", nil, 2},
		{"PostgreSQL, malformed password", "postgres://u:hunter2%zz@127.0.0.1:1/x", nil, 2},
		{"MySQL out of reach", "mysql://u:hunter2@127.0.0.1:1/x", nil, 3},
		{"MySQL, malformed password", "mysql://u:hunter2%zz@127.0.0.1:1/x", nil, 2},
		{"MySQL, malformed parameter", "mysql://u:x@127.0.0.1:1/x?tls=hunter2", nil, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := list(tt.env, tt.args...)
			assert.Equal(t, tt.code, r.code, r.err)
			assert.NotContains(t, r.out+r.err, "hunter2")
			assert.NoFileExists(t, missing)
		})
	}
	const warning = "every user of this machine can read arguments"
	for _, url := range []string{"postgres://u:hunter2@127.0.0.1:1/x", "postgres://127.0.0.1:1/x?user=u&password=hunter2"} {
		r := list("", "-database", url)
		assert.Contains(t, r.err, warning)
		assert.NotContains(t, r.err, "hunter2")
		assert.NotContains(t, list(url).err, warning)
	}
}

func TestKeysImport(t *testing.T) {
	d := sqlite(t)
	key, published := newKey("acme"), publishableKey()
	lines := []string{
		`{"hash":"` + strings.Repeat("a", 64) + `","name":"one","scopes":["a:read","b:*"],"environment":"live","metadata":{"x":"y"}}`,
		`{"key":"` + key + `","id":"old-1","owner":"other","scopes":"c"}`,
		`{"key":"` + published + `","scopes":["d"],"allowed_origins":["https://app.example"],"expires_at":"2100-01-02T03:04:05Z"}`,
		``,
		`{"hash":"` + strings.Repeat("a", 64) + `","scopes":"a"}`,                              // as line 1
		`{"hash":"` + strings.Repeat("a", 64) + `","scopes":"a","owner":"other"}`,              // of another owner
		`{"hash":"` + strings.Repeat("b", 64) + `","id":"old-1","owner":"other","scopes":"a"}`, // an ID that is taken
		`{"hash":"hunter2"}`,
		`{"key":"hunter2","scopes":"a"}`,
		`{"hash":"` + strings.Repeat("c", 64) + `"}`, // without scopes
		`{"hash":"` + strings.Repeat("c", 64) + `","scopes":"a","role":"hunter2"}`,
		`{"hash":`,
		`{"hash":1}`,
		`{"hash":"` + strings.Repeat("c", 64) + `","key":"x"}`,
		`{"hash":"` + strings.Repeat("c", 64) + `","scopes":"a","kind":"x"}`,
		`{"hash":"` + strings.Repeat("c", 64) + `","scopes":"a","expires_at":"soon"}`,
		`{"hash":"` + strings.Repeat("c", 64) + `","scopes":"a","allowed_ips":["x"]}`,
		`{"hash":"` + strings.Repeat("c", 64) + `","scopes":"a"}{}`,
		`{"key":"` + key + `","scopes":"c","environment":"test"}`,
		`{"hash":"` + strings.Repeat("d", 64) + `","scopes":"a","name":"\u001b"}`,
		`{"hash":"` + strings.Repeat("d", 64) + `","id":"old-1","scopes":"a"}`, // another owner's ID
	}
	want := []string{
		"1 imported", "2 imported", "3 imported", "5 present", "6 refused", "7 refused", "8 refused", "9 refused", "10 refused",
		"11 refused", "12 refused", "13 refused", "14 refused", "15 refused", "16 refused", "17 refused", "18 refused", "19 refused",
		"20 refused", "21 refused",
	}
	in := strings.Join(lines, "\n")
	args := []string{"import", "-owner", "o", "-namespace", "acme", "-json", "-foreign=false", "-"}
	statuses := func(r result) []string {
		var list []string
		for _, line := range r.lines(t) {
			list = append(list, fmt.Sprint(line["line"], " ", line["status"]))
		}
		return list
	}
	dry := d.keys(in, append(args, "-dry-run")...)
	assert.Equal(t, 1, dry.code)
	assert.Equal(t, "1 imported", statuses(dry)[0])
	assert.Empty(t, d.keys("", "list", "-owner", "o", "-json").out, "nothing is written")

	r := d.keys(in, args...)
	assert.Equal(t, 1, r.code)
	assert.Equal(t, want, statuses(r), r.out)
	assert.Equal(t, want, statuses(dry), "the dry run says the same")
	for _, output := range []string{r.out, r.err, d.keys(in, args[:len(args)-3]...).err} {
		assert.NotContains(t, output, "hunter2")
		assert.NotContains(t, output, key[15:])
	}
	found, err := d.find(key, bearer.KeyFormat{})
	require.NoError(t, err)
	assert.Equal(t, "old-1", found.ID)
	assert.Equal(t, "other", found.Owner)
	assert.Equal(t, bearer.Live, found.Environment, "as its text says")
	found, err = d.find(published, bearer.KeyFormat{})
	require.NoError(t, err)
	assert.Equal(t, bearer.PublishableKey, found.Kind)
	assert.Equal(t, []string{"https://app.example"}, found.AllowedOrigins)

	again := d.keys(in, args...)
	assert.Equal(t, "1 present 2 present 3 present 5 present", strings.Join(statuses(again)[:4], " "))
}

func publishableKey() string {
	text, _ := bearer.KeyFormat{Namespace: "acme"}.Generate(bearer.PublishableKey, bearer.Test)
	return text
}

func TestKeysImportCSV(t *testing.T) {
	d := sqlite(t)
	in := "\ufeffhash,name,scopes,owner,allowed_ips\r\n" +
		strings.Repeat("a", 64) + `,"a ""quoted"" name",a:read b:*,o,192.0.2.1 2001:db8::/32` + "\n" +
		strings.Repeat("b", 64) + ",\"on two\nlines\",a,o,\n" +
		strings.Repeat("c", 64) + ",too few\n" +
		"=cmd(),x,a,o,\n"
	r := d.keys(in, "import", "-csv", "-")
	assert.Equal(t, 1, r.code)
	assert.Equal(t, "line 3: name must not have control characters.\n"+
		"line 5: wrong number of fields\nline 6: hash is not 64 hexadecimal digits\n"+
		"1 imported, 0 imported before, 3 refused\n", r.err)
	listed := d.one("list", "-owner", "o")
	assert.Equal(t, `a "quoted" name`, listed["name"])
	assert.Equal(t, []any{"a:read", "b:*"}, listed["scopes"])
	assert.Len(t, listed["allowed_ips"], 2)

	path := filepath.Join(t.TempDir(), "keys.CSV")
	require.NoError(t, os.WriteFile(path, []byte(in), 0o600))
	r = d.keys("", "import", path, "-json")
	assert.Equal(t, "present", r.lines(t)[0]["status"])
	for _, in := range []string{"", "hunter2\n", "hash,hunter2\n"} {
		r := d.keys(in, "import", "-csv", "-")
		assert.Equal(t, 3, r.code)
		assert.NotContains(t, r.err, "hunter2")
	}
}

// Foreign texts are imported with the pepper, and a guard finds them.
func TestKeysImportForeign(t *testing.T) {
	d := sqlite(t)
	pepper := strings.Repeat("p", 32)
	args := []string{"import", "-", "-owner", "o", "-scopes", "*", "-pepper-file", file(t, pepper+"\n")}
	assert.Equal(t, 1, d.keys(`{"key":"legacy-1"}`, args...).code)
	r := d.keys(`{"key":"legacy-1"}`, append(args, "-foreign")...)
	require.Zero(t, r.code, r.err)
	_, err := d.find("legacy-1", bearer.KeyFormat{Pepper: []byte(pepper)})
	assert.NoError(t, err)
	_, err = d.find("legacy-1", bearer.KeyFormat{})
	assert.ErrorIs(t, err, bearer.ErrKeyNotFound)
}

// An import that is interrupted ends at a record, and is called again.
func TestKeysImportInterrupted(t *testing.T) {
	d := sqlite(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := runWith(ctx, t, &cli.Streams{In: strings.NewReader(`{"hash":"` + strings.Repeat("a", 64) + `","scopes":"a"}`)},
		"keys", "import", "-", "-owner", "o", "-database", d.url)
	assert.Equal(t, 130, r.code)
	assert.Contains(t, r.err, "bearer: interrupted")
}

func TestKeysFailWithoutDatabase(t *testing.T) {
	d := sqlite(t)
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: d.url}).EscapedPath())
	require.NoError(t, err)
	_, err = db.Exec("DROP TABLE bearer_keys")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	r := d.keys("", "list", "-owner", "o", "-json")
	assert.Equal(t, 3, r.code)
	var failure map[string]map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.err), &failure))
	assert.InDelta(t, 3, failure["error"]["exit"], 0)
}
