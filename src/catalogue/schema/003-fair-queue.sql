-- SPDX-License-Identifier: Apache-2.0
--
-- Whose turn it is outlives the server, and a job's attempts are told apart by what ended them.

INSERT INTO counters (name, value) VALUES ('claim', 0); -- the last claim's number
ALTER TABLE accounts ADD COLUMN served BIGINT NOT NULL DEFAULT 0; -- its last claim's; 0: never
ALTER TABLE jobs ADD COLUMN failures BIGINT NOT NULL DEFAULT 0; -- attempts that failed by themselves
ALTER TABLE jobs ADD COLUMN stops BIGINT NOT NULL DEFAULT 0; -- attempts given back by a stopping server
