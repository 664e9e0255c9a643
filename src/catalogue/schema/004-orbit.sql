-- SPDX-License-Identifier: Apache-2.0
--
-- Orbit's containers and objects. Times are microseconds since 1970, but delete_at: seconds. The
-- sums are kept with every change of an object, so that quotas and HEAD cost no counting.

INSERT INTO counters (name, value) VALUES ('container', 0); -- the last container id given out

ALTER TABLE accounts ADD COLUMN orbit_containers BIGINT NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN orbit_objects BIGINT NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN orbit_bytes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN orbit_meta TEXT NOT NULL DEFAULT '';

CREATE TABLE containers (
	id BIGINT NOT NULL PRIMARY KEY,
	account TEXT NOT NULL REFERENCES accounts (id),
	name TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	modified_at BIGINT NOT NULL,
	objects BIGINT NOT NULL,
	bytes BIGINT NOT NULL,
	meta TEXT NOT NULL,
	UNIQUE (account, name)
);

-- What a listing shows comes first, what may be long last. WITHOUT ROWID (SQLite's own; PostgreSQL
-- does without) keeps the rows themselves in the order of names: pages are read as they are shown.
CREATE TABLE objects (
	container BIGINT NOT NULL REFERENCES containers (id),
	name TEXT NOT NULL,
	kind TEXT NOT NULL CHECK (kind IN ('plain', 'static', 'dynamic')),
	bytes BIGINT NOT NULL,
	md5 TEXT NOT NULL,
	etag TEXT NOT NULL,
	content_type TEXT NOT NULL,
	modified_at BIGINT NOT NULL,
	delete_at BIGINT NOT NULL, -- 0: never
	blob TEXT NOT NULL, -- '': nothing is stored
	stored_bytes BIGINT NOT NULL,
	meta TEXT NOT NULL,
	PRIMARY KEY (container, name)
) WITHOUT ROWID;
-- Who owns these bytes, and whose time is up.
CREATE INDEX objects_by_blob ON objects (blob) WHERE blob <> '';
CREATE INDEX objects_to_delete ON objects (delete_at) WHERE delete_at > 0;
