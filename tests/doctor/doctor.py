#!/usr/bin/python3
"""`postern doctor` on a real server: what it finds, that what mends it does, and that what was allowed before
still works. Each check of the table has a case here.

usage: tests/doctor/doctor.py"""
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "lib"))
import gateway
import postgres
import process
import tally

TABLE = ROOT / "src" / "app" / "doctor-checks.def"
PASSWORD = postgres.PASSWORD
HBA = """local all all scram-sha-256
host all old 127.0.0.1/32 md5
host all unasked 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
"""
ROLES = f"""
CREATE ROLE app LOGIN PASSWORD '{PASSWORD}' CREATEROLE REPLICATION BYPASSRLS CREATEDB;
CREATE ROLE boss SUPERUSER; CREATE ROLE middle; GRANT boss TO middle; GRANT middle TO app;
CREATE ROLE mighty CREATEROLE CREATEDB; GRANT mighty TO app;
GRANT pg_read_server_files, pg_signal_backend TO app;
CREATE ROLE team; GRANT team TO app WITH ADMIN OPTION;
CREATE ROLE friend LOGIN; GRANT app TO friend;
CREATE ROLE helper; CREATE ROLE giver;
CREATE ROLE unasked LOGIN CONNECTION LIMIT 9;
SET password_encryption = md5; CREATE ROLE old LOGIN PASSWORD '{PASSWORD}' CONNECTION LIMIT 9; RESET password_encryption;
CREATE ROLE modest LOGIN PASSWORD '{PASSWORD}' CONNECTION LIMIT 9;
ALTER ROLE modest SET statement_timeout = '1min'; ALTER ROLE modest SET idle_in_transaction_session_timeout = '1min';
"""
# Things in the database orders. What is in the schema mine belongs to the role.
FIXTURE = """
ALTER DATABASE orders OWNER TO app;
CREATE SCHEMA mine AUTHORIZATION app; CREATE SCHEMA theirs; CREATE SCHEMA open; CREATE SCHEMA tools;
GRANT USAGE ON SCHEMA theirs, open, tools TO PUBLIC;
SET ROLE app;
CREATE TABLE mine.parent (id serial PRIMARY KEY, what text);
CREATE TABLE mine.child (id int GENERATED ALWAYS AS IDENTITY, parent int REFERENCES mine.parent ON DELETE CASCADE);
CREATE VIEW mine.look AS SELECT what FROM mine.parent;
CREATE MATERIALIZED VIEW mine.kept AS SELECT 1 AS a;
CREATE SEQUENCE mine.numbers;
CREATE TABLE mine.parts (a int) PARTITION BY LIST (a);
CREATE FUNCTION mine.f(a int, b text[] DEFAULT NULL) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE mine.p(INOUT a int) LANGUAGE sql AS 'SELECT 1'; REVOKE EXECUTE ON PROCEDURE mine.p FROM PUBLIC;
CREATE AGGREGATE mine.total(int) (SFUNC = int4pl, STYPE = int);
CREATE TYPE mine.colour AS ENUM ('red'); CREATE DOMAIN mine.word AS text; CREATE TYPE mine.pair AS (a int);
RESET ROLE;
CREATE PUBLICATION news; ALTER PUBLICATION news OWNER TO app;
SELECT lo_create(4711); ALTER LARGE OBJECT 4711 OWNER TO app;
CREATE TABLE theirs.t (id int PRIMARY KEY, what text); CREATE SEQUENCE theirs.seq;
GRANT CREATE ON SCHEMA open TO PUBLIC;
GRANT CREATE ON SCHEMA open TO giver WITH GRANT OPTION;
SET ROLE giver; GRANT CREATE ON SCHEMA open TO app; RESET ROLE;
GRANT CREATE ON DATABASE orders TO PUBLIC;
GRANT SELECT ON theirs.t TO app WITH GRANT OPTION;
SET ROLE app; GRANT SELECT ON theirs.t TO friend; RESET ROLE;
GRANT TRIGGER, REFERENCES ON theirs.t TO team;
GRANT ALL ON SEQUENCE theirs.seq TO app;
GRANT INSERT, UPDATE ON theirs.t TO PUBLIC;
GRANT SELECT ON pg_authid TO app; GRANT SELECT (subconninfo) ON pg_subscription TO PUBLIC;
GRANT EXECUTE ON FUNCTION pg_read_file(text) TO PUBLIC;
GRANT SET, ALTER SYSTEM ON PARAMETER session_replication_role TO app;
ALTER DEFAULT PRIVILEGES IN SCHEMA theirs GRANT SELECT ON TABLES TO PUBLIC;
CREATE FUNCTION tools.as_root(int) RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = pg_temp AS 'SELECT 1';
CREATE FUNCTION tools.as_helper(varchar) RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = pg_temp AS 'SELECT 1';
ALTER FUNCTION tools.as_helper OWNER TO helper;
CREATE FUNCTION tools.ours() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION tools.ours OWNER TO app;
CREATE FUNCTION theirs.root() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = pg_temp AS 'SELECT 1';
CREATE FUNCTION theirs.no_path() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
CREATE FUNCTION theirs.temp_first() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = theirs, "Odd, one" AS 'SELECT 1';
CREATE FUNCTION theirs.empty_path() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = '' AS 'SELECT 1';
ALTER FUNCTION theirs.no_path OWNER TO helper; ALTER FUNCTION theirs.temp_first OWNER TO helper;
ALTER FUNCTION theirs.empty_path OWNER TO helper;
CREATE EXTENSION dblink SCHEMA theirs; CREATE EXTENSION tablefunc SCHEMA theirs; CREATE EXTENSION hstore SCHEMA theirs;
CREATE FUNCTION theirs.length(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION theirs.near(int, int) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR theirs.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = theirs.near);
CREATE FUNCTION tools.like(int, int) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR tools.~~~ (LEFTARG = int, RIGHTARG = int, FUNCTION = tools.like);
ALTER OPERATOR tools.~~~ (int, int) OWNER TO app; ALTER FUNCTION tools.like OWNER TO app;
CREATE TABLE theirs.rows (who text); ALTER TABLE theirs.rows ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON theirs.rows USING (who = current_user);
CREATE VIEW theirs.all_rows AS SELECT * FROM theirs.rows; GRANT SELECT ON theirs.rows, theirs.all_rows TO app;
CREATE TYPE theirs.box AS (a int);
CREATE FUNCTION theirs.boxed(int) RETURNS theirs.box LANGUAGE sql AS 'SELECT ROW($1)::theirs.box';
CREATE CAST (int AS theirs.box) WITH FUNCTION theirs.boxed(int) AS ASSIGNMENT;
CREATE FUNCTION theirs.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION theirs.on_ddl();
CREATE TABLE theirs.ruled (a int); CREATE RULE r AS ON INSERT TO theirs.ruled DO ALSO NOTHING;
CREATE EXTENSION file_fdw; GRANT USAGE ON FOREIGN DATA WRAPPER file_fdw TO app;
CREATE EXTENSION postgres_fdw; CREATE SERVER away FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1');
GRANT USAGE ON FOREIGN SERVER away TO PUBLIC;
CREATE USER MAPPING FOR app SERVER away OPTIONS (user 'x', password 'y');
CREATE SERVER own_server FOREIGN DATA WRAPPER postgres_fdw; ALTER SERVER own_server OWNER TO app;
ALTER ROLE app IN DATABASE orders SET session_replication_role = replica;
ALTER DATABASE orders SET standard_conforming_strings = off; ALTER ROLE ALL SET row_security = off;
ALTER SYSTEM SET password_encryption = 'md5';
ALTER SYSTEM SET track_counts = off;
SELECT pg_reload_conf();
"""
# Check → what its objects must say, each a part of one.
EXPECTED = {
    "becomes-superuser": ["boss, through middle"],
    "role-createrole": ["app"], "role-replication": ["app"], "role-bypassrls": ["app"], "role-createdb": ["app"],
    "becomes-powerful": ["mighty (CREATEROLE, CREATEDB), through mighty"],
    "role-server-access": ["pg_read_server_files"], "role-predefined": ["pg_signal_backend"],
    "role-admin": ["team, as app"], "role-members": ["friend"], "role-limit": ["app"],
    "owns-database": ["orders, as app"], "owns-schema": ["mine, as app"],
    "owns-relation": ["table mine.parent", "table mine.child", "view mine.look", "materialised view mine.kept",
                      "sequence mine.numbers", "partitioned table mine.parts"],
    "owns-routine": ["mine.f(integer, text[])", "mine.p(integer)", "mine.total(integer)", "tools.ours()"],
    "owns-more": ["TYPE mine.colour", "TYPE mine.word", "TYPE mine.pair", "SERVER own_server", "PUBLICATION news",
                  "LARGE OBJECT 4711", "OPERATOR tools.~~~(integer,integer)"],
    "create-schema": ["open, through PUBLIC", "open, through app"],
    "create-database": ["orders, through PUBLIC"], "temporary": ["orders, through PUBLIC"],
    "grant-option": ["TABLE theirs.t, as app"], "trigger-privilege": ["theirs.t, through team"],
    "sequence-update": ["theirs.seq, through app"], "public-writes": ["theirs.t: INSERT, UPDATE"],
    "system-relation": ["SELECT on pg_catalog.pg_authid, through app",
                        "SELECT (subconninfo) on pg_catalog.pg_subscription, through PUBLIC"],
    "system-function": ["pg_catalog.pg_read_file(text), through PUBLIC"],
    "parameter": ["ALTER SYSTEM on session_replication_role, through app", "SET on session_replication_role"],
    "default-privileges": ["SELECT on TABLES of postgres IN SCHEMA theirs"],
    "default-execute": ["those of app", "those of postgres"],
    "definer-regarded-superuser": ['policy "p" trusts tools.as_root(integer), which runs as postgres'],
    "definer-regarded": ['policy "q" allows calls of tools.as_helper(character varying), which runs as helper'],
    "regarded-replaceable": ['policy "p" trusts tools.ours(), which app owns', 'tools."like"(integer, integer)'],
    "regarded-operator": ['policy "p" trusts tools.~~~(integer,integer), which app owns'],
    "view-bypasses": ["theirs.all_rows, of theirs.rows"],
    "regarded-schema": ['policy "p" trusts whatever is in open'],
    "definer-superuser": ["theirs.root(), as postgres, through PUBLIC"],
    "definer-path": ["theirs.no_path(), as helper"],
    "definer-temp": ["theirs.temp_first(), as helper", "theirs.empty_path()"],
    "reaches-out": ["theirs.dblink_connect(text), of dblink"],
    "untrusted-language": ["theirs.connectby(", "in c"],
    "language": ["plpgsql"], "text-function": ["pg_catalog.query_to_xml(", "pg_catalog.lo_unlink(", "ts_rewrite(tsquery, text)"],
    "shadow-function": ["theirs.length(integer)"],
    "shadow-operator": ["theirs.===(integer,integer), by theirs.near", "the cast from integer to theirs.box"],
    "event-trigger": ["watch, by theirs.on_ddl()"], "rule": ["r on theirs.ruled"],
    "foreign-wrapper": ["with file_fdw"], "foreign-server": ["away, whose password it sees"],
    "setting-danger": ["session_replication_role = replica, by ALTER ROLE app IN DATABASE orders"],
    "setting-role": ["standard_conforming_strings = off, by ALTER DATABASE orders", "row_security = off, by ALTER ROLE ALL"],
    "setting-server": ["password_encryption = md5"], "track-counts": ["track_counts = off"],
    "timeout-idle": ["app"], "timeout-statement": ["app"],
}
# What undermines masks, in a database of its own, and which of it is mended by SQL.
MASKS = {"mask-check": ["rich of public.people reads pay"], "mask-trigger": ["watch on public.people reads pay"],
         "mask-row-security": ["own on public.people reads mail"], "mask-partition": ["public.parts, by mail", "public.odd, by mail"],
         "mask-unique": ["public.people.nick"],
         "mask-unique-beside": ["public.pairs.mail, by pairs_mail_id_key", "public.pairs.mail, by some_pairs"],
         "mask-reference": ["public.notes.who refers to public.people.nick, by notes_who_fkey"],
         "mask-foreign": ["public.copies.address is public.people.mail of away, through modest"],
         "mask-published": ["public.people.mail, by news", "public.people.nick, by news", "public.people.pay, by news",
                            "public.people.mail, by inside", "public.people.pay, by inside"],
         "mask-trusted": ['policy "v" trusts public.looks(integer)'],
         "mask-statements": ["public.pg_stat_statements, through PUBLIC"],
         "mask-readable": ["public.people.nick, through modest", 'public."odd\'s".mail, through PUBLIC',
                           'public."odd\'s".mail, through modest', 'public."odd\'s".nick, through PUBLIC',
                           'public."odd\'s".nick, through modest'],
         "mask-view": ["public.directory reads public.people.mail, through modest",
                                                               "public.directory reads public.people.pay, through modest"]}
MASKED = """
CREATE TABLE people (id int PRIMARY KEY, mail text, pay int, cap int, nick text UNIQUE, name text,
                     CONSTRAINT rich CHECK (pay < cap), CONSTRAINT alone CHECK (pay > 0), CONSTRAINT clear CHECK (cap < id));
COMMENT ON COLUMN people.pay IS 'What somebody earns. postern: x, money';
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER watch BEFORE UPDATE ON people FOR EACH ROW WHEN (new.pay > 10) EXECUTE FUNCTION noted();
CREATE TRIGGER every BEFORE UPDATE ON people FOR EACH ROW WHEN (new.cap > 10) EXECUTE FUNCTION noted();
ALTER TABLE people ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON people USING (mail = current_user); CREATE POLICY small ON people USING (cap < 9);
CREATE TABLE parts (mail text, id int) PARTITION BY LIST (mail); CREATE TABLE fine (mail text, id int) PARTITION BY LIST (id);
CREATE TABLE odd (mail text) PARTITION BY LIST (lower(mail));
CREATE VIEW directory AS SELECT name, mail, pay FROM people; CREATE VIEW harmless AS SELECT name FROM people;
CREATE VIEW fair AS SELECT nick FROM people; CREATE VIEW closed AS SELECT mail FROM people;
GRANT SELECT (id, name, nick) ON people TO modest; GRANT SELECT ON directory, harmless, fair TO modest;
CREATE TABLE pairs (mail text, id int, part text, UNIQUE (mail, id)); CREATE UNIQUE INDEX some_pairs ON pairs (id) WHERE lower(mail) > 'a';
CREATE TABLE notes (who text REFERENCES people (nick), pay int); CREATE TABLE veiled_notes (mail text REFERENCES people (nick));
CREATE EXTENSION postgres_fdw; CREATE SERVER away FOREIGN DATA WRAPPER postgres_fdw;
CREATE FOREIGN TABLE copies (address text OPTIONS (column_name 'mail'), id int) SERVER away OPTIONS (schema_name 'public', table_name 'people');
CREATE FOREIGN TABLE other (mail text) SERVER away OPTIONS (table_name 'people'); GRANT SELECT ON copies TO modest;
CREATE PUBLICATION news FOR TABLE people; CREATE PUBLICATION inside FOR TABLE people (id, mail, pay); CREATE PUBLICATION fair FOR TABLE people (id);
CREATE FUNCTION looks(int) RETURNS text STABLE LANGUAGE sql AS 'SELECT mail FROM people WHERE id = $1';
CREATE FUNCTION sums(int, int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + $2';
CREATE EXTENSION pg_stat_statements;
CREATE TABLE "odd's" (id int, mail text, "it's" int, nick text); GRANT SELECT ON "odd's" TO modest, PUBLIC;
"""
ELSEWHERE = {*MASKS, "role-superuser", "role-bootstrap", "login-open", "login-md5", "around-the-gate"}
NOT_HERE = {"login-clear": "the server is on a loopback address", "version-old": "the server is PostgreSQL 15",
            "version-new": "the server is PostgreSQL 15"}
# What the role did with its own before, and must be able to do afterwards.
WORK = """
INSERT INTO mine.parent (what) VALUES ('a') RETURNING id;
INSERT INTO mine.child (parent) SELECT id FROM mine.parent;
UPDATE mine.parent SET what = 'b'; SELECT what FROM mine.look; SELECT * FROM mine.kept; SELECT nextval('mine.numbers');
SELECT mine.f(1), mine.total(a) FROM mine.kept; CALL mine.p(1); SELECT nextval('theirs.seq'); SELECT count(*) FROM theirs.t;
DELETE FROM mine.parent;
"""


def configure(config):
    source = config["connections"][0]["logins"][0]["password"]
    config["connections"] = [
        {"name": "orders", "via": "direct", "target": {**config["connections"][0]["target"], "database": "orders"},
         "logins": [{"name": "rw", "user": "app", "password": source}]},
        {"name": "old", "via": "direct", "target": {**config["connections"][0]["target"], "database": "orders"},
         "logins": [{"name": "old", "user": "old", "password": source}, {"name": "unasked", "user": "unasked"}]},
        {"name": "modest", "via": "direct", "target": {**config["connections"][0]["target"], "database": "bare"},
         "logins": [{"name": "ro", "user": "modest", "password": source}]},
        {"name": "root", "via": "direct", "target": {**config["connections"][0]["target"], "database": "bare"},
         "logins": [{"name": "root", "user": "postgres", "password": source}]},
        {"name": "served", "via": "direct", "databases": ["b*", "gone"], "target": config["connections"][0]["target"],
         "logins": [{"name": "ro", "user": "modest", "password": source}]},
        {"name": "veiled", "via": "direct", "target": {**config["connections"][0]["target"], "database": "veiled"},
         "logins": [{"name": "ro", "user": "modest", "password": source}]},
    ]
    config["policies"] = [
        {"name": "p", "who": "any", "on": {"connections": ["orders"]}, "allow": ["read"],
         "trust": {"functions": ["tools.as_root(int)", "tools.ours", "open.*", "tools.~~~(int, int)"]}, "limits": {"affected_rows": 10}},
        {"name": "q", "who": "any", "on": {"connections": ["orders"]},
         "allow": [{"effects": ["procedure"], "functions": ["tools.as_helper"]}]},
        {"name": "r", "who": "any", "on": {"connections": ["old", "modest"]}, "allow": ["all"]},
        {"name": "v", "who": "any", "on": {"connections": ["veiled"]}, "allow": ["all"],
         "mask": [{"columns": ["*.*.mail", "tag:money"], "with": "redact"},
                  {"columns": ["*.*.nick"], "with": "redact", "write": "allow"}],
         "trust": {"functions": ["public.looks", "public.sums"]}},
    ]


class Ward:
    """A cluster, a configuration, and the doctor."""

    def __init__(self, world):
        self.cluster = postgres.Cluster(world, hba=HBA)
        self.gateway = gateway.Gateway(world, self.cluster, change=configure, start=False)
        self.run_sql("CREATE DATABASE orders; CREATE DATABASE bare; CREATE DATABASE veiled;", "postgres")

    def run_sql(self, text, database="orders", user="postgres", check=True):
        """A script, a statement at a time; gives back what psql did."""
        done = subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-f", "-"], input=text, text=True, timeout=900,
                              capture_output=True, env=self.cluster.environment(database, user))
        if check and done.returncode:
            raise process.Failed(f"{text}\n{done.stdout}{done.stderr}")
        return done

    def doctor(self, *words):
        return self.gateway.cli("doctor", *words, check=False, timeout=900)

    def find(self, *words):
        """(findings by check, exit code)"""
        done = self.doctor("--json", *words)
        found = {}
        for line in done.stdout.splitlines():
            one = json.loads(line)
            found.setdefault(one.get("check", "nothing"), []).append(one)
        return found, done.returncode

    def reload(self):
        self.cluster.reload()

    def write_hba(self, text):
        self.hba = text
        (self.cluster.data / "pg_hba.conf").write_text(text)
        self.reload()


def ids():
    return re.findall(r'^DOCTOR_CHECK\("([a-z0-9-]+)"', TABLE.read_text(), re.M)


def healthy(t, ward):
    done = ward.doctor("modest", "--least", "warning")
    t.check("a role that has little is found well", done.returncode == 0 and
            done.stdout.splitlines()[-1].startswith("0 critical findings, 0 warnings, "), done.stdout + done.stderr)
    found, code = ward.find("modest")
    t.check("notes weigh nothing", code == 0 and found and {one["severity"] for many in found.values() for one in many}
            == {"note"}, found)
    found, code = ward.find("served")
    t.check("a connection for patterns is looked at in the databases that match", code == 0 and
            {one["database"] for many in found.values() for one in many} == {"bare"}, found)
    t.check("a database can be chosen", ward.doctor("served", "--database", "bare").returncode == 0)
    t.check("one that nobody serves is said", ward.doctor("served", "--database", "orders").returncode == 2)
    found, code = ward.find("served", "--database", "gone")
    t.check("what is not there could not be looked at", code == 2 and found["nothing"][0]["severity"] == "unknown"
            and "3D000" in found["nothing"][0]["problem"], found)
    done = ward.doctor("nobody")
    t.check("a connection that is not there is said", done.returncode == 2 and '"nobody"' in done.stderr, done.stderr)
    t.check("so is a severity", ward.doctor("--least", "heavy").returncode == 2)
    password = ward.cluster.home / "password"
    kept = password.read_text()
    password.write_text("wrong")
    done = ward.doctor("modest")
    t.check("a wrong password could not look", done.returncode == 2 and "28P01" in done.stdout, done.stdout)
    t.check("and is told nowhere", "wrong" not in done.stdout + done.stderr)
    password.write_text(kept)
    t.check("nothing is left behind in the data folder", not ward.gateway.data.exists())


def cases(t, ward):
    covered = set(EXPECTED) | ELSEWHERE | set(NOT_HERE)
    t.check("every check has a case", covered == set(ids()), covered ^ set(ids()))
    for check, why in NOT_HERE.items():
        t.skip(f"{check} finds what it looks for", why)
    ward.run_sql(FIXTURE)
    found, code = ward.find("orders")
    t.check("findings of weight are an exit code", code == 1, found.get("nothing"))
    t.check("everything could be looked at", not any(one["severity"] == "unknown" for many in found.values() for one in many),
            [one for many in found.values() for one in many if one["severity"] == "unknown"])
    for check, parts in EXPECTED.items():
        objects = [one["object"] for one in found.get(check, [])]
        t.check(f"{check} finds what it looks for", all(any(part in o for o in objects) for part in parts), objects)
    t.check("harmless extensions are not found", not any("hstore" in one["object"] for one in found["untrusted-language"]))
    t.check("what the role has by being PUBLIC in the system is not found",
            len(found["system-relation"]) == 2 and len(found["system-function"]) == 1, found["system-relation"])
    text = ward.doctor("orders").stdout
    t.check("people are told the same", all(f"[{check}]" in text for check in EXPECTED), text)
    t.check("in the order of weight", text.index("\ncritical: ") < text.index("\nwarning: ") < text.index("\nnote: ") and
            text.rindex("\ncritical: ") < text.index("\nwarning: "))
    least = ward.doctor("orders", "--least", "critical").stdout
    t.check("light findings can be left out", "\nwarning: " not in least and "\nnote: " not in least)
    return found


def mend(t, ward, found):
    """Each of what mends, one by one in their order; then nothing is there any more."""
    ward.run_sql(WORK, user="app")
    for check, many in found.items():
        broken = []
        for one in many:
            done = ward.run_sql(one.get("before", "") + one["mend"], check=False)
            if done.returncode:
                broken.append((one["mend"], done.stderr))
        t.check(f"what mends {check} is SQL that runs", not broken, broken)
    ward.reload()
    again, code = ward.find("orders")
    for check in EXPECTED:
        t.check(f"what mends {check} mends it", check not in again, again.get(check))
    t.check("then the doctor is content", code == 0 and not again, again)
    done = ward.run_sql(WORK, user="app", check=False)
    t.check("and the role can still do its work", done.returncode == 0, done.stderr)
    done = ward.run_sql("ALTER TABLE mine.parent ADD x int", user="app", check=False)
    t.check("but no more than that", "must be owner" in done.stderr, done.stderr)


def masked(t, ward):
    """What undermines masks is found where a policy masks, and nothing beside it."""
    ward.run_sql(MASKED, database="veiled")
    found, _ = ward.find("veiled")
    t.check("what undermines masks could be looked at", "nothing" not in found and
            not any(one["severity"] == "unknown" for many in found.values() for one in many),
            [one for many in found.values() for one in many if one["severity"] == "unknown"])
    for check, objects in MASKS.items():
        t.check(f"{check} finds what it looks for, and no more",
                sorted(one.get("object", "") for one in found.get(check, [])) == sorted(objects), found.get(check))
    mended = {check for check in MASKS if found.get(check, [{}])[0].get("place") == "sql"}
    for check in MASKS:
        for one in found.get(check, []) if check in mended else []:
            ward.run_sql(one["mend"], database="veiled")
    again, _ = ward.find("veiled")
    t.check("what mends it mends it", len(mended) == 7 and mended & set(again) == {"mask-view"}, (mended, again))
    t.check("a view shows what the role may not read any more", [one["object"] for one in again["mask-view"]] == [
        "public.fair reads public.people.nick, through modest"], again["mask-view"])
    ward.run_sql(again["mask-view"][0]["mend"], database="veiled")
    done = ward.run_sql("""SELECT id, "it's" FROM "odd's\"""", database="veiled", user="modest", check=False)
    t.check("what is clear can still be read", done.returncode == 0, done.stderr)
    done = ward.run_sql("""SELECT nick FROM "odd's\"""", database="veiled", user="modest", check=False)
    t.check("and what is masked cannot", "permission denied" in done.stderr, done.stderr)
    again, _ = ward.find("veiled")
    t.check("then nothing is left that SQL mends", not mended & set(again), again)
    ward.gateway.config["policies"][-1]["mode"] = "observe"
    ward.gateway.write()
    found, _ = ward.find("veiled")
    t.check("nothing undermines masks that are only observed", not set(MASKS) & set(found), found)


def superusers(t, ward):
    found, code = ward.find("root")
    t.check("the cluster's own superuser is found, and nothing that hangs on it", code == 1 and
            {c for c, many in found.items() if many[0]["severity"] != "note"} == {"role-bootstrap"}, found)
    ward.run_sql(found["role-bootstrap"][0]["mend"], "bare")
    ward.run_sql(f"ALTER ROLE postern_bare PASSWORD '{PASSWORD}'", "bare")
    config = ward.gateway.config["connections"][3]
    config["logins"][0]["user"] = "postern_bare"
    ward.gateway.write()
    found, code = ward.find("root")
    t.check("with the role that was made instead it is not", code == 0 and "role-bootstrap" not in found, found)
    ward.run_sql("ALTER ROLE postern_bare SUPERUSER", "bare")
    found, code = ward.find("root")
    t.check("another superuser is found", code == 1 and found["role-superuser"][0]["object"] == "postern_bare", found)
    ward.run_sql(found["role-superuser"][0]["mend"], "bare")
    found, code = ward.find("root")
    t.check("and mended", code == 0 and "role-superuser" not in found, found)


def logins(t, ward):
    found, code = ward.find("old")
    t.check("a password kept as MD5 is found", [one["role"] for one in found["login-md5"]] == ["old"], found["login-md5"])
    t.check("a role that comes in unasked is found", [one["role"] for one in found["login-open"]] == ["unasked"],
            found.get("login-open"))
    ward.run_sql(found["login-md5"][0]["mend"])
    ward.reload()
    ward.run_sql(f"ALTER ROLE old PASSWORD '{PASSWORD}'; ALTER ROLE unasked PASSWORD '{PASSWORD}'")
    ward.write_hba(found["login-open"][0]["mend"] + "\n" + HBA)
    _, code = ward.find("old")
    t.check("with its line in pg_hba.conf it does not come in unasked", code == 2)
    logins = ward.gateway.config["connections"][1]["logins"]
    logins[1]["password"] = logins[0]["password"]
    ward.gateway.write()
    found, _ = ward.find("old")
    t.check("and both are mended with their passwords", not {"login-md5", "login-open", "nothing"} & set(found), found)
    around = subprocess.Popen(["psql", "-XqAt", "-c", "SELECT pg_sleep(3600)"], stdin=subprocess.DEVNULL,
                              env={**ward.cluster.environment("orders", "old"), "PGHOST": str(ward.cluster.home)},
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        process.wait_for(lambda: "around-the-gate" in ward.find("old")[0], "the session around the gate")
        found, code = ward.find("old")
        t.check("a session around the gate is found", code == 1 and "from a Unix socket" in
                found["around-the-gate"][0]["object"], found["around-the-gate"])
    finally:
        process.stop(around)
        ward.run_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'old'")
    ward.write_hba(found["around-the-gate"][0]["mend"] + "\n" + ward.hba)
    again = process.run(["psql", "-XqAt", "-c", "SELECT 1"], check=False,
                        env={**ward.cluster.environment("orders", "old"), "PGHOST": str(ward.cluster.home)})
    found, _ = ward.find("old")
    t.check("with its lines in pg_hba.conf nobody comes in around it, and the gateway does", again.returncode and
            not {"around-the-gate", "nothing"} & set(found), (again.stderr, found.get("nothing")))


NASTY = ['we"ird', "a; DROP TABLE theirs.canary; --", "line\nDROP TABLE theirs.canary; --", "$$x$$", "back\\slash",
         "\u202eturned", "Ünïcode", "\x1b[2Jcleared", "😀", "select", "tab\there", "it's"]


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def hostile(t, ward):
    """Names that want to be SQL, or to look like something else; the whole script, as a person would run it."""
    nasty_role = 'o"wner\n; DROP TABLE theirs.canary; --'
    ward.run_sql("CREATE TABLE theirs.canary (a int);" +
                 f"CREATE ROLE {quoted(nasty_role)} LOGIN PASSWORD '{PASSWORD}' CREATEDB;" + "".join(
        f"CREATE SCHEMA {quoted(name)} AUTHORIZATION {quoted(nasty_role)};"
        f"CREATE TYPE {quoted(name)}.{quoted(name)} AS ENUM ('a');"
        f"CREATE TABLE {quoted(name)}.{quoted('t' + name)} ({quoted(name)} serial PRIMARY KEY);"
        f"ALTER TABLE {quoted(name)}.{quoted('t' + name)} OWNER TO {quoted(nasty_role)};"
        f"CREATE FUNCTION {quoted(name)}.{quoted(name)}(a {quoted(name)}.{quoted(name)}[]) RETURNS int LANGUAGE sql "
        f"SECURITY DEFINER SET search_path = {quoted(name)} AS 'SELECT 1';"
        f"ALTER FUNCTION {quoted(name)}.{quoted(name)} OWNER TO helper;"
        f"GRANT EXECUTE ON FUNCTION {quoted(name)}.{quoted(name)} TO PUBLIC; GRANT CREATE ON SCHEMA {quoted(name)} TO PUBLIC;" for name in NASTY))
    ward.run_sql(f"ALTER ROLE {quoted(nasty_role)} SET role = 'team'; GRANT team TO {quoted(nasty_role)}")
    connection = ward.gateway.config["connections"][2]
    connection["target"] = {**connection["target"], "database": "orders"}
    connection["logins"][0]["user"] = nasty_role
    ward.gateway.write()
    found, code = ward.find("modest")
    t.check("hostile names hide nothing", code == 1 and len(found["owns-schema"]) == len(NASTY) and
            len(found["owns-relation"]) == len(NASTY) and len(found["create-schema"]) >= len(NASTY) and
            len(found["definer-temp"]) == len(NASTY), {c: len(many) for c, many in found.items()})
    t.check("a role that every session becomes is found", "role = team" in found["setting-danger"][0]["object"], found)
    text = ward.doctor("modest", "--all").stdout
    strange = {c for c in text if ord(c) < 0x20 and c != "\n" or 0x7f <= ord(c) < 0xa0 or c == "\u202e"}
    t.check("nothing in the text moves a terminal", not strange, strange)
    script = ward.doctor("modest", "--sql").stdout
    strange = {c for c in script if ord(c) < 0x20 and c != "\n" or 0x7f <= ord(c) < 0xa0 or c == "\u202e"}
    t.check("nor in the script", not strange and not re.search("^DROP", script, re.M), strange)
    done = ward.run_sql(script, check=False)
    t.check("the script runs as it is", done.returncode == 0, done.stderr)
    t.check("and did what it says alone", ward.run_sql("SELECT count(*) FROM theirs.canary").stdout == "0\n")
    again, code = ward.find("modest")
    t.check("and all is mended", code == 0 and not again, again)


def main():
    t = tally.Tally()
    with process.World() as world:
        ward = Ward(world)
        ward.run_sql(ROLES)
        healthy(t, ward)
        masked(t, ward)
        found = cases(t, ward)
        mend(t, ward, found)
        superusers(t, ward)
        logins(t, ward)
        hostile(t, ward)
    t.finish()


if __name__ == "__main__":
    main()
