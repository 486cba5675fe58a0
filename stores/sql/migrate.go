package bearersql

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"iter"
	"strconv"
	"strings"
)

//go:embed migrations
var migrationFiles embed.FS

// schemaVersion is that of the last migration.
const schemaVersion = 1

// Migrate makes the tables of a store, or brings them up to date. It may be
// called at each start, by many processes at once: one does the work, and the
// others wait for it. It returns an error if the tables are newer than this
// package, and too new for it: see [New].
func Migrate(ctx context.Context, db *sql.DB, config Config) error {
	s, err := open(ctx, db, config)
	if err != nil {
		return err
	}
	return s.migrate(ctx, migrationsOf(s.dialect))
}

// Migrations returns the migrations for tools such as goose, Atlas and Flyway:
// the name of each, and its statements. The last of them records the version that
// [New] checks. Config.Dialect must be set. It panics if it is not, or if
// Config.Prefix is not valid.
func Migrations(config Config) iter.Seq2[string, string] {
	config, err := withDefaults(config)
	if err != nil {
		panic(err)
	}
	list := migrationsOf(config.Dialect)
	if len(list) == 0 {
		panic(fmt.Sprintf("bearersql: Migrations: Config.Dialect is %s: set PostgreSQL, MySQL or SQLite", config.Dialect))
	}
	return func(yield func(string, string) bool) {
		for _, m := range list {
			if !yield(m.name, config.Dialect.rebind(m.text, config.Prefix)) {
				return
			}
		}
	}
}

// A migration is the statements that lead from a version of the schema to the
// next. The last statement records the version.
type migration struct {
	version int
	name    string
	text    string
}

// migrationsOf returns the migrations for a dialect, or none if there is no
// such dialect.
func migrationsOf(dialect Dialect) []migration {
	files, err := fs.Glob(migrationFiles, "migrations/"+dialect.String()+"/*.sql")
	if err != nil {
		panic(err)
	}
	list := make([]migration, 0, len(files))
	for _, file := range files {
		text, err := migrationFiles.ReadFile(file)
		if err != nil {
			panic(err)
		}
		name := file[strings.LastIndexByte(file, '/')+1:]
		version, err := strconv.Atoi(name[:strings.IndexByte(name, '_')])
		if err != nil {
			panic(err)
		}
		list = append(list, migration{version, name, string(text)})
	}
	return list
}

// migrate applies the migrations that the schema lacks.
func (s *Store) migrate(ctx context.Context, list []migration) error {
	last := list[len(list)-1].version
	have, err := s.haveSchema(ctx)
	if err != nil || have.version >= last {
		return s.explain("migrate: look at the schema", cmp.Or(err, have.check(last)))
	}
	if s.dialect == SQLite {
		if err := s.useWAL(ctx); err != nil {
			return s.explain("migrate: set journal_mode", err)
		}
	}
	for _, m := range list {
		err := s.exclusively(ctx, func(q statements) error {
			have, err := s.schema(ctx, q)
			if err == nil && have.version < m.version {
				err = s.apply(ctx, q, m)
			}
			return err
		})
		if err != nil {
			return s.explain("migrate: "+m.name, err)
		}
	}
	return nil
}

// apply executes the statements of a migration. On MySQL, where each commits by
// itself, what an earlier try has already done is passed over.
func (s *Store) apply(ctx context.Context, q statements, m migration) error {
	n := 0
	for statement := range strings.SplitSeq(m.text, ";\n") {
		if statement = strings.TrimSpace(statement); statement == "" {
			continue
		}
		n++
		if _, err := q.exec(ctx, statement); err != nil && !s.dialect.doneBefore(err) {
			return fmt.Errorf("statement %d: %w", n, err)
		}
	}
	return nil
}
