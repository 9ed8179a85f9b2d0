#!/usr/bin/python3
"""Approvals through ordinary drivers on a real server: an agent's statement waits, people decide through the command
line with tokens of their own, and each right end is looked at in the client, in the database and in the record."""
import asyncio
import contextlib
import json
import os
import pathlib
import socket
import sys
import threading

import asyncpg
import psycopg

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import gateway
import postgres
import process
import rawpg
import tally

POLICY = {
    "name": "agents", "who": {"groups": ["ai-agents"]}, "allow": ["all"], "trust": {"functions": ["public.*"]},
    "hold": [
        {"name": "whereless", "effects": ["delete", "update"], "where": "missing", "by": ["dba"], "expires": "10m"},
        {"name": "bulk", "effects": ["delete", "update", "write"], "by": ["dba"], "unless": {"affected_rows": "<= 5"}},
        {"name": "drops", "statements": ["DROP *"], "by": ["dba"], "approvals": 2, "reason": "required"},
        {"name": "owners", "statements": ["ALTER TABLE"], "by": ["dba"]},
        {"name": "watched", "statements": ["ALTER TABLE"], "by": ["security"], "reason": "required"},
        {"name": "short", "statements": ["TRUNCATE"], "by": ["dba"], "expires": "1s"},
    ],
}
SCHEMA = """
CREATE TABLE t (id int PRIMARY KEY, v text DEFAULT 'x');
CREATE TABLE other (id int);
CREATE TABLE noted (id serial PRIMARY KEY, what text);
CREATE TABLE log (what text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES ('t'); RETURN NULL; END $$;
CREATE TRIGGER after_delete AFTER DELETE ON noted FOR EACH STATEMENT EXECUTE FUNCTION note();
CREATE ROLE app LOGIN PASSWORD '%s';
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app;
GRANT ALL ON SCHEMA public TO app;
INSERT INTO t SELECT g FROM generate_series(1, 20) g;
""" % postgres.PASSWORD


def change(config):
    config["policies"] = [POLICY]
    config["admin"] = {"url": "https://gate.example"}
    config["limits"] = {"hold_heartbeat": "1s"}


class Held(threading.Thread):
    """A statement on a connection of its own, in a thread; its result or its error, and the notices it was told."""

    def __init__(self, world, work):
        super().__init__(daemon=True)
        self.world, self.work, self.notices, self.error, self.result = world, work, [], None, None
        self.connection = world.connect()
        self.connection.add_notice_handler(lambda d: self.notices.append((d.message_primary, d.message_detail)))
        self.start()

    def run(self):
        try:
            self.result = self.work(self.connection)
        except Exception as error:  # looked at by the test
            self.error = error

    def request(self):
        """The id that the first NOTICE names."""
        process.wait_for(lambda: self.notices or not self.is_alive(), "the notice", 60)
        if not self.notices:
            raise AssertionError(f"it did not wait: {self.result} {self.error}")
        return self.notices[-1][1].split("equest ")[-1].split(",")[0] if "equest" in self.notices[-1][1] else self.world.newest()

    def end(self):
        self.join(60)
        assert not self.is_alive(), "it still waits"
        return self


class World:
    def __init__(self, gate, cluster):
        self.gate, self.cluster = gate, cluster

    def connect(self, **options):
        options = " ".join(f"-c {k}={v}" for k, v in options.items())
        return psycopg.connect(host="127.0.0.1", port=self.gate.port, user="agent", dbname="postgres", autocommit=True,
                               options=options,
                               password=self.gate.token(sub="agent-7", groups=["ai-agents"], on_behalf_of="alice"))

    def person(self, name, group="dba", **claims):
        path = self.gate.folder / f"token-{name}"
        path.write_text(self.gate.token(sub=name, groups=[group], **claims))
        return path

    def cli(self, command, *arguments, who="carol", group="dba", **claims):
        return self.gate.cli("approvals", command, *arguments, "--token", self.person(who, group, **claims), check=False)

    def waiting(self):
        return json.loads(self.cli("list", "--json").stdout)

    def newest(self):
        return self.waiting()[0]["id"]

    def sql(self, text):
        return self.cluster.sql(text)

    def rows(self, table="t"):
        return int(self.sql(f"SELECT count(*) FROM {table}"))

    def hold(self, text, parameters=None):
        return Held(self, lambda c: c.execute(text, parameters).rowcount)

    def locks(self):
        return int(self.sql("SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.usename = 'app'"))


def approved(w):
    held = w.hold("DELETE FROM t WHERE id > %s", (10,))
    request = held.request()
    shown = w.cli("show", request).stdout
    assert w.rows() == 20 and w.locks() == 0, "something is locked or gone"
    assert "DELETE FROM t WHERE id > $1" in shown and "rows it would change: 10" in shown, shown
    process.wait_for(lambda: "still waiting" in held.notices[-1][0], "the heart-beat", 60)
    done = w.cli("approve", request)
    assert done.returncode == 0, done.stderr
    held.end()
    assert held.result == 10 and w.rows() == 10, (held.error, held.result)
    session = process.wait_for(w.gate.sessions, "the session in the index", 60)[0]
    held.connection.close()
    def states():
        return [e["fields"]["state"] for e in w.gate.replay(session) if e["event"] == "approval"]
    process.wait_for(lambda: states() == ["asked", "approved", "used"], "the record", 60)
    words = [e["words"] for e in w.gate.replay(session) if e["event"] == "approval"]
    assert words[0].startswith("asked for approval of ") and "it would change 10 rows" in words[0], words
    assert words[1].startswith("approved by ") and " vouched" in words[1], words
    assert words[2] == "used its approval: it may run now, once", words
    w.sql("INSERT INTO t SELECT g FROM generate_series(11, 20) g")


def denied(w):
    held = w.hold("DELETE FROM t")
    assert w.cli("deny", held.request(), "--reason", "not on a Friday").returncode == 0
    error = held.end().error
    assert error.sqlstate == "57014" and "denied by carol: not on a Friday" in str(error), error
    assert w.rows() == 20
    assert held.connection.execute("SELECT 1").fetchone() == (1,)


def expired(w):
    error = w.hold("TRUNCATE other").end().error
    assert error.sqlstate == "57014" and "in time" in str(error), error


def cancelled(w):
    held = w.hold("DELETE FROM t")
    request = held.request()
    held.connection.cancel()
    error = held.end().error
    assert error.sqlstate == "57014", error
    late = w.cli("approve", request)
    assert late.returncode == 1 and "withdrawn" in late.stderr, late.stderr


def disconnected(w):
    held = w.hold("DELETE FROM t")
    request = held.request()
    with socket.socket(fileno=os.dup(held.connection.pgconn.socket)) as s:
        s.shutdown(socket.SHUT_RDWR)
    process.wait_for(lambda: not w.waiting(), "the withdrawal", 60)
    late = w.cli("approve", request)
    assert late.returncode == 1 and "withdrawn" in late.stderr and w.rows() == 20, late.stderr


def changed(w):
    held = w.hold("DELETE FROM t")
    first = held.request()
    w.sql("ALTER TABLE t ADD COLUMN added int")
    assert w.cli("approve", first).returncode == 0
    process.wait_for(lambda: w.waiting() and w.newest() != first, "the second question", 60)
    assert w.rows() == 20
    assert any("Asked again" in (detail or "") for _, detail in held.notices), held.notices
    assert w.cli("deny", w.newest()).returncode == 0
    assert held.end().error.sqlstate == "57014"


def swapped(w):
    """A trigger that appears while people decide is not what they approved."""
    held = w.hold("DELETE FROM t")
    first = held.request()
    w.sql("CREATE TRIGGER t_note AFTER DELETE ON t FOR EACH STATEMENT EXECUTE FUNCTION note()")
    assert w.cli("approve", first).returncode == 0
    process.wait_for(lambda: w.waiting() and w.newest() != first, "the second question", 60)
    w.cli("deny", w.newest())
    held.end()
    w.sql("DROP TRIGGER t_note ON t")


def two_people(w):
    w.sql("CREATE TABLE doomed (); ALTER TABLE doomed OWNER TO app")
    held = w.hold("DROP TABLE doomed")
    request = held.request()
    assert "reason" in w.cli("approve", request).stderr
    assert w.cli("approve", request, "--reason", "a").returncode == 0
    assert w.cli("approve", request, "--reason", "a").returncode == 1
    assert w.cli("approve", request, "--reason", "b", who="dave").returncode == 0
    assert held.end().error is None
    assert w.sql("SELECT to_regclass('doomed')").strip() == ""


def two_rules(w):
    """Two rules with people of their own: none of them can do it alone, and neither can two of one group."""
    w.sql("CREATE TABLE wide (); ALTER TABLE wide OWNER TO app")
    held = w.hold("ALTER TABLE wide ADD COLUMN note text")
    request = held.request()
    said = next(detail for _, detail in held.notices if "Each rule" in detail)
    assert "agents/owners: somebody of dba; agents/watched: somebody of security, with a reason" in said, said
    shown = w.cli("show", request).stdout
    assert "agents/owners: somebody of dba; 1 still needed" in shown and "with a reason; 1 still needed" in shown, shown

    def waits():
        return held.is_alive() and w.sql("SELECT count(*) FROM pg_attribute WHERE attrelid = 'wide'::regclass AND attname = 'note'").strip() == "0"
    assert w.cli("approve", request).returncode == 0 and waits()
    w.cli("approve", request, "--reason", "me too", who="dave")
    assert waits(), "two of one group were enough"
    shown = w.cli("show", request).stdout
    assert "agents/owners: somebody of dba; approved" in shown and "1 still needed" in shown, shown
    assert "reason" in w.cli("approve", request, who="sue", group="security").stderr and waits()
    assert w.cli("approve", request, "--reason", "quarter's end", who="sue", group="security").returncode == 0
    assert held.end().error is None and not waits()
    asked = process.wait_for(lambda: [e for s in w.gate.sessions() for e in w.gate.replay(s) if e["event"] == "approval" and
                                      e["fields"].get("rule") == "agents/owners"], "the record", 60)
    fields = asked[0]["fields"]
    assert (fields["by"], fields["rule_2"], fields["by_2"]) == ("dba", "agents/watched", "security"), fields
    assert "of dba, and of security" in asked[0]["words"], asked[0]
    w.sql("DROP TABLE wide")


def four_eyes(w):
    held = w.hold("DELETE FROM t")
    request = held.request()
    for who, words in (("agent-7", "own"), ("alice", "behalf"), ("mallory", "groups")):
        done = w.cli("approve", request, who=who, group="dba" if who != "mallory" else "staff")
        assert done.returncode == 1 and words in done.stderr, (who, done.stderr)
    done = w.cli("approve", request, who="eve", on_behalf_of="carol")
    assert done.returncode == 1 and "Only people" in done.stderr, done.stderr
    w.cli("deny", request)
    held.end()


def at_once(w):
    held = w.hold("DELETE FROM t")
    request = held.request()
    tokens = {who: w.person(who) for who in ("carol", "dave")}
    codes = {}

    def decide(who, command):
        codes[who] = w.gate.cli("approvals", command, request, "--token", tokens[who], check=False).returncode
    threads = [threading.Thread(target=decide, args=("carol", "deny")), threading.Thread(target=decide, args=("dave", "deny"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes.values()) == [0, 1], codes
    assert held.end().error.sqlstate == "57014"


def fails_at_once(w):
    c = w.connect(**{"postern.on_hold": "fail", "postern.errors": "json"})
    text = "DELETE FROM other"
    w.sql("INSERT INTO other SELECT g FROM generate_series(1, 3) g")
    with contextlib.suppress(psycopg.Error):
        c.execute(text)
        raise AssertionError("it ran")
    try:
        c.execute(text)
    except psycopg.Error as error:
        detail = json.loads(error.diag.message_detail)
    assert error_is(detail, "approval-asked") and detail["link"].startswith("https://gate.example/approvals/"), detail
    request = detail["request"]
    assert [e["id"] for e in w.waiting()] == [request], w.waiting()
    c.close()
    w.gate.stop()
    w.gate.start()
    assert w.cli("approve", request).returncode == 0
    w.gate.stop()
    w.gate.start()
    c = w.connect(**{"postern.on_hold": "fail"})
    assert c.execute(text).rowcount == 3
    try:
        c.execute(text)
        raise AssertionError("it served twice")
    except psycopg.errors.InsufficientPrivilege:
        pass
    w.cli("deny", w.newest())


def error_is(detail, code):
    return detail["code"] == code and detail["by"] == ["dba"]


def count_is_bound(w):
    """Between the count and the approval the table grows: the approved run is undone, and asked for anew."""
    w.sql("INSERT INTO noted (what) SELECT 'a' FROM generate_series(1, 8)")
    held = w.hold("DELETE FROM noted WHERE what = 'a'")
    first = held.request()
    shown = w.cli("show", first).stdout
    assert "rows it would change: 9" in shown and "trigger after_delete on noted runs note() (plpgsql)" in shown, shown
    w.sql("INSERT INTO noted (what) VALUES ('a')")
    assert w.cli("approve", first).returncode == 0
    process.wait_for(lambda: w.waiting() and w.newest() != first, "the second question", 60)
    assert w.rows("noted") == 9
    assert w.cli("approve", w.newest()).returncode == 0
    assert held.end().result == 9 and w.rows("noted") == 0, held.error


def names_sequences(w):
    held = w.hold("INSERT INTO noted (what) SELECT 'b' FROM generate_series(1, 9)")
    shown = w.cli("show", held.request()).stdout
    assert "sequence noted_id_seq of noted" in shown, shown
    w.cli("approve", w.newest())
    assert held.end().result == 9, held.error


def within_transaction(w):
    c = w.connect()
    c.autocommit = False
    try:
        c.execute("SELECT 1")
        c.execute("DELETE FROM t")
        raise AssertionError("it ran")
    except psycopg.errors.InsufficientPrivilege as error:
        assert "open transaction" in str(error) and "by itself" in error.diag.message_hint, error
    c.rollback()


def through_asyncpg(w):
    """Prepares with a Flush, binds in binary."""
    async def work():
        c = await asyncpg.connect(host="127.0.0.1", port=w.gate.port, user="agent", database="postgres",
                                  password=w.gate.token(sub="agent-7", groups=["ai-agents"]), ssl=False)
        task = asyncio.create_task(c.execute("DELETE FROM t WHERE id > $1", 10))
        while not await asyncio.to_thread(w.waiting):
            await asyncio.sleep(0.05)
        shown = await asyncio.to_thread(lambda: w.cli("show", w.newest()).stdout)
        assert "parameter $1  10" in shown, shown
        await asyncio.to_thread(lambda: w.cli("approve", w.newest()))
        tag = await task
        await c.close()
        return tag
    assert asyncio.run(work()) == "DELETE 10"
    w.sql("INSERT INTO t (id) SELECT g FROM generate_series(11, 20) g")


def repeated(w):
    """psycopg prepares a statement that comes again by itself: each run is held."""
    c = w.connect()
    for _ in range(7):
        c.execute("DELETE FROM t WHERE id = %s", (99,))
    held = Held(w, lambda other: [other.execute("UPDATE t SET v = %s", (str(i),), prepare=True).rowcount for i in range(2)])
    seen = set()
    for _ in range(2):
        process.wait_for(lambda: {e["id"] for e in w.waiting()} - seen, "the question", 60)
        request = w.newest()
        seen.add(request)
        assert w.cli("approve", request).returncode == 0
    assert held.end().result == [20, 20], held.error


def idle_time_out(w):
    """idle_session_timeout counts from the last state change: each heart-beat is one."""
    held = w.hold("DELETE FROM t")
    request = held.request()

    def changed():
        return w.sql("SELECT max(state_change) FROM pg_stat_activity WHERE usename = 'app' AND state = 'idle'")
    for _ in range(2):
        before = changed()
        process.wait_for(lambda: changed() != before, "the heart-beat at the server", 60)
    assert w.cli("deny", request).returncode == 0
    held.end()


def stopped(w):
    held = w.hold("DELETE FROM t")
    held.request()
    assert w.gate.stop() == 0
    assert held.end().error is not None
    w.gate.start()
    assert w.rows() == 20 and not w.waiting()


def recorded(w):
    good, said = w.gate.verify()
    assert good, said


def main():
    t = tally.Tally()
    with process.World() as world:
        cluster = postgres.Cluster(world)
        cluster.sql(SCHEMA)
        gate = gateway.Gateway(world, cluster, change=change, user="app")
        w = World(gate, cluster)
        for fact, function in (
                ("an approved statement's driver gets its result, and the record shows the chain of custody", approved),
                ("what is denied is refused with who and why, and the session goes on", denied),
                ("what nobody decides expires", expired),
                ("a driver's cancel withdraws", cancelled),
                ("a client that disconnects withdraws", disconnected),
                ("a table that changed while people decided is asked about anew", changed),
                ("so is a trigger that appeared", swapped),
                ("two people approve where the rule wants two, each with a reason", two_people),
                ("where two rules hold it, each wants its own people", two_rules),
                ("nobody decides on what they asked for, or what was asked for them, nor a machine", four_eyes),
                ("of two at once one decides", at_once),
                ("on_hold = fail answers at once, outlives restarts, and serves once", fails_at_once),
                ("a count is bound: what changes more is asked for anew", count_is_bound),
                ("sequences that a trial moved are named", names_sequences),
                ("an open transaction is refused with what to do", within_transaction),
                ("asyncpg's binary parameters are shown and bound", through_asyncpg),
                ("a prepared statement is held each time it runs", repeated),
                ("the server's idle time-out does not end what waits", idle_time_out),
                ("the gateway's end withdraws what waits", stopped),
                ("the record verifies", recorded)):
            if len(sys.argv) < 2 or sys.argv[1] in function.__name__:
                t.run(fact, function, w)
    t.finish()


if __name__ == "__main__":
    main()
