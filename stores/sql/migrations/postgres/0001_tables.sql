CREATE TABLE {prefix}schema (
	version INTEGER PRIMARY KEY,
	oldest  INTEGER
);

CREATE TABLE {prefix}keys (
	id              TEXT COLLATE "C" PRIMARY KEY,
	owner           TEXT COLLATE "C" NOT NULL,
	name            TEXT COLLATE "C" NOT NULL,
	kind            SMALLINT NOT NULL,
	environment     SMALLINT NOT NULL,
	scopes          TEXT COLLATE "C" NOT NULL,
	allowed_ips     TEXT COLLATE "C" NOT NULL,
	allowed_origins TEXT COLLATE "C" NOT NULL,
	limit_rate      DOUBLE PRECISION NOT NULL,
	limit_burst     BIGINT NOT NULL,
	metadata        TEXT COLLATE "C" NOT NULL,
	disabled        SMALLINT NOT NULL,
	expires_at      BIGINT,
	revoked_at      BIGINT,
	reason          TEXT COLLATE "C" NOT NULL,
	created_at      BIGINT NOT NULL,
	created_by      TEXT COLLATE "C" NOT NULL,
	secrets         TEXT COLLATE "C" NOT NULL,
	version         BIGINT NOT NULL
);

CREATE INDEX {prefix}keys_owner ON {prefix}keys (owner, created_at, id);

CREATE TABLE {prefix}secrets (
	hash   BYTEA PRIMARY KEY,
	key_id TEXT COLLATE "C" NOT NULL
);

CREATE TABLE {prefix}used (
	hash   BYTEA PRIMARY KEY,
	key_id TEXT COLLATE "C" NOT NULL,
	at     BIGINT NOT NULL
);

CREATE INDEX {prefix}used_key ON {prefix}used (key_id);

CREATE TABLE {prefix}clients (
	id          TEXT COLLATE "C" PRIMARY KEY,
	owner       TEXT COLLATE "C" NOT NULL,
	name        TEXT COLLATE "C" NOT NULL,
	credential  SMALLINT NOT NULL,
	environment SMALLINT NOT NULL,
	scopes      TEXT COLLATE "C" NOT NULL,
	introspect  SMALLINT NOT NULL,
	secrets     TEXT COLLATE "C" NOT NULL,
	secret_hash TEXT COLLATE "C" NOT NULL,
	created_at  BIGINT NOT NULL,
	created_by  TEXT COLLATE "C" NOT NULL,
	deleted_at  BIGINT,
	replaces    TEXT COLLATE "C" NOT NULL,
	replaced_by TEXT COLLATE "C" NOT NULL,
	version     BIGINT NOT NULL
);

CREATE INDEX {prefix}clients_owner ON {prefix}clients (owner, created_at, id);

CREATE TABLE {prefix}sessions (
	id                 TEXT COLLATE "C" PRIMARY KEY,
	subject            TEXT COLLATE "C" NOT NULL,
	name               TEXT COLLATE "C" NOT NULL,
	live               SMALLINT,
	label              TEXT COLLATE "C" NOT NULL,
	owner              TEXT COLLATE "C" NOT NULL,
	created_by         TEXT COLLATE "C" NOT NULL,
	environment        SMALLINT NOT NULL,
	created_at         BIGINT NOT NULL,
	expires_at         BIGINT NOT NULL,
	refreshed_at       BIGINT,
	ended_at           BIGINT,
	reason             TEXT COLLATE "C" NOT NULL,
	secret_hash        BYTEA NOT NULL,
	user_version       TEXT COLLATE "C" NOT NULL,
	key_id             TEXT COLLATE "C" NOT NULL,
	payload            BYTEA NOT NULL,
	refresh_family     BYTEA NOT NULL,
	refresh_step       BYTEA NOT NULL,
	refresh_expires_at BIGINT,
	refresh_ends_at    BIGINT,
	refresh_spent      BYTEA NOT NULL,
	refresh_spent_at   BIGINT,
	refresh_successor  BYTEA NOT NULL,
	version            BIGINT NOT NULL,
	UNIQUE (subject, name, live)
);

CREATE INDEX {prefix}sessions_subject ON {prefix}sessions (subject, created_at, id);
CREATE INDEX {prefix}sessions_living ON {prefix}sessions (subject, ended_at, expires_at);
CREATE INDEX {prefix}sessions_owner ON {prefix}sessions (owner, created_at, id);
CREATE INDEX {prefix}sessions_expiry ON {prefix}sessions (expires_at);
CREATE INDEX {prefix}sessions_end ON {prefix}sessions (ended_at);

CREATE TABLE {prefix}users (
	id          TEXT COLLATE "C" PRIMARY KEY,
	owner       TEXT COLLATE "C" NOT NULL,
	email       TEXT COLLATE "C" NOT NULL UNIQUE,
	hash        TEXT COLLATE "C" NOT NULL,
	scopes      TEXT COLLATE "C" NOT NULL,
	environment SMALLINT NOT NULL,
	created_at  BIGINT NOT NULL,
	removed_at  BIGINT,
	version     BIGINT NOT NULL
);

CREATE TABLE {prefix}changes (
	seq     BIGINT PRIMARY KEY,
	mark    BIGINT NOT NULL,
	hash    BYTEA,
	session TEXT COLLATE "C",
	subject TEXT COLLATE "C",
	client  TEXT COLLATE "C",
	at      BIGINT NOT NULL
);

CREATE INDEX {prefix}changes_at ON {prefix}changes (at);

CREATE TABLE {prefix}counter (
	id  SMALLINT PRIMARY KEY,
	seq BIGINT NOT NULL
);

INSERT INTO {prefix}counter (id, seq) VALUES (1, 0) ON CONFLICT DO NOTHING;

INSERT INTO {prefix}schema (version) VALUES (1) ON CONFLICT DO NOTHING;
