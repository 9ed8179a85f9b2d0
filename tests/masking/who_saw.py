#!/usr/bin/python3
"""Who saw what: an agent from whom columns are masked, an analyst from whom they are not, and an administrator whose
statements nobody looks into, on a real server; the record, `audit who-saw` and `policy replay` tell which columns came out, and how."""
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
import gateway
import postgres
import process
import rawpg
import tally
from rawpg import SYNC, bind, describe, execute, parse, query

SCHEMA = """
CREATE TABLE people (id int PRIMARY KEY, name text, mail text, note text);
COMMENT ON COLUMN people.note IS 'Free text. postern: pii';
INSERT INTO people SELECT g, 'name ' || g, 'mail' || g || '@example.com', 'note' FROM generate_series(1, 20) g;
CREATE VIEW contacts AS SELECT id, upper(mail) AS address FROM people;
CREATE TABLE "Odd, one" (id int, "E.mail" text);
INSERT INTO "Odd, one" VALUES (1, 'x');
CREATE USER reader PASSWORD 'reader';
GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
"""
POLICIES = [
    {"name": "agents", "who": {"groups": ["ai-agents"]}, "allow": ["read", "bulk_out", "session", "transaction"],
     "record": {"rows": "full", "on_failure": "deny"},
     "mask": [{"columns": ["public.people.mail", '*.*."E.mail"'], "with": "redact"}]},
    {"name": "analysts", "who": {"groups": ["analysts"]}, "allow": ["read", "bulk_out", "session", "transaction"],
     "record": {"rows": "count", "on_failure": "deny"}},
    {"name": "administrators", "who": {"groups": ["dba"]}, "allow": ["all", "unknown"],
     "record": {"rows": "count", "on_failure": "deny"}},
]


class Who:
    def __init__(self, g, name, group):
        self.raw = rawpg.Raw(g.port)
        seen = self.raw.login(g.token(sub=name, groups=[group]))
        if seen[-1][0] != "Z":
            raise process.Failed(str(seen))

    def run(self, *messages):
        self.raw.send(*(query(m) if isinstance(m, str) else m for m in messages))
        answer = self.raw.read_until("Z")
        errors = [rawpg.fields(body) for kind, body in answer if kind == "E"]
        if errors:
            raise process.Failed(str(errors))

    def close(self):
        self.raw.socket.close()


def saw(g, column, *options):
    """{(principal, relation.column, state): (results, rows)} of `audit who-saw`."""
    done = g.cli("audit", "who-saw", column, "--json", *options, check=False)
    if done.returncode not in (0, 1) or done.stderr:
        raise process.Failed(done.stderr)
    sums = {}
    for line in done.stdout.splitlines():
        one = json.loads(line)
        key = one["principal"], f"{one['relation']}.{one['column']}", one["state"]
        results, rows = sums.get(key, (0, 0))
        sums[key] = results + one["results"], rows + one["rows"]
    if (done.returncode == 0) != bool(sums):
        raise process.Failed(f"exit code {done.returncode}")
    return sums


def work(g):
    for name, group in (("anna", "analysts"), ("agent", "ai-agents")):
        who = Who(g, name, group)
        who.run("SELECT id, mail FROM people WHERE id <= 3")
        who.run("SELECT id, mail FROM people WHERE id <= 4")
        who.run("SELECT count(*) FROM people")
        who.run(parse("SELECT address FROM contacts WHERE id > $1", "s"), SYNC)
        for _ in range(2):
            who.run(bind((b"15",), name="s"), describe("P"), execute(), SYNC)
        who.run("SELECT 1; SELECT mail FROM people LIMIT 6; SELECT name FROM people")
        who.run("COPY people (id, mail) TO STDOUT")
        who.run("PREPARE p AS SELECT mail FROM people WHERE id < $1")
        who.run("EXECUTE p(2)")
        who.run("EXECUTE p(3)")
        who.run("BEGIN")
        who.run("DECLARE c CURSOR FOR SELECT mail FROM people")
        who.run("FETCH 7 FROM c")
        who.run(parse("FETCH 2 FROM c"), bind(), describe("P"), execute(), SYNC)
        who.run("COMMIT")
        who.run("SELECT note FROM people LIMIT 1")
        who.run('SELECT "E.mail" FROM "Odd, one"')
        who.close()
    who = Who(g, "root", "dba")
    who.run("SELECT mail FROM people LIMIT 2")
    who.run("SELECT 1")
    who.close()


# Rows: 3 + 4, two times 5 by the view, 6, 20 copied, 1 + 2 executed, 7 + 2 fetched.
RESULTS, ROWS = 10, 7 + 10 + 6 + 20 + 3 + 9


def check_rows(t, g):
    seen = saw(g, "public.people.mail")
    t.check("who is not masked saw it clear, who is saw it masked, each by its results and rows",
            seen == {("anna", "public.people.mail", "clear"): (RESULTS, ROWS),
                     ("agent", "public.people.mail", "masked"): (RESULTS, ROWS),
                     ("root", "people.*", "untraced"): (1, 2)}, seen)
    t.check("a table's name is enough", saw(g, "people.mail") == seen)
    t.check("one may ask for one way alone", list(saw(g, "people.mail", "--state", "clear")) == [
        ("anna", "public.people.mail", "clear")])
    t.check("and for one principal", list(saw(g, "people.mail", "--principal", "agent")) == [
        ("agent", "public.people.mail", "masked")])
    t.check("nobody saw it tomorrow", saw(g, "people.mail", "--since", "2099-01-01") == {})
    tagged = saw(g, "people.note")
    t.check("a tag makes a column worth telling, masked or not", {key: tagged[key] for key in tagged if key[2] != "untraced"} == {
        ("anna", "public.people.note", "clear"): (1, 1), ("agent", "public.people.note", "clear"): (1, 1)}, tagged)
    t.check("what no mask and no tag names is not told", {key[2] for key in saw(g, "people.name")} == {"untraced"})


def check_odd(t, g):
    seen = saw(g, '"Odd, one"."E.mail"')
    t.check("names that need quotes are found with them", seen == {
        ("anna", 'public."Odd, one"."E.mail"', "clear"): (1, 1), ("agent", 'public."Odd, one"."E.mail"', "masked"): (1, 1)}, seen)


def check_sent(t, g, texts):
    """The text as it went to the server, and the marks on columns of rows."""
    sent = {n: texts["agent", f"SELECT id, mail FROM people WHERE id <= {n}"].get("sent", "") for n in (3, 4)}
    t.check("the record has the text as it was sent, with the mask in it, for each text of a template",
            all("FROM (" in s or "public.people" in s for s in sent.values()) and sent[3].endswith("id <= 3") and
            sent[4] == sent[3][:-1] + "4", sent)
    t.check("who is not masked has names with their schemas",
            "FROM public.people" in texts["anna", "SELECT id, mail FROM people WHERE id <= 3"].get("sent", ""), texts)
    t.check("a text that nobody looked into was sent as it is", "sent" not in texts["root", "SELECT mail FROM people LIMIT 2"])
    session = next(s for s in g.sessions() if g.replay(s)[0]["fields"]["principal"] == "agent")
    events = g.replay(session)
    marked = [(texts_of(events, e["run"]), [c.get("masked", False) for c in e["columns"]])
              for e in events if e["event"] == "row" and "columns" in e]
    by_text = {}
    for text, marks in marked:
        by_text.setdefault(text, set()).add(tuple(marks))
    t.check("columns of rows that a mask stands in are marked",
            by_text["SELECT id, mail FROM people WHERE id <= 3"] == {(False, True)} and
            by_text["SELECT address FROM contacts WHERE id > $1"] == {(True,)} and
            by_text["SELECT count(*) FROM people"] == {(False,)}, by_text)
    t.check("of several statements those of the one that shows it",
            by_text["SELECT 1; SELECT mail FROM people LIMIT 6; SELECT name FROM people"] == {(False,), (True,)}, by_text)
    ends = [e.get("outputs") for e in events if e["event"] == "complete" and texts_of(events, e["run"]) == "EXECUTE p(2)"]
    t.check("the end of an EXECUTE tells what its rows' columns were", ends == ["masked"], ends)


def texts_of(events, run):
    return next(e["sql"] for e in events if e["event"] == "statement" and e["run"] == run)


def check_replay(t, g):
    texts = {}
    for session in g.sessions():
        events = g.replay(session)
        name = events[0]["fields"]["principal"]
        for event in events:
            if event["event"] == "statement":
                texts[name, event["sql"]] = event
    text = "SELECT id, mail FROM people WHERE id <= 3"
    anna, agent, root = (texts[name, text if name != "root" else "SELECT mail FROM people LIMIT 2"]
                         for name in ("anna", "agent", "root"))
    t.check("a statement of the replay has the columns of its result that were clear",
            anna.get("clear") == "public.people.mail" and anna.get("outputs") == "-, clear" and "masked" not in anna, anna)
    t.check("and those that were masked",
            agent.get("masked") == "public.people.mail" and agent.get("outputs") == "-, masked" and "clear" not in agent, agent)
    t.check("where it is not known, the relations that were read", root.get("untraced") == "people", root)
    check_sent(t, g, texts)
    several = texts["agent", "SELECT 1; SELECT mail FROM people LIMIT 6; SELECT name FROM people"]
    t.check("of several statements each has its own", several.get("masked.2") == "public.people.mail" and
            "masked" not in several and "masked.3" not in several, several)
    for session in g.sessions():
        if g.replay(session)[0]["fields"]["principal"] == "anna":
            shown = g.cli("sessions", "replay", session).stdout
            t.check("people see it under the statement", "\n  clear public.people.mail\n" in shown, shown[:2000])


def check_mistakes(t, g):
    for wrong in ("people", "people.", ".mail", '"people.mail'):
        done = g.cli("audit", "who-saw", wrong, check=False)
        t.check(f"{wrong} is no column", done.returncode == 2 and "is no column" in done.stderr, done.stderr)
    done = g.cli("audit", "who-saw", "people.mail", "--state", "seen", check=False)
    t.check("a state that is none is told", done.returncode == 2 and "clear, masked and untraced" in done.stderr, done.stderr)
    shown = g.cli("audit", "who-saw", "people.*").stdout
    t.check("for a person it is a table", "CAME OUT" in shown and "public.people.mail" in shown and
            "is not known" in shown, shown)


def make_catalogue(cluster, folder):
    sql = process.run([gateway.binary(), "policy", "catalog"]).stdout
    done = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1"], input=sql, env=cluster.environment(),
                          capture_output=True, text=True, timeout=120, check=True)
    (folder / "shop.catalog").write_text(done.stdout)
    return folder / "shop.catalog"


def replay(g, folder, policies, *options):
    """(exit code, {(principal, change, columns): executions}, the sum, what a person reads)."""
    path = folder / "new.yaml"
    path.write_text(json.dumps(policies))
    done = g.cli("policy", "replay", "--json", *options, path, check=False)
    if done.returncode not in (0, 1):
        raise process.Failed(done.stderr)
    *lines, last = [json.loads(line) for line in done.stdout.splitlines()]
    sums = {}
    for one in lines:
        key = one["principal"], one["change"], one.get("columns", one.get("rule"))
        sums[key] = sums.get(key, 0) + one["executions"]
    return done.returncode, sums, last, g.cli("policy", "replay", *options, path, check=False).stdout


def check_new_policies(t, g, cluster, folder):
    catalogue = make_catalogue(cluster, folder)
    agents, analysts, administrators = POLICIES
    code, changed, last, _ = replay(g, folder, POLICIES, "--catalog", catalogue)
    t.check("policies that mask the same change nothing", code == 0 and not changed and last["masks_known"] and
            last["unchanged"] == last["statements"], (changed, last))
    mask = [{"columns": ["public.people.mail"], "with": "redact"}]
    code, changed, last, shown = replay(g, folder, [agents, {**analysts, "mask": mask}, administrators], "--catalog", catalogue)
    # What PREPARE and DECLARE make shows by EXECUTE and FETCH; the texts of those name no column.
    t.check("what would be newly masked is told, by column", changed == {
        ("anna", "masked", "public.people.mail"): 6, ("anna", "masked", "public.contacts.address, public.people.mail"): 2}
        and code == 0, changed)
    t.check("for a person too", "8 would show masks of what was not masked" in shown and "public.people.mail" in shown, shown)
    without = {key: value for key, value in agents.items() if key != "mask"}
    code, changed, last, shown = replay(g, folder, [without, analysts, administrators], "--catalog", catalogue)
    t.check("what would come out clear is told, and is a reason to stop", changed == {
        ("agent", "clear", "public.people.mail"): 6, ("agent", "clear", "public.contacts.address, public.people.mail"): 2,
        ("agent", "clear", 'public."Odd, one"."E.mail"'): 1} and code == 1, (code, changed))
    code, changed, last, _ = replay(g, folder, [{**agents, "mask": [{"columns": ["tag:pii"], "with": "null"}]}, analysts,
                                                administrators], "--catalog", catalogue)
    t.check("of one statement a column may be newly masked while another is not any more",
            changed.get(("agent", "masked", "public.people.note")) == 1 and changed.get(("agent", "clear", "public.people.mail")) == 6,
            changed)
    code, changed, last, shown = replay(g, folder, [without, analysts, administrators])
    t.check("without a catalogue masks are not compared, which is said", not last["masks_known"] and
            not any(change in ("masked", "clear") for _, change, _ in changed) and "which columns would be masked is not known" in
            shown, (changed, shown))


def main():
    t = tally.Tally()
    with process.World() as world:
        cluster = postgres.Cluster(world)
        cluster.sql(SCHEMA)
        def change(config):
            config["policies"] = POLICIES
            login = config["connections"][0]["logins"][0]
            login.update(user="reader", password="${env:READER_PASSWORD}")
        g = gateway.Gateway(world, cluster, change=change, env={"READER_PASSWORD": "reader"})
        work(g)
        g.stop()
        check_rows(t, g)
        check_odd(t, g)
        check_replay(t, g)
        check_mistakes(t, g)
        check_new_policies(t, g, cluster, world.make_folder("new"))
    t.finish()


if __name__ == "__main__":
    main()
