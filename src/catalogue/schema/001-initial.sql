-- SPDX-License-Identifier: Apache-2.0
--
-- The catalogue's first tables, in the common subset of SQLite and PostgreSQL. Times are seconds
-- since 1970, sizes bytes, truth 0 or 1, digests hex. Ids are never used again: rows stay.

CREATE TABLE schema_migrations (
	version BIGINT NOT NULL PRIMARY KEY,
	name TEXT NOT NULL,
	applied_at BIGINT NOT NULL
);

-- job: the last job id given out. public_changes: counts whatever may change what strangers list.
CREATE TABLE counters (
	name TEXT NOT NULL PRIMARY KEY,
	value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('job', 0), ('public_changes', 0);

CREATE TABLE accounts (
	id TEXT NOT NULL PRIMARY KEY,
	name TEXT NOT NULL,
	status TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	limit_virtual_bytes BIGINT NOT NULL, -- 0: the configured default
	limit_upload_bytes BIGINT NOT NULL,
	limit_stored_bytes BIGINT NOT NULL,
	limit_imports BIGINT NOT NULL,
	changes BIGINT NOT NULL -- counts whatever may change a listing of its own images
);

CREATE TABLE users (
	id TEXT NOT NULL PRIMARY KEY,
	name TEXT NOT NULL,
	email TEXT NOT NULL,
	email_key TEXT NOT NULL UNIQUE, -- the address in lower case
	ssh_key TEXT NOT NULL,
	password_hash TEXT NOT NULL,
	default_account TEXT REFERENCES accounts (id),
	created_at BIGINT NOT NULL
);

CREATE TABLE memberships (
	account TEXT NOT NULL REFERENCES accounts (id),
	position BIGINT NOT NULL, -- 1: the owner
	user_id TEXT NOT NULL REFERENCES users (id),
	PRIMARY KEY (account, position),
	UNIQUE (user_id, account)
);

-- API clients (cli-…) and, without an account, applications (app-…).
CREATE TABLE clients (
	id TEXT NOT NULL PRIMARY KEY,
	account TEXT REFERENCES accounts (id),
	name TEXT NOT NULL,
	description TEXT NOT NULL,
	storage_only BIGINT NOT NULL,
	secret_hash TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	revoked_at BIGINT NOT NULL
);
CREATE INDEX clients_of_account ON clients (account, id);

CREATE TABLE tokens (
	hash TEXT NOT NULL PRIMARY KEY,
	account TEXT REFERENCES accounts (id),
	client TEXT REFERENCES clients (id),
	user_id TEXT REFERENCES users (id),
	scope_infrastructure BIGINT NOT NULL,
	scope_orbit BIGINT NOT NULL,
	expires_at BIGINT NOT NULL
);
CREATE INDEX tokens_by_expiry ON tokens (expires_at);

CREATE TABLE refresh_tokens (
	hash TEXT NOT NULL PRIMARY KEY,
	account TEXT REFERENCES accounts (id),
	client TEXT REFERENCES clients (id),
	user_id TEXT REFERENCES users (id),
	scope_infrastructure BIGINT NOT NULL,
	scope_orbit BIGINT NOT NULL,
	expires_at BIGINT NOT NULL
);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);

CREATE TABLE images (
	id TEXT NOT NULL PRIMARY KEY,
	account TEXT NOT NULL REFERENCES accounts (id),
	name TEXT NOT NULL,
	username TEXT NOT NULL,
	description TEXT NOT NULL,
	arch TEXT NOT NULL,
	source TEXT NOT NULL,
	source_type TEXT NOT NULL,
	source_trigger TEXT NOT NULL,
	ancestor TEXT REFERENCES images (id),
	licence_name TEXT NOT NULL,
	status TEXT NOT NULL CHECK (status IN ('creating', 'available', 'deprecated', 'unavailable',
		'deleting', 'deleted', 'failed')),
	locked BIGINT NOT NULL,
	is_public BIGINT NOT NULL,
	official BIGINT NOT NULL,
	compatibility_mode BIGINT NOT NULL,
	min_ram BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	available_at BIGINT NOT NULL,
	deleted_at BIGINT NOT NULL,
	virtual_bytes BIGINT NOT NULL,
	data_bytes BIGINT NOT NULL,
	reserved_bytes BIGINT NOT NULL, -- quota held by an import; 0 when it is over
	stored_bytes BIGINT NOT NULL,
	object_bytes BIGINT NOT NULL,
	chunk_count BIGINT NOT NULL,
	domain TEXT NOT NULL,
	manifest TEXT NOT NULL,
	digest TEXT NOT NULL,
	status_reason TEXT NOT NULL,
	source_format TEXT NOT NULL,
	checksum TEXT NOT NULL,
	source_bytes BIGINT NOT NULL,
	warnings TEXT NOT NULL,
	phase TEXT NOT NULL,
	progress_done BIGINT NOT NULL,
	progress_total BIGINT NOT NULL, -- -1: unknown
	progress_rate BIGINT NOT NULL,
	revision BIGINT NOT NULL
);
-- A tenant lists its own rows and what others publish, whatever else the table holds.
CREATE INDEX images_of_account ON images (account, created_at, id) WHERE status <> 'deleted';
CREATE INDEX images_gone ON images (account, created_at, id) WHERE status = 'deleted';
CREATE INDEX images_published ON images (created_at, id)
	WHERE is_public = 1 AND status = 'available';
-- The container "images".
CREATE INDEX images_stored ON images (account, id)
	WHERE status IN ('available', 'deprecated', 'unavailable');
CREATE INDEX images_deleting ON images (id) WHERE status = 'deleting';

CREATE TABLE jobs (
	id BIGINT NOT NULL PRIMARY KEY,
	kind TEXT NOT NULL,
	state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
	image TEXT NOT NULL REFERENCES images (id),
	account TEXT NOT NULL REFERENCES accounts (id),
	url TEXT NOT NULL,
	checksum TEXT NOT NULL,
	owner TEXT NOT NULL,
	lease_until BIGINT NOT NULL,
	attempts BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	not_before BIGINT NOT NULL,
	finished_at BIGINT NOT NULL, -- 0: queued or running
	last_error TEXT NOT NULL
);
CREATE INDEX jobs_open ON jobs (account, state) WHERE finished_at = 0;
CREATE INDEX jobs_of_image ON jobs (image, id);
