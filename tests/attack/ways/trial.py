"""One case, done once: its steps, what was answered, and whether the damage is done."""
import pathlib
import socket
import struct
import time

import yaml

import process
import rawpg
import world

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
HERE = pathlib.Path(__file__).resolve().parent
USUAL_ROLES = ("owner", "app", "reader")
KEYS = {"id", "say", "roles", "policies", "steps", "look", "value", "secret", "works", "open", "why", "before",
        "after", "spoils", "while_open", "principal"}
# What is looked at, by name. Rows may go a few at a time: a policy allows that within its limits.
LOOKS = {
    "orders": "SELECT count(*) >= 200 FROM public.orders",
    "totals": "SELECT count(*) >= 200 FROM public.orders o WHERE total = id * 1.25",
    "customers": "SELECT count(*) >= 15 FROM public.customers",
    "credits": "SELECT count(*) >= 15 FROM public.customers WHERE credit = id * 10",
    "lines": "SELECT count(*) >= 200 FROM public.order_lines",
    "stock": "SELECT count(*) >= 10 FROM public.stock WHERE quantity = 1000",
    "shop_settings": "SELECT string_agg(key || value, ',' ORDER BY key) FROM public.settings",
    "stock_kept": "SELECT count(*) FROM public.stock WHERE quantity = 1000",
    "payments": "SELECT count(*) >= 150 FROM public.payments WHERE amount = id",
    "visits": "SELECT count(*) >= 200 FROM public.visits",
    "notes": "SELECT count(*) < 150 FROM public.notes",
    "audit": "SELECT count(*) = 60 FROM audit.entries WHERE what ~ '^entry' AND who = 'seed'",
    "salaries": "SELECT count(*) FROM hr.salaries WHERE amount IN (91000, 72000, 65000)",
    "contract": "SELECT convert_from(lo_get(4711), 'UTF8')",
    "invoices": "SELECT last_value < 1000 FROM public.invoice_number",
    "attributes": "SELECT string_agg(concat(rolname, rolsuper, rolcreaterole, rolreplication, rolcanlogin, rolconnlimit),"
                  " ',' ORDER BY rolname) FROM pg_roles WHERE rolname ~ '^shop' OR rolname ~ '^shadow'",
    "members": "SELECT count(*) FROM pg_auth_members WHERE member IN (SELECT oid FROM pg_roles WHERE rolname ~ '^(shop|shadow)')",
    "defaults": "SELECT count(*) FROM pg_db_role_setting",
    "slots": "SELECT count(*) FROM pg_replication_slots",
    "functions": "SELECT md5(string_agg(concat(oid, proname, prosrc, prosecdef, proacl, provolatile), ',' ORDER BY oid))"
                 " FROM pg_proc WHERE oid >= 16384",
    "triggers": "SELECT count(*) FROM pg_trigger WHERE tgenabled = 'O'",
    "rules": "SELECT md5(string_agg(concat(ev_class, ev_type, rulename, ev_action), ',' ORDER BY oid)) FROM pg_rewrite",
    "relations": "SELECT md5(string_agg(concat(oid, relname, relnamespace, relowner, relkind, relrowsecurity, relpersistence, "
                 "reltablespace), ',' ORDER BY oid)) FROM pg_class WHERE relnamespace::regnamespace::text IN "
                 "('public', 'hr', 'api', 'audit') AND relkind <> 't'",
    "grants": "SELECT md5(string_agg(concat(oid, relacl), ',' ORDER BY oid)) FROM pg_class WHERE oid >= 16384 AND relkind IN ('r', 'v', 'S', 'm', 'p')"
              " AND relname !~ '^pg_'",
    "columns": "SELECT md5(string_agg(concat(attrelid, attname, atttypid, attisdropped, attnotnull), ',' ORDER BY attrelid, attnum))"
               " FROM pg_attribute WHERE attrelid >= 16384 AND attrelid::regclass::text !~ 'pg_toast|pg_temp'",
    "constraints": "SELECT md5(string_agg(concat(conname, contype, convalidated), ',' ORDER BY oid)) FROM pg_constraint WHERE oid >= 16384",
    "locks": "SELECT count(*) FROM pg_locks WHERE mode IN ('AccessExclusiveLock', 'ExclusiveLock', 'ShareLock')"
             " AND relation = 'public.orders'::regclass",
    "publications": "SELECT count(*) FROM pg_publication",
    "extensions": "SELECT string_agg(extname, ',' ORDER BY 1) FROM pg_extension",
    "schemas": "SELECT string_agg(concat(nspname, nspowner), ',' ORDER BY nspname) FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp'",
    "large_objects": "SELECT count(*) FROM pg_largeobject_metadata",
    "policies_of_rows": "SELECT md5(string_agg(polname || polrelid, ',')) FROM pg_policy",
    "statistics": "SELECT coalesce(stats_reset::text, 'never') FROM pg_stat_database WHERE datname = current_database()",
}


def read_cases():
    found, seen = [], set()
    for path in sorted((HERE / "cases").glob("*.yaml")):
        for case in yaml.load(path.read_text(), LOADER):
            unknown = set(case) - KEYS
            assert not unknown and case["id"] not in seen, f"{path.name}: {case.get('id')}: {unknown or 'twice'}"
            seen.add(case["id"])
            case["family"] = path.stem
            case.setdefault("roles", ["owner", "app"])
            case.setdefault("policies", ["much", "little"])
            case.setdefault("works", False)
            case.setdefault("open", [])
            assert not case["open"] or case.get("why"), f"{case['id']}: open without a why"
            assert "look" in case or "secret" in case, f"{case['id']}: looks at nothing"
            found.append(case)
    return found


def look(shop, case):
    return shop.ask(LOOKS.get(case["look"], case["look"])) if "look" in case else None


def as_bytes(text):
    """Text of a case: an escape \\xNN in it is a byte, as it stands, where the step says `bytes`."""
    return text.encode("latin-1")


class Trial:
    def __init__(self, shop, case, role, policy, bare, principal):
        self.shop, self.case, self.role, self.policy = shop, case, role, policy
        self.bare, self.principal = bare, principal
        self.connections, self.answers, self.errors = {}, b"", []
        self.damaged = self.broken = False
        self.wanted = self.got = None

    def do(self):
        for text in self.case.get("before", []):
            answer = self.shop.ask(text)
            assert not answer.startswith("error"), f"{self.case['id']}: before: {answer}"
        if "before" in self.case or "DATABASE" in str(self.case["steps"]):
            self.shop.leave()
        self.wanted = self.case.get("value") or look(self.shop, self.case)
        try:
            if not isinstance(self.case["steps"][0], dict) or "open" not in self.case["steps"][0]:
                self.broken = True
                self.connection("a")
                self.broken = False
            for step in self.case["steps"]:
                self.step(step)
        except (rawpg.Closed, OSError, KeyError) as error:
            self.errors.append(repr(error))
        if not self.case.get("while_open"):
            self.hang_up()
            self.shop.settle()
        self.got = look(self.shop, self.case)
        secret = self.case.get("secret")
        self.damaged = self.got != self.wanted or (secret is not None and secret.encode() in self.answers)
        self.hang_up()
        self.shop.settle()
        for text in self.case.get("after", []):
            self.shop.ask(text)

    def remark(self):
        return f"{self.wanted} → {self.got}; " + " | ".join(self.errors[:3])[:300]

    def hang_up(self):
        for raw in self.connections.values():
            raw.socket.close()
        self.connections = {}

    def connection(self, name, parameters=None, role=None):
        if name not in self.connections:
            raw, seen = self.shop.enter(role or self.role, self.policy, self.principal, parameters, self.bare)
            self.keep(seen)
            if not seen or seen[-1][0] != "Z":
                raw.socket.close()
                raise rawpg.Closed("not let in")
            self.connections[name] = raw
        return self.connections[name]

    def keep(self, messages):
        for kind, body in messages:
            self.answers += body
            if kind == "E":
                told = rawpg.fields(body)
                self.errors.append(f"{told.get('C')} {told.get('M')}")

    def settle(self, raw, n=1):
        """Reads up to n ReadyForQuery; a COPY that nobody feeds is failed."""
        while n:
            try:
                kind, body = raw.read()
            except (socket.timeout, TimeoutError):
                self.errors.append("no answer in time")
                return
            self.keep([(kind, body)])
            if kind == "G":
                raw.send(rawpg.copy_fail("nothing to copy"))
            n -= kind == "Z"

    def step(self, step):
        if isinstance(step, str):
            step = {"query": step}
        raw = self.connection(step.get("via", "a")) if not {"open", "admin", "sleep", "seen"} & set(step) else None
        for verb in ("query", "bytes", "open", "prepare", "extended", "wire", "copy", "call", "admin", "sleep", "seen", "many", "pad",
                     "hang_up", "wait", "database", "typed"):
            if verb in step:
                return getattr(self, f"do_{verb}")(raw, step, step[verb])
        raise KeyError(f"no such step: {step}")

    def do_query(self, raw, step, text):
        raw.send(rawpg.query(text))
        self.settle(raw)

    def do_bytes(self, raw, step, text):
        raw.send(rawpg.query(as_bytes(text)))
        self.settle(raw)

    def do_open(self, _, step, name):
        self.connection(name, [tuple(pair) for pair in step.get("with", [])], step.get("role"))

    def do_extended(self, raw, step, text):
        values = [None if v is None else str(v).encode() for v in step.get("values", [])]
        raw.send(rawpg.parse(text), rawpg.bind(values), rawpg.describe("P"), rawpg.execute(), rawpg.SYNC)
        self.settle(raw)

    def do_wire(self, raw, step, messages):
        """Messages in one write: a list each, its first item the message's letter."""
        out, n = b"", 0
        for kind, *rest in messages:
            n += kind in "SQF"
            if kind == "P":
                out += rawpg.parse(rest[1], rest[0])
            elif kind == "B":
                out += rawpg.bind([str(v).encode() for v in (rest[2] if len(rest) > 2 else [])], rest[0], rest[1])
            elif kind == "D":
                out += rawpg.describe(rest[0], rest[1])
            elif kind == "E":
                out += rawpg.execute(rest[0] if rest else "", rest[1] if len(rest) > 1 else 0)
            elif kind == "C":
                out += rawpg.close(rest[0], rest[1])
            elif kind == "Q":
                out += rawpg.query(rest[0])
            elif kind == "d":
                out += rawpg.copy_data(rest[0].encode())
            elif kind == "f":
                out += rawpg.copy_fail(rest[0])
            elif kind == "raw":
                out += as_bytes(rest[0])
            else:
                out += rawpg.message(kind)
        for size in [step["split"]] if "split" in step else []:
            raw.send_split(out, size)
            break
        else:
            raw.send(out)
        self.settle(raw, step.get("ready", n))

    def do_copy(self, raw, step, text):
        """COPY FROM STDIN with its data; `times` copies of it."""
        raw.send(rawpg.query(text))
        seen = raw.read_until("GZ")
        self.keep(seen)
        if seen[-1][0] == "G":
            data = step["data"]
            data = "".join(data.replace("{n}", str(n)) for n in range(1, step.get("times", 1) + 1))
            raw.send(rawpg.copy_data(data.encode()), rawpg.COPY_DONE)
            self.settle(raw)

    def do_call(self, raw, step, signature):
        """FunctionCall, by the number that the catalogue has for it."""
        oid = int(self.shop.ask(f"SELECT '{signature}'::regprocedure::oid::int8"))
        body = struct.pack("!IHH", oid, 0, len(step.get("values", [])))
        for value in step.get("values", []):
            data = str(value).encode()
            body += struct.pack("!i", len(data)) + data
        raw.send(rawpg.message("F", body + struct.pack("!H", 0)))
        self.settle(raw)

    def do_admin(self, _, step, text):
        """Something that somebody else does meanwhile, who may."""
        self.shop.ask(text)

    def do_sleep(self, _, step, seconds):
        time.sleep(seconds)

    def do_seen(self, *_):
        """Until the gateway has asked twice what has changed, which it does every second."""
        if not self.shop.gate:
            return
        self.shop.cluster.wait_for_looks(self.shop.database, self.shop.direct)

    def do_many(self, raw, step, text):
        """The same again and again, {n} counting from 1."""
        for n in range(1, step["times"] + 1):
            if step.get("by") == "extended":
                self.do_extended(raw, step, text.replace("{n}", str(n)))
            else:
                self.do_query(raw, step, text.replace("{n}", str(n)))

    def do_pad(self, raw, step, text):
        """A query with `fill` a great many times in the place of {pad}."""
        self.do_query(raw, step, text.replace("{pad}", step["fill"] * step["times"]))

    def do_database(self, raw, step, text):
        """A query that knows what the database is called."""
        self.do_query(raw, step, text.replace("{database}", self.shop.database))

    def do_typed(self, raw, step, text):
        """Parse with the number of a type for its one parameter."""
        oid = int(self.shop.ask(f"SELECT '{step['type']}'::regtype::oid::int8"))
        raw.send(rawpg.parse(text, types=[oid]), rawpg.bind([step["value"].encode()]), rawpg.execute(), rawpg.SYNC)
        self.settle(raw)

    def do_wait(self, raw, step, n):
        self.settle(raw, n)

    def do_hang_up(self, raw, step, how):
        """rst: without a word; fin: nothing more comes, but answers are read."""
        if how == "rst":
            raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raw.socket.close()
        else:
            raw.socket.shutdown(socket.SHUT_WR)
            try:
                self.keep(raw.rest())
            except (OSError, rawpg.Closed):
                pass
        self.connections = {name: one for name, one in self.connections.items() if one is not raw}
        time.sleep(step.get("then_wait", 0.4))
