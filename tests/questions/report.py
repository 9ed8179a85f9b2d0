#!/usr/bin/python3
"""`audit report` and the documented views: a small week of a gateway, where the test knows who did what. Each figure is
compared with that, asked again by the SQL that the report itself names, and by the command that it names; the files are
read as a stranger reads them. And the filters of `audit search` and of the API, all at once."""
import csv
import html.parser
import io
import json
import pathlib
import re
import shlex
import signal
import sqlite3
import sys
import threading

import psycopg

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
import gateway
import postgres
import process
import tally
import web

HOSTILE = '=cmd|"/C calc"!A0<script>alert(1)</script>'
SCHEMA = """
CREATE TABLE people (id int PRIMARY KEY, name text, mail text);
COMMENT ON COLUMN people.mail IS 'postern: pii';
INSERT INTO people SELECT g, 'n' || g, 'm' || g || '@example.com' FROM generate_series(1, 20) g;
CREATE TABLE orders (id int PRIMARY KEY, people int);
INSERT INTO orders SELECT g, g FROM generate_series(1, 30) g;
CREATE USER app PASSWORD 'app';
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
"""
RECORD = {"rows": "full", "on_failure": "deny"}
AGENTS = {"name": "agents", "who": {"groups": ["ai-agents"]}, "record": RECORD,
          "allow": ["read", "update", "delete", "schema", "session", "transaction"],
          "deny": [{"name": "no-drop", "statements": ["DROP *"]},
                   {"name": "quiet", "effects": ["update"], "mode": "observe"}],
          "hold": [{"name": "whereless", "effects": ["delete"], "where": "missing", "by": ["dba"], "expires": "15m"}]}
STAFF = {"name": "staff", "who": {"groups": ["staff"]}, "record": dict(RECORD), "allow": ["read"],
         "mask": [{"columns": ["public.people.name"], "with": "redact"}]}


class Place:
    def __init__(self, world, cluster):
        self.api_port = process.free_port()

        def change(config):
            config["policies"] = [AGENTS, STAFF]
            config["admin"] = {"listen": f"127.0.0.1:{self.api_port}"}
            config["roles"] = {"auditor": {"groups": ["security"]}}
            config["identity"]["oidc"][0]["machine_claim"] = "machine"
            login = config["connections"][0]["logins"][0]
            login.update(user="app", password="${env:APP_PASSWORD}")
        self.gate = gateway.Gateway(world, cluster, change=change, env={"APP_PASSWORD": "app"})
        process.wait_for(lambda: process.answers(self.api_port), "the API")
        self.auditor = web.Client(self.api_port, token=self.gate.token(sub="ida", groups=["security"]))

    def connect(self, **claims):
        return psycopg.connect(host="127.0.0.1", port=self.gate.port, user="agent", dbname="postgres", autocommit=True,
                               password=self.gate.token(**claims))

    def report(self, *arguments, check=True):
        return self.gate.cli("audit", "report", "--period", "2d", *arguments, check=check)

    def sections(self):
        made = json.loads(self.report("--format", "json").stdout)
        return {one["name"]: one for one in made["sections"]}, made

    def sql(self, text):
        db = sqlite3.connect(f"file:{self.gate.data}/index.db?mode=ro", uri=True)
        try:
            return db.execute(text).fetchall()
        finally:
            db.close()


def refused(connection, text):
    try:
        connection.execute(text)
    except psycopg.Error as error:
        return error.sqlstate
    raise process.Failed(f"it ran: {text}")


def approve(place, agent):
    """The agent's DELETE of everything waits, and dora approves it."""
    done = []
    waits = threading.Thread(target=lambda: done.append(agent.execute("DELETE FROM orders").rowcount), daemon=True)
    waits.start()
    token = place.gate.folder / "dora"
    token.write_text(place.gate.token(sub="dora", groups=["dba"]))

    def waiting():
        listed = place.gate.cli("approvals", "list", "--json", "--token", token, check=False)
        return listed.returncode == 0 and json.loads(listed.stdout)
    request = process.wait_for(waiting, "the held statement", every=0.2)[0]["id"]
    place.gate.cli("approvals", "approve", request, "--token", token)
    waits.join(process.PATIENCE)
    assert done == [30], done
    return request


def work(place):
    agent = place.connect(sub="agent-7", groups=["ai-agents"], on_behalf_of="alice")
    for n in (3, 4):
        agent.execute(f"SELECT id, mail FROM people WHERE id <= {n}").fetchall()
    agent.execute("SELECT count(*) FROM orders").fetchall()
    agent.execute("UPDATE people SET name = 'x' WHERE id < 4")
    assert refused(agent, "DROP TABLE orders") == "42501" and refused(agent, "DROP TABLE people") == "42501"
    assert refused(agent, "SELECT 1/0 FROM people") == "22012"
    agent.execute("SELECT pg_sleep(0.3)")
    request = approve(place, agent)
    agent.close()
    staff = place.connect(sub=HOSTILE, groups=["staff"])
    staff.execute("SELECT name, mail FROM people").fetchall()
    staff.close()
    try:
        place.connect(sub="mallory", groups=["nobody"])
        raise process.Failed("mallory came in")
    except psycopg.OperationalError:
        pass
    return request


def look(place):
    sessions = process.wait_for(lambda: len(place.gate.sessions()) >= 2 and place.gate.sessions(), "sessions", every=0.2)
    for one in sessions:
        assert place.auditor.get(f"/v1/sessions/{one}/entries").status == 200
    return sorted(sessions)


def change_policies(place):
    """Another set of policies is taken over while the gateway runs."""
    place.gate.config["policies"] = [{**AGENTS, "deny": AGENTS["deny"][:1]}, STAFF]
    place.gate.write()
    place.gate.process.send_signal(signal.SIGHUP)
    process.wait_for(lambda: "reload: new sessions" in place.gate.stderr(), "the reload")


def crash(place):
    """A session is open as the gateway is killed; it comes up again."""
    open_one = place.connect(sub="unlucky", groups=["ai-agents"], machine=True)
    open_one.execute("SELECT id FROM orders").fetchall()
    process.wait_for(lambda: len(place.gate.sessions()) == 3, "the third session", every=0.2)
    place.gate.kill()
    open_one.close()
    place.gate.start()
    process.wait_for(lambda: any("gateway ended" == reason for (reason,) in
                                 place.sql("SELECT gap FROM audit_gaps")), "the gap in the index", every=0.2)


def rows(section, *names):
    return sorted((tuple(row[name] for name in names) for row in section["rows"]), key=str)


def check_figures(t, s, request, looked):
    access = sorted(rows(s["access"], "principal", "on_behalf_of", "table", "effects", "verdict", "executions", "rows"), key=str)
    t.check("access is told by principal, on whose behalf, table and what was done", access == sorted([
        ("agent-7", "alice", "public.people", "read", "allow", 3, 7),
        ("agent-7", "alice", "public.orders", "read", "allow", 1, 1),
        ("agent-7", "alice", "public.people", "update", "observed", 1, 0),
        ("agent-7", "alice", "public.orders", "delete", "hold", 1, 0),
        (HOSTILE, None, "public.people", "read", "allow", 1, 20),
        ("unlucky", None, "public.orders", "read", "allow", 1, 0)], key=str), access)
    t.check("refusals are told by rule", rows(s["refusals"], "principal", "policy", "rule", "tables", "attempts") == [
        ("agent-7", "agents", "no-drop", "public.orders", 1), ("agent-7", "agents", "no-drop", "public.people", 1)],
        s["refusals"]["rows"])
    t.check("and by SQLSTATE", ("agent-7", "42501", 2) in rows(s["stops"], "principal", "sqlstate", "errors"),
            s["stops"]["rows"])
    t.check("who was turned away is told", rows(s["rejections"], "principal", "connections") == [("mallory", 1)],
            s["rejections"]["rows"])
    t.check("an approval names who asked, who gave it, and what was counted", rows(
        s["approvals"], "request", "principal", "on_behalf_of", "rule", "state", "decision", "decided_by") == [
        (request, "agent-7", "alice", "agents/whereless", "used", "approve", "dora")], s["approvals"]["rows"])
    t.check("unmasked reads of a tagged column are told, by its results and rows", rows(
        s["unmasked"], "principal", "table", "column", "how", "results", "rows") == sorted([
            ("agent-7", "public.people", "mail", "clear", 2, 7), (HOSTILE, "public.people", "mail", "clear", 1, 20)], key=str),
        s["unmasked"]["rows"])
    t.check("what was only observed is told", rows(s["observed"], "principal", "policy", "rule", "executions") == [
        ("agent-7", "agents", "quiet", 1)], s["observed"]["rows"])
    events = [(one["event"], one["hash"]) for one in s["policies"]["rows"]]
    t.check("policies are told as they were loaded, changed and loaded again",
            [event for event, _ in events] == ["policies loaded", "policies changed", "policies loaded"] and
            events[0][1] != events[1][1] == events[2][1] and len(events[0][1]) == 64 and
            f"was {events[0][1]}" in s["policies"]["rows"][1]["detail"], s["policies"]["rows"])
    t.check("and which sessions ran under which", sorted(one["sessions"] for one in s["policies-used"]["rows"]) == [1, 1, 1]
            and {one["hash"] for one in s["policies-used"]["rows"]} == {hash_ for _, hash_ in events},
            s["policies-used"]["rows"])
    gaps = rows(s["gaps"], "gap", "principal")
    t.check("a session that the gateway's death cut off is a gap", gaps == [("gateway ended", "unlucky")], gaps)
    t.check("looks at recordings are told, and at whose", sorted((one["looked_by"], one["session"]) for one in
            s["looks"]["rows"]) == [("ida", one) for one in looked] and {one["session_of"] for one in s["looks"]["rows"]} ==
            {"agent-7", HOSTILE}, s["looks"]["rows"])
    totals = {one["what"]: one["count"] for one in s["totals"]["rows"]}
    t.check("totals are the sums of it", totals["sessions"] == 3 and totals["refused by a policy"] == 2 and
            totals["approvals asked for"] == 1 and totals["gaps in the record"] == 1 and totals["looks at recordings"] == 2
            and totals["connections turned away"] == 1 and totals["changes of policies"] == 1 and
            totals["would have been refused (observe)"] == 1, totals)


def check_again(t, place, sections):
    """What a section says of how it can be asked again."""
    for name, section in sections.items():
        again = [tuple(row) for row in place.sql(section["sql"])]
        t.check(f"{name}: its SQL gives its rows", again == [tuple(row.values()) for row in section["rows"]],
                (again, section["rows"]))
    def ask(section):
        words = shlex.split(sections[section]["command"])
        assert words[0] == "postern"
        return gateway.parse_json(place.gate.cli(*words[1:], "--json", check=False).stdout)
    t.check("refusals: its command finds as many", sum(one["executions"] for one in ask("refusals")) == 2)
    t.check("observed: its command finds as many", sum(one["executions"] for one in ask("observed")) == 1)
    t.check("rejections: its command finds as many", len(ask("rejections")) == 1)
    touched = [one for one in ask("access") if one["decision"] != "deny"]
    t.check("access: its command finds as many", sum(one["executions"] for one in touched for relation in
            one.get("relations", "").split(", ") if relation) ==
            sum(row["executions"] for row in sections["access"]["rows"]), touched)


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.attributes = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes += [(tag, *one) for one in attributes]

    def handle_data(self, data):
        self.text.append(data)


def check_files(t, place, sections):
    path = place.gate.folder / "report.html"
    place.report("-o", path)
    text = path.read_text()
    page = Page(text)
    t.check("the page's text holds what a client called itself", HOSTILE in "".join(page.text))
    t.check("and nothing of it became markup", "script" not in page.tags and page.tags <= {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "dl", "dt", "dd", "table", "thead", "tbody",
        "tr", "th", "td", "details", "summary", "code", "strong"}, page.tags)
    t.check("the page asks nobody for anything", not re.search(r"https?://|url\(|@import", text) and
            not any(name in ("src", "href") or name.startswith("on") for _, name, _ in page.attributes))
    t.check("the file is its owner's alone", path.stat().st_mode & 0o777 == 0o600)
    t.check("every section has its title and its SQL", all(one["title"] in "".join(page.text) for one in sections.values())
            and "".join(page.text).count("audit_") >= len(sections))
    lines = list(csv.reader(io.StringIO(place.report("--format", "csv").stdout, newline="")))
    cells = [cell for line in lines for cell in line]
    t.check("no cell of the CSV is a formula", not any(re.match(r"\s*[=+@|%-]", cell) for cell in cells),
            [cell for cell in cells if cell[:1] in "=+-@"])
    t.check("and its text is there behind an apostrophe", "'" + HOSTILE in cells)
    by_section = {}
    for line in lines:
        if line and line[0] in sections:
            by_section.setdefault(line[0], []).append(line[1:])
    t.check("the CSV has the rows of the JSON", {name: len(one["rows"]) for name, one in sections.items() if one["rows"]} ==
            {name: len(rows_) for name, rows_ in by_section.items()}, by_section)
    t.check("a page that leaves lines out says so", "Only the first 1 lines" in
            place.report("--rows", "1").stdout)
    t.check("one section can be asked for alone", [one["name"] for one in json.loads(
        place.report("--json", "--section", "gaps").stdout)["sections"]] == ["gaps"])
    for wrong in (("--period", "2026-13"), ("--period", "soon"), ("--period", "2026-10-02..2026-10-01"),
                  ("--format", "pdf"), ("--section", "nothing"), ("-o", "/nowhere/report.html")):
        done = place.gate.cli("audit", "report", *wrong, check=False)
        t.check(f"{' '.join(wrong)} is refused", done.returncode == 2 and done.stderr and not done.stdout, done)
    empty = json.loads(place.gate.cli("audit", "report", "--period", "2001-02", "--json").stdout)
    t.check("a month in which nothing happened has nothing", not any(row for one in empty["sections"] for row in one["rows"]
            if one["name"] != "totals") and empty["since"].startswith("2001-02-01T00:00") and
            empty["until"].startswith("2001-03-01T00:00"), empty)


def check_search(t, place):
    def search(*options):
        done = place.gate.cli("audit", "search", "--json", "--limit", "0", *options, check=False)
        assert done.returncode in (0, 1), done.stderr
        return gateway.parse_json(done.stdout)

    def ask(**query):
        items, cursor = [], None
        while True:
            page = place.auditor.ask("GET", "/v1/statements", query={**query, "limit": "2", **({"cursor": cursor} if cursor else {})})
            assert page.status == 200, page
            items += page.json["items"]
            cursor = page.json["next"]
            if not cursor:
                return items
    everything = search()
    for fact, options, query, true in (
        ("on whose behalf", ("--on-behalf-of", "alice"), {"on_behalf_of": "alice"},
         lambda one: one.get("on_behalf_of") == "alice"),
        ("how long", ("--least-time", "250ms"), {"least_us": "250000"}, lambda one: one["longest_us"] >= 250000),
        ("how many rows", ("--least-rows", "4"), {"least_rows": "4"}, lambda one: one["most_rows"] >= 4),
        ("all of it", ("--on-behalf-of", "alice", "--least-rows", "4", "--relation", "people", "--verdict", "allow",
                       "--effect", "read", "--principal", "agent-7", "mail"),
         {"on_behalf_of": "alice", "least_rows": "4", "table": "people", "verdict": "allow", "effect": "read",
          "who": "agent-7", "text": "mail"},
         lambda one: one["principal"] == "agent-7" and "mail" in one["shape"] and one["most_rows"] >= 4),
    ):
        wanted = sorted(one["shape"] for one in everything if true(one))
        found = sorted(one["shape"] for one in search(*options))
        t.check(f"search by {fact} finds what is so, and no more", found == wanted and 0 < len(wanted) < len(everything),
                (found, wanted))
        asked = sorted({one["shape"] for one in ask(**query)})
        t.check(f"and so does the API, page by page: {fact}", asked == sorted(set(wanted)), (asked, wanted))
    pages, cursor = [], None
    while True:
        page = gateway.parse_json(place.gate.cli("audit", "search", "--json", "-n", "2", *(("--cursor", cursor) if cursor else ()),
                                                 check=False).stdout)
        if not page:
            break
        pages += page
        cursor = page[-1]["cursor"]
    t.check("pages of a search are the whole of it", pages == everything)
    for wrong in ("x", "1-2-3", "-1-0000000000000-1"):
        done = place.gate.cli("audit", "search", "--cursor", wrong, check=False)
        t.check(f"{wrong} is no cursor", done.returncode == 2, done)


def check_views(t, place):
    """doc/audit-sql.md against the index."""
    page = (process.ROOT / "doc" / "audit-sql.md").read_text()
    written = {view: columns.split(", ") for view, columns in re.findall(r"^\| `(audit_\w+)` \| [^|]+ \| ([^|]+) \|$", page, re.M)}
    there = {view: [one[1] for one in place.sql(f"PRAGMA table_info({view})")] for (view,) in
             place.sql("SELECT name FROM sqlite_master WHERE type = 'view'")}
    t.check("the page names each view and its columns, in order", written == there, (written, there))
    examples = re.findall(r"^```sql\n(.*?)^```", page, re.M | re.S)
    for view in there:
        t.check(f"the page has an example of {view}", any(view in text for text in examples))
    for text in examples:
        found = place.sql(text)
        t.check("it gives rows: " + " ".join(text.split())[:90], found)


def main():
    t = tally.Tally()
    with process.World() as world:
        cluster = postgres.Cluster(world)
        cluster.sql(SCHEMA)
        place = Place(world, cluster)
        request = work(place)
        looked = look(place)
        change_policies(place)
        crash(place)
        sections, made = place.sections()
        check_figures(t, sections, request, looked)
        t.check("it names the log's newest checkpoint", made["checkpoint"]["size"] > 0 and
                len(made["checkpoint"]["root"]) == 64, made.get("checkpoint"))
        check_search(t, place)
        place.gate.stop()
        sections, _ = place.sections()
        check_again(t, place, sections)
        check_views(t, place)
        check_files(t, place, place.sections()[0])  # anew: what asked again was looks
    t.finish()


if __name__ == "__main__":
    main()
