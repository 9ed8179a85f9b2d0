\set VERBOSITY verbose
\set SHOW_ALL_RESULTS on
\pset null '(null)'
\echo -- connect
SELECT current_user, session_user, current_database(), current_setting('client_encoding'), current_setting('application_name');
\echo -- simple
DROP SCHEMA IF EXISTS d_psql CASCADE;
CREATE SCHEMA d_psql;
SET search_path = d_psql, public;
CREATE TABLE t (id int PRIMARY KEY, name text NOT NULL, at timestamptz, data bytea, n numeric(12, 3), tags text[]);
INSERT INTO t VALUES (1, 'one', '2024-01-02 03:04:05+00', '\x00ff10', 12.5, '{a,NULL,"b c"}'), (2, 'zwölf €', NULL, NULL, NULL, '{}');
SELECT * FROM t ORDER BY id;
SELECT 1 WHERE false;
SELECT;
UPDATE t SET name = name || '!' WHERE id = 1 RETURNING id, name;
DELETE FROM t WHERE id = 7;
WITH x AS (SELECT generate_series(1, 3) i) SELECT i, i * i AS square FROM x;
VALUES (1, 'a'), (2, NULL);
TABLE t ORDER BY 1;
DO $$ BEGIN RAISE NOTICE 'a notice: %', 42; RAISE WARNING 'a warning' USING HINT = 'take care'; END $$;
CREATE FUNCTION add(a int, b int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
SELECT add(2, 3);
CREATE PROCEDURE nothing() LANGUAGE plpgsql AS 'BEGIN COMMIT; END';
CALL nothing();
EXPLAIN (COSTS OFF) SELECT * FROM t WHERE id = 1;
/* only a comment */;
;
SELECT 'a', "name" FROM t WHERE id = 2 \gdesc
SELECT 5 AS five \gset
\echo :five
\echo -- multi
SELECT 1 AS a\; SELECT 'two' AS b\; SELECT NULL AS c;
INSERT INTO t VALUES (3, 'undone')\; SELECT 1 / 0\; SELECT 'never';
SELECT count(*) FROM t WHERE id = 3;
SELECT 1\; BEGIN\; SELECT 2;
SELECT 'inside';
COMMIT\; SELECT 'after';
SELECT 'standard_conforming\strings', E'tab\there', U&'\0041', $q$dollar's$q$;
\echo -- prepared
PREPARE p (int, text) AS SELECT $1 * 2, upper($2);
EXECUTE p (1, 'a');
EXECUTE p (2, NULL);
EXECUTE p (3, 'it''s');
DEALLOCATE p;
EXECUTE p (4, 'gone');
\echo -- copy
COPY t (id, name) FROM STDIN;
10	ten
11	back\\slash
12	tab\there
\.
COPY t (id, name) FROM STDIN WITH (FORMAT csv);
13,"quoted, comma"
14,"line
break"
\.
COPY t (id, name) FROM STDIN;
15	fine
oops	bad
\.
COPY t (id, name) TO STDOUT;
COPY (SELECT id, name FROM t WHERE id > 10 ORDER BY id) TO STDOUT WITH (FORMAT csv, HEADER);
\copy (SELECT i, md5(i::text) FROM generate_series(1, 20) i) TO STDOUT
COPY t (id, name) FROM STDIN\; SELECT count(*) FROM t;
16	sixteen
\.
SELECT count(*) FROM t;
\echo -- cursor
BEGIN;
DECLARE c CURSOR FOR SELECT i FROM generate_series(1, 10) i;
FETCH 3 FROM c;
MOVE 2 IN c;
FETCH ALL FROM c;
CLOSE c;
COMMIT;
\set FETCH_COUNT 7
SELECT i, repeat('x', i) FROM generate_series(1, 20) i;
\unset FETCH_COUNT
BEGIN;
DECLARE h SCROLL CURSOR WITH HOLD FOR SELECT i FROM generate_series(1, 5) i;
COMMIT;
FETCH LAST FROM h;
FETCH PRIOR FROM h;
CLOSE ALL;
\echo -- errors
SELEC 1;
SELECT * FROM missing;
SELECT 1 / 0;
INSERT INTO t (id, name) VALUES (1, 'again');
INSERT INTO t (id) VALUES (99);
BEGIN;
INSERT INTO t (id, name) VALUES (20, 'twenty');
SAVEPOINT s;
INSERT INTO t (id, name) VALUES (20, 'twice');
SELECT 'refused until rollback';
ROLLBACK TO s;
INSERT INTO t (id, name) VALUES (21, 'after savepoint');
RELEASE s;
COMMIT;
SELECT id, name FROM t WHERE id IN (20, 21) ORDER BY id;
BEGIN;
SELECT 1 / 0;
COMMIT;
SELECT 'transaction over';
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY;
INSERT INTO t (id, name) VALUES (22, 'read only');
ROLLBACK;
\echo -- big
SELECT length(repeat('0123456789', 100000)), md5(repeat('0123456789', 100000));
SELECT md5(string_agg(i::text, ',')) FROM generate_series(1, 100000) i;
\o /dev/null
SELECT i, md5(i::text) FROM generate_series(1, 100000) i;
\o
\echo :ROW_COUNT
\echo -- settings
SET statement_timeout = '20s';
SHOW statement_timeout;
RESET statement_timeout;
SHOW statement_timeout;
SET DateStyle = 'German';
SELECT date '2024-02-01';
RESET DateStyle;
SELECT date '2024-02-01';
BEGIN;
SET LOCAL work_mem = '8MB';
SHOW work_mem;
ROLLBACK;
SHOW work_mem;
SET TIME ZONE 'Asia/Tokyo';
SELECT timestamptz '2024-01-01 00:00:00+00';
RESET ALL;
SELECT set_config('application_name', 'renamed', false);
SHOW application_name;
SET statement_timeout = '100ms';
SELECT pg_sleep(10);
RESET statement_timeout;
\echo -- notify
LISTEN news;
NOTIFY news, 'the payload';
SELECT pg_notify('news', repeat('x', 100));
UNLISTEN news;
NOTIFY news, 'not heard';
\echo -- two phases
BEGIN;
INSERT INTO d_psql.t (id, name) VALUES (30, 'prepared');
PREPARE TRANSACTION 'postern-psql';
COMMIT PREPARED 'postern-psql';
SELECT name FROM d_psql.t WHERE id = 30;
\echo -- large objects
\lo_import /etc/hostname
SELECT length(lo_get(:LASTOID)) > 0;
\lo_unlink :LASTOID
DROP SCHEMA d_psql CASCADE;
\echo -- terminate
SELECT pg_terminate_backend(pg_backend_pid());
