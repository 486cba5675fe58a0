CREATE TABLE IF NOT EXISTS {prefix}schema (
	version INTEGER PRIMARY KEY,
	oldest  INTEGER
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS {prefix}keys (
	id              VARBINARY(255) PRIMARY KEY,
	owner           VARBINARY(255) NOT NULL,
	name            MEDIUMBLOB NOT NULL,
	kind            SMALLINT NOT NULL,
	environment     SMALLINT NOT NULL,
	scopes          MEDIUMBLOB NOT NULL,
	allowed_ips     MEDIUMBLOB NOT NULL,
	allowed_origins MEDIUMBLOB NOT NULL,
	limit_rate      DOUBLE NOT NULL,
	limit_burst     BIGINT NOT NULL,
	metadata        MEDIUMBLOB NOT NULL,
	disabled        SMALLINT NOT NULL,
	expires_at      BIGINT,
	revoked_at      BIGINT,
	reason          MEDIUMBLOB NOT NULL,
	created_at      BIGINT NOT NULL,
	created_by      VARBINARY(255) NOT NULL,
	secrets         MEDIUMBLOB NOT NULL,
	version         BIGINT NOT NULL,
	INDEX owner_index (owner, created_at, id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS {prefix}secrets (
	hash   BINARY(32) PRIMARY KEY,
	key_id VARBINARY(255) NOT NULL
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS {prefix}used (
	hash   BINARY(32) PRIMARY KEY,
	key_id VARBINARY(255) NOT NULL,
	at     BIGINT NOT NULL,
	INDEX key_index (key_id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS {prefix}clients (
	id          VARBINARY(255) PRIMARY KEY,
	owner       VARBINARY(255) NOT NULL,
	name        MEDIUMBLOB NOT NULL,
	credential  SMALLINT NOT NULL,
	environment SMALLINT NOT NULL,
	scopes      MEDIUMBLOB NOT NULL,
	introspect  SMALLINT NOT NULL,
	secrets     MEDIUMBLOB NOT NULL,
	secret_hash MEDIUMBLOB NOT NULL,
	created_at  BIGINT NOT NULL,
	created_by  VARBINARY(255) NOT NULL,
	deleted_at  BIGINT,
	replaces    VARBINARY(255) NOT NULL,
	replaced_by VARBINARY(255) NOT NULL,
	version     BIGINT NOT NULL,
	INDEX owner_index (owner, created_at, id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS {prefix}sessions (
	id                 VARBINARY(64) PRIMARY KEY,
	subject            VARBINARY(300) NOT NULL,
	name               VARBINARY(512) NOT NULL,
	live               SMALLINT,
	label              MEDIUMBLOB NOT NULL,
	owner              VARBINARY(255) NOT NULL,
	created_by         VARBINARY(255) NOT NULL,
	environment        SMALLINT NOT NULL,
	created_at         BIGINT NOT NULL,
	expires_at         BIGINT NOT NULL,
	refreshed_at       BIGINT,
	ended_at           BIGINT,
	reason             MEDIUMBLOB NOT NULL,
	secret_hash        BINARY(32) NOT NULL,
	user_version       VARBINARY(255) NOT NULL,
	key_id             VARBINARY(255) NOT NULL,
	payload            MEDIUMBLOB NOT NULL,
	refresh_family     BINARY(32) NOT NULL,
	refresh_step       BINARY(32) NOT NULL,
	refresh_expires_at BIGINT,
	refresh_ends_at    BIGINT,
	refresh_spent      BINARY(32) NOT NULL,
	refresh_spent_at   BIGINT,
	refresh_successor  MEDIUMBLOB NOT NULL,
	version            BIGINT NOT NULL,
	UNIQUE (subject, name, live),
	INDEX subject_index (subject, created_at, id),
	INDEX living_index (subject, ended_at, expires_at),
	INDEX owner_index (owner, created_at, id),
	INDEX expiry_index (expires_at),
	INDEX end_index (ended_at)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS {prefix}users (
	id          VARBINARY(255) PRIMARY KEY,
	owner       VARBINARY(255) NOT NULL,
	email       VARBINARY(320) NOT NULL UNIQUE,
	hash        MEDIUMBLOB NOT NULL,
	scopes      MEDIUMBLOB NOT NULL,
	environment SMALLINT NOT NULL,
	created_at  BIGINT NOT NULL,
	removed_at  BIGINT,
	version     BIGINT NOT NULL
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS {prefix}changes (
	seq     BIGINT PRIMARY KEY,
	mark    BIGINT NOT NULL,
	hash    BINARY(32),
	session VARBINARY(64),
	subject VARBINARY(300),
	client  VARBINARY(255),
	at      BIGINT NOT NULL,
	INDEX at_index (at)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS {prefix}counter (
	id  SMALLINT PRIMARY KEY,
	seq BIGINT NOT NULL
) ENGINE=InnoDB;

INSERT IGNORE INTO {prefix}counter (id, seq) VALUES (1, 0);

INSERT IGNORE INTO {prefix}schema (version) VALUES (1);
