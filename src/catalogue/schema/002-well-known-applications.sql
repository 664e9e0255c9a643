-- SPDX-License-Identifier: Apache-2.0
--
-- The applications every client knows without configuration (api.md section 1.5). Their secrets are
-- public constants; like all secrets they are stored as SHA-256.

INSERT INTO clients (id, account, name, description, storage_only, secret_hash, created_at,
	revoked_at)
VALUES
	('app-12345', NULL, 'Brightbox CLI', 'Built into the command line client', 0,
	'2f61680b4a35f3d372d27e18ccf4c8cbaf6e910ca30f172a6e08cc86dc4a94b3', 0, 0),
	('app-dkmch', NULL, 'Terraform', 'Built into the Terraform provider', 0,
	'5a6672f46908b77fa605f99be0262e855d73969d4fdacf57eba53df74e0ab4eb', 0, 0);
