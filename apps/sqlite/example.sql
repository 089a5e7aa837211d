-- SPDX-License-Identifier: GPL-2.0
-- What `make run APP=sqlite` shows without ARGS.
CREATE TABLE call (name TEXT PRIMARY KEY, number INTEGER);
INSERT INTO call VALUES ('read', 0), ('write', 1), ('open', 2), ('getppid', 110);
SELECT sqlite_version() AS version, count(*) AS calls, max(number) AS highest FROM call;
