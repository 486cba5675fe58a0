CREATE TABLE {prefix}schema (
	version INTEGER PRIMARY KEY,
	oldest  INTEGER
) STRICT;

CREATE TABLE {prefix}keys (
	id              TEXT PRIMARY KEY,
	owner           TEXT NOT NULL,
	name            TEXT NOT NULL,
	kind            INTEGER NOT NULL,
	environment     INTEGER NOT NULL,
	scopes          TEXT NOT NULL,
	allowed_ips     TEXT NOT NULL,
	allowed_origins TEXT NOT NULL,
	limit_rate      REAL NOT NULL,
	limit_burst     INTEGER NOT NULL,
	metadata        TEXT NOT NULL,
	disabled        INTEGER NOT NULL,
	expires_at      INTEGER,
	revoked_at      INTEGER,
	reason          TEXT NOT NULL,
	created_at      INTEGER NOT NULL,
	created_by      TEXT NOT NULL,
	secrets         TEXT NOT NULL,
	version         INTEGER NOT NULL
) STRICT;

CREATE INDEX {prefix}keys_owner ON {prefix}keys (owner, created_at, id);

CREATE TABLE {prefix}secrets (
	hash   BLOB PRIMARY KEY,
	key_id TEXT NOT NULL
) STRICT;

CREATE TABLE {prefix}used (
	hash   BLOB PRIMARY KEY,
	key_id TEXT NOT NULL,
	at     INTEGER NOT NULL
) STRICT;

CREATE INDEX {prefix}used_key ON {prefix}used (key_id);

CREATE TABLE {prefix}clients (
	id          TEXT PRIMARY KEY,
	owner       TEXT NOT NULL,
	name        TEXT NOT NULL,
	credential  INTEGER NOT NULL,
	environment INTEGER NOT NULL,
	scopes      TEXT NOT NULL,
	introspect  INTEGER NOT NULL,
	secrets     TEXT NOT NULL,
	secret_hash TEXT NOT NULL,
	created_at  INTEGER NOT NULL,
	created_by  TEXT NOT NULL,
	deleted_at  INTEGER,
	replaces    TEXT NOT NULL,
	replaced_by TEXT NOT NULL,
	version     INTEGER NOT NULL
) STRICT;

CREATE INDEX {prefix}clients_owner ON {prefix}clients (owner, created_at, id);

CREATE TABLE {prefix}sessions (
	id                 TEXT PRIMARY KEY,
	subject            TEXT NOT NULL,
	name               TEXT NOT NULL,
	live               INTEGER,
	label              TEXT NOT NULL,
	owner              TEXT NOT NULL,
	created_by         TEXT NOT NULL,
	environment        INTEGER NOT NULL,
	created_at         INTEGER NOT NULL,
	expires_at         INTEGER NOT NULL,
	refreshed_at       INTEGER,
	ended_at           INTEGER,
	reason             TEXT NOT NULL,
	secret_hash        BLOB NOT NULL,
	user_version       TEXT NOT NULL,
	key_id             TEXT NOT NULL,
	payload            BLOB NOT NULL,
	refresh_family     BLOB NOT NULL,
	refresh_step       BLOB NOT NULL,
	refresh_expires_at INTEGER,
	refresh_ends_at    INTEGER,
	refresh_spent      BLOB NOT NULL,
	refresh_spent_at   INTEGER,
	refresh_successor  BLOB NOT NULL,
	version            INTEGER NOT NULL,
	UNIQUE (subject, name, live)
) STRICT;

CREATE INDEX {prefix}sessions_subject ON {prefix}sessions (subject, created_at, id);
CREATE INDEX {prefix}sessions_living ON {prefix}sessions (subject, ended_at, expires_at);
CREATE INDEX {prefix}sessions_owner ON {prefix}sessions (owner, created_at, id);
CREATE INDEX {prefix}sessions_expiry ON {prefix}sessions (expires_at);
CREATE INDEX {prefix}sessions_end ON {prefix}sessions (ended_at);

CREATE TABLE {prefix}users (
	id          TEXT PRIMARY KEY,
	owner       TEXT NOT NULL,
	email       TEXT NOT NULL UNIQUE,
	hash        TEXT NOT NULL,
	scopes      TEXT NOT NULL,
	environment INTEGER NOT NULL,
	created_at  INTEGER NOT NULL,
	removed_at  INTEGER,
	version     INTEGER NOT NULL
) STRICT;

CREATE TABLE {prefix}changes (
	seq     INTEGER PRIMARY KEY,
	mark    INTEGER NOT NULL,
	hash    BLOB,
	session TEXT,
	subject TEXT,
	client  TEXT,
	at      INTEGER NOT NULL
) STRICT;

CREATE INDEX {prefix}changes_at ON {prefix}changes (at);

CREATE TABLE {prefix}counter (
	id  INTEGER PRIMARY KEY,
	seq INTEGER NOT NULL
) STRICT;

INSERT INTO {prefix}counter (id, seq) VALUES (1, 0) ON CONFLICT DO NOTHING;

INSERT INTO {prefix}schema (version) VALUES (1) ON CONFLICT DO NOTHING;
