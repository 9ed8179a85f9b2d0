"""Statements that love masked columns: a grammar with a seed. Types are kept in mind so that most of them run; what
they compute need make no sense. Nothing in them depends on the time, on chance or on which server answers."""
import random
import re

REFERS = re.compile(r"\b[tw]\d*\.")

# relation: {column: (type, whether it is masked)}
RELATIONS = {
    "customers": {"id": ("int", 0), "born": ("date", 1), "pin": ("int", 1), "points": ("int", 1), "joined": ("date", 0),
                  "active": ("bool", 0), "name": ("text", 0), "country": ("text", 0), "email": ("text", 1), "ssn": ("text", 1),
                  "card_number": ("text", 1), "phone": ("text", 1), "salary": ("num", 1), "aliases": ("array", 1),
                  "home": ("row", 1), "profile": ("json", 1), "photo": ("bytes", 1), "remark": ("text", 1), "area": ("text", 1),
                  "initial": ("text", 1)},
    "orders": {"id": ("int", 0), "customer_id": ("int", 0), "amount": ("num", 0), "memo": ("text", 0), "items": ("json", 0)},
    "notes": {"id": ("int", 0), "customer_id": ("int", 0), "body": ("text", 0)},
    "newsletter": {"id": ("int", 0), "email": ("text", 1), "topic": ("text", 0)},
    "payments": {"id": ("int", 0), "customer_id": ("int", 0), "card_number": ("text", 1), "amount": ("num", 0), "paid_on": ("date", 0)},
    "payments_2025": {"id": ("int", 0), "customer_id": ("int", 0), "card_number": ("text", 1), "amount": ("num", 0)},
    "contacts": {"id": ("int", 0), "phone": ("text", 1)},
    "people_known": {"id": ("int", 0), "nick": ("text", 0), "ssn": ("text", 1)},
    "documents": {"id": ("int", 0), "title": ("text", 0), "ssn": ("text", 1)},
    "customer_contacts": {"k": ("int", 0), "who": ("text", 0), "reference": ("text", 1), "dial": ("text", 1), "at": ("text", 1)},
    "contact_sheet": {"k": ("int", 0), "line": ("text", 1)},
    "order_lines": {"id": ("int", 0), "amount": ("num", 0), "name": ("text", 0), "paid_with": ("text", 1)},
    "spending": {"country": ("text", 0), "n": ("int", 0), "salaries": ("num", 1)},
    "customer_hashes": {"id": ("int", 0), "hash": ("text", 1), "loud": ("text", 1), "next": ("int", 1)},
    "everyone": {"id": ("int", 0), "address": ("text", 1)},
}
WRITTEN = {"orders": "memo", "notes": "body", "customers": "name", "payments": "amount"}
# By the type of what comes out: {a}, {b} any expression of the type behind the colon.
EXPRESSIONS = {
    "text": ["upper({a:text})", "left({a:text}, {n})", "right({a:text}, {n})", "substr({a:text}, {n}, {n})", "{a:text} || {b:text}",
             "reverse({a:text})", "md5({a:text})", "replace({a:text}, '{d}', 'x')", "coalesce({a:text}, {b:text})",
             "nullif({a:text}, {b:text})", "CASE WHEN {a:bool} THEN {b:text} ELSE {c:text} END", "translate({a:text}, '0123', 'abcd')",
             "CAST({a:int} AS text)", "CAST({a:num} AS text)", "to_char({a:date}, 'DDD')", "split_part({a:text}, '{d}', 1)",
             "regexp_replace({a:text}, '[{d}-9]', '', 'g')", "greatest({a:text}, {b:text})", "concat({a:any}, {b:any})",
             "format('%s-%s', {a:any}, {b:any})", "{a:json}->>'passport'", "({a:array})[1]", "array_to_string({a:array}, '{d}')",
             "({a:row}).zip", "encode({a:bytes}, 'hex')", "substring({a:text} FROM '[a-f]+')", "quote_nullable({a:text})",
             "lpad({a:text}, {n}, '*')", "to_jsonb({a:text})::text", "(SELECT {a:text})", "initcap({a:text})"],
    "int": ["{a:int} + {b:int}", "{a:int} % 7", "length({a:text})", "ascii({a:text})", "-{a:int}", "abs({a:int})", "strpos({a:text}, '{d}')",
            "CASE WHEN {a:bool} THEN {b:int} ELSE {c:int} END", "extract(doy FROM {a:date})::int", "cardinality({a:array})",
            "coalesce({a:int}, 0)", "hashtext({a:text})", "octet_length({a:text})", "length({a:bytes})", "({a:json}->>'limit')::int",
            "1 / (CASE WHEN {a:bool} THEN 1 ELSE 2 END)", "width_bucket({a:num}, 0, 100000, 50)", "num_nulls({a:any}, {b:any})",
            "{a:date} - date '1950-01-01'", "({a:int} # {b:int}) & 255", "round({a:num})::int", "pg_column_size({a:text})"],
    "num": ["{a:num} + {b:num}", "{a:num} * 2", "{a:int}::numeric", "round({a:num}, -2)", "{a:num} % 1000", "sqrt(abs({a:num}))::numeric",
            "CASE WHEN {a:bool} THEN {b:num} END", "trunc({a:num} / 7, 3)"],
    "date": ["{a:date} + {n}", "date_trunc('month', {a:date})::date", "greatest({a:date}, {b:date})", "CASE WHEN {a:bool} THEN {b:date} END",
             "date '1960-01-01' + ({a:int} % 1000)::int"],
    "bool": ["{a:text} LIKE '%{d}%'", "{a:text} < {b:text}", "{a:text} > '{d}'", "{a:int} > {m}", "{a:int} BETWEEN {n} AND {m}", "{a:num} >= {m}",
             "{a:date} < date '19{y}-06-01'", "{a:any} IS NULL", "{a:text} IS DISTINCT FROM {b:text}", "{a:text} ~ '^[{d}-9]'", "NOT {a:bool}",
             "{a:bool} AND {b:bool}", "{a:bool} OR {b:bool}", "{a:int} IN ({n}, {m}, 3)", "{a:text} IN (SELECT {masked:text})",
             "starts_with({a:text}, '{d}')", "{a:json} ? 'k{d}'", "{a:array} && ARRAY['{d}']", "{a:text} = ANY ({b:array})",
             "{a:int} % 2 = 0", "EXISTS (SELECT {subselect:int})", "{a:bytes} > '\\x{y}'", "({a:text}, {b:int}) > ('{d}', {n})", "{a:text} ILIKE '{d}%'"],
    "json": ["to_jsonb({a:any})", "jsonb_build_object('k', {a:any})", "jsonb_build_array({a:any}, {b:any})"],
    "array": ["ARRAY[{a:text}, {b:text}]", "string_to_array({a:text}, '{d}')", "array_append({a:array}, {b:text})"],
    "row": [], "bytes": ["convert_to({a:text}, 'UTF8')", "sha256({a:bytes})"],
}
LITERALS = {"text": ["'x'::text", "'{d}{d}{d}'::text", "''::text"], "int": ["{n}", "{m}", "0"], "num": ["{m}.5", "{n}"], "date": ["date '19{y}-03-04'"],
            "bool": ["true", "false"], "json": ["'{{\"a\": 1}}'::jsonb"], "array": ["ARRAY['{d}']"], "row": ["ROW('x', 'y')::address"],
            "bytes": ["'\\x{y}'::bytea"]}
AGGREGATES = {"text": ["max({a:text})", "min({a:text})", "string_agg({a:text}, ',' ORDER BY {b:int}, {a:text})"],
              "int": ["count({a:any})", "count(DISTINCT {a:any2})", "sum({a:int})::int8", "max({a:int})", "count(*) FILTER (WHERE {a:bool})", "bit_xor({a:int})"],
              "num": ["avg({a:num})", "sum({a:num})", "stddev({a:int})", "percentile_cont(0.5) WITHIN GROUP (ORDER BY {a:int})::numeric"],
              "bool": ["bool_or({a:bool})", "bool_and({a:bool})"], "date": ["max({a:date})", "min({a:date})"]}
RAISING = ["{a:text}::int", "{a:text}::date", "({a:text} || 'x')::uuid", "{a:text}::boolean", "1 / ({a:int} - {b:int})", "{a:text}::json",
           "({a:text} || '!')::regclass", "sqrt({a:int} - {m})", "{a:int}::int2 * 30000::int2", "{a:text}::order_status", "({a:text} || '@')::inet"]
WINDOWS = ["rank() OVER (ORDER BY {a:any2}, {b:int})", "row_number() OVER (ORDER BY {a:any2}, {b:int})", "lag({a:any2}) OVER (ORDER BY {b:int})",
           "count(*) OVER (PARTITION BY {a:any2})", "first_value({a:any2}) OVER (ORDER BY {b:int}, {c:text})", "ntile(3) OVER (ORDER BY {a:any2}, {b:int})",
           "sum({a:int}) OVER (ORDER BY {b:int} ROWS 2 PRECEDING)"]
WHOLE = ["{r}", "{r}::text", "to_jsonb({r})", "row_to_json({r})", "ROW({r}.*)", "md5({r}::text)", "({r}).{m}", "array_agg({r}) OVER (ORDER BY {i})",
         "hstore({r})->'{m}'", "concat({r})"]


class Scope:
    """What can be named: [(how it is written, type, whether it is masked)] and the aliases of relations."""

    def __init__(self, columns=(), rows=()):
        self.columns, self.rows = list(columns), list(rows)

    def __add__(self, other):
        return Scope(self.columns + other.columns, self.rows + other.rows)


class Maker:
    def __init__(self, seed):
        self.random, self.n_aliases = random.Random(seed), 0

    def pick(self, choices):
        return self.random.choice(choices)

    def chance(self, percent):
        return self.random.randrange(100) < percent

    def alias(self):
        self.n_aliases += 1
        return f"t{self.n_aliases}"

    # Expressions

    def column(self, kind, scope, masked=None):
        found = [c for c in scope.columns if kind in ("any", c[1])]
        if masked is None:
            masked = self.chance(75)
        found = [c for c in found if bool(c[2]) == bool(masked)] or found
        return self.pick(found)[0] if found else None

    def fill(self, template, scope, depth):
        out, at = "", 0
        while True:
            begin = template.find("{", at)
            if begin < 0:
                return out + template[at:]
            if template.startswith("{{", begin):
                out, at = out + template[at:begin] + "{", begin + 2
                continue
            end = template.index("}", begin)
            out += template[at:begin] + self.slot(template[begin + 1:end], scope, depth)
            at = end + 1
            if template.startswith("}", at) and "{{" in template:
                at += 1
                out += "}"

    def slot(self, slot, scope, depth):
        name, _, kind = slot.partition(":")
        if not kind:
            return {"n": str(self.random.randrange(1, 12)), "m": str(self.random.randrange(1000, 9000)), "d": str(self.random.randrange(10)),
                    "y": str(self.random.randrange(50, 99))}[name]
        if name == "masked":
            relation = self.pick([r for r, cs in RELATIONS.items() if any(c == (kind, 1) for c in cs.values())])
            return f"{self.pick([c for c, what in RELATIONS[relation].items() if what == (kind, 1)])} FROM {relation}"
        if name == "subselect":
            source, inner = self.relation()
            return f"1 FROM {source} WHERE {self.expression('bool', inner + scope, depth - 1)}"
        if kind == "any2":
            return self.column(self.pick(["text", "int", "num", "date"]), scope) or "1"
        if kind == "any":
            return self.column("any", scope) or "'x'::text"
        return self.expression(kind, scope, depth - 1)

    def expression(self, kind, scope, depth=2):
        own = self.column(kind, scope)
        if own and (depth <= 0 or self.chance(6 if kind == "bool" else 45)):
            return own
        if depth > 0 and EXPRESSIONS[kind] and self.chance(92):
            for _ in range(4):
                text = self.fill(self.pick(EXPRESSIONS[kind]), scope, depth)
                if REFERS.search(text):
                    break
            return f"({text})"
        return own or self.fill(self.pick(LITERALS[kind]), scope, 0)

    def any_expression(self, scope):
        return self.expression(self.pick([c[1] for c in scope.columns if c[1] != "row"] + ["text", "bool"]), scope)

    # Sources

    def relation(self):
        name = self.pick(["customers"] * 14 + list(RELATIONS))
        alias = self.alias()
        columns = [(f"{alias}.{column}", kind, masked) for column, (kind, masked) in RELATIONS[name].items()]
        renamed = self.chance(8) and name in ("newsletter", "contacts", "people_known")
        if renamed:
            names = [f"c{n}" for n in range(len(columns))]
            columns = [(f"{alias}.{new}", kind, masked) for new, (_, kind, masked) in zip(names, columns)]
        return f"{name} {'AS ' if renamed or self.chance(30) else ''}{alias}{' (' + ', '.join(names) + ')' if renamed else ''}", \
            Scope(columns, [] if renamed else [(alias, name)])

    def derived(self, outer, depth, lateral=False):
        """A sub-select with columns that are named."""
        text, kinds = self.select(depth - 1, outer if lateral else Scope(), named=True)
        alias = self.alias()
        return f"{'LATERAL ' if lateral else ''}({text}) {alias}", Scope([(f"{alias}.{name}", kind, 1) for name, kind in kinds])

    def source(self, outer, depth):
        if depth > 0 and self.chance(25):
            return self.derived(outer, depth)
        return self.relation()

    def sources(self, outer, depth):
        text, scope = self.source(outer, depth)
        for _ in range(self.pick([0, 0, 0, 1, 1, 2])):
            if depth > 0 and self.chance(15):
                more, inner = self.derived(outer + scope, depth, lateral=True)
                text, scope = f"{text} CROSS JOIN {more}", scope + inner
                continue
            more, inner = self.source(outer, depth)
            kind, masked = self.pick([("text", True), ("int", True)] + [("int", False)] * 8)
            left, right = self.column(kind, scope, masked), self.column(kind, inner, masked)
            on = f"{left} = {right}" if left and right else self.expression("bool", scope + inner, 1)
            text = f"{text} {self.pick(['JOIN', 'JOIN', 'LEFT JOIN', 'FULL JOIN' if left and right else 'JOIN'])} {more} ON {on}"
            scope = scope + inner
        return text, scope

    # Queries

    def outputs(self, scope, grouped):
        out = []
        for _ in range(self.random.randrange(1, 4)):
            roll = self.random.randrange(100)
            if grouped:
                kind = self.pick([kind for kind in AGGREGATES if kind in ("int", "bool") or self.column(kind, scope)])
                out.append((self.fill(self.pick(AGGREGATES[kind]), scope, 1), kind))
            elif roll < 8 and scope.rows:
                row, name = self.pick(scope.rows)
                masked = [c for c, (_, m) in RELATIONS[name].items() if m]
                key = next(iter(RELATIONS[name]))
                out.append((self.pick(WHOLE).format(r=row, m=self.pick(masked) if masked else key, i=f"{row}.{key}"), None))
            elif roll < 14:
                out.append((self.fill(self.pick(RAISING), scope, 1), None))
            elif roll < 22:
                out.append((self.fill(self.pick(WINDOWS), scope, 1), None))
            else:
                kind = self.pick([c[1] for c in scope.columns if c[1] not in ("array", "row", "bytes", "json")] + ["text", "bool"])
                out.append((self.expression(kind, scope), kind))
        return out

    def select(self, depth=2, outer=None, named=False):
        """(text, [(name, type)]) of a SELECT."""
        outer = outer or Scope()
        source, scope = self.sources(outer, depth)
        grouped = self.chance(18)
        if not grouped:
            scope = scope + Scope(outer.columns)
        outputs = self.outputs(scope, grouped)
        if named:
            outputs = [(text, kind) for text, kind in outputs if kind] or [("1", "int")]
        group = self.expression(self.pick(["text", "int"]), scope, 1) if grouped and self.chance(70) else None
        names = [f"x{n}" for n in range(len(outputs))]
        columns = ", ".join(f"{text} AS {name}" if named or self.chance(30) else text for (text, _), name in zip(outputs, names))
        if group and self.chance(60) and not named:
            columns = f"{group}, {columns}"
        text = f"SELECT {'DISTINCT ' if self.chance(8) else ''}{columns} FROM {source}"
        if self.chance(45):
            text += f" WHERE {self.expression('bool', scope)}"
        if group:
            text += f" GROUP BY {group}"
            if self.chance(25):
                text += f" HAVING {self.fill(self.pick(AGGREGATES['bool']), scope, 1)}"
        if not grouped and not named and self.chance(25) and "DISTINCT" not in text:
            text += f" ORDER BY {self.column('any', scope) or 1}"
        elif self.chance(60):
            text += f" ORDER BY {', '.join(str(n + 1) for n in range(len(outputs)))}"
        if self.chance(12):
            text += f" LIMIT {self.random.randrange(1, 9)}"
        return text, [(name, kind) for name, (_, kind) in zip(names, outputs)]

    def query(self):
        roll = self.random.randrange(100)
        if roll < 72:
            return self.select()[0]
        if roll < 82:
            kinds = self.pick([["text"], ["int"], ["text", "int"]])
            parts = []
            for _ in range(2):
                source, scope = self.sources(Scope(), 1)
                parts.append(f"SELECT {', '.join(self.expression(kind, scope) for kind in kinds)} FROM {source} WHERE {self.expression('bool', scope, 1)}")
            return f"{self.pick([' UNION ', ' UNION ALL ', ' EXCEPT ', ' INTERSECT ']).join(parts)} ORDER BY 1"
        inner, kinds = self.select(1, named=True)
        scope = Scope([(f"w.{name}", kind, 1) for name, kind in kinds])
        return f"WITH w AS {self.pick(['', 'MATERIALIZED '])}({inner}) SELECT {self.any_expression(scope)} FROM w WHERE {self.expression('bool', scope, 1)}"

    def write(self):
        name, column = self.pick(list(WRITTEN.items()))
        kind, alias = RELATIONS[name][column][0], "w"
        target = Scope([(f"w.{c}", k, m) for c, (k, m) in RELATIONS[name].items()], [("w", name)])
        source, scope = self.relation()
        roll = self.random.randrange(100)
        returning = f" RETURNING {self.expression('text', target)}" if self.chance(50) else ""
        if roll < 35:
            return f"UPDATE {name} {alias} SET {column} = {self.expression(kind, target)} WHERE {self.expression('bool', target)}{returning}"
        if roll < 50:
            return f"UPDATE {name} {alias} SET {column} = {self.expression(kind, scope)} FROM {source} WHERE w.id = {self.column('int', scope)}{returning}"
        if roll < 70 and name != "customers":
            return f"DELETE FROM {name} {alias} WHERE {self.expression('bool', target)}{returning}"
        if roll < 85:
            return f"INSERT INTO notes (body) SELECT {self.expression('text', scope)} FROM {source} RETURNING body"
        return f"MERGE INTO {name} {alias} USING {source} ON w.id = {self.column('int', scope)} AND {self.expression('bool', target + scope, 1)} " \
               f"WHEN MATCHED THEN UPDATE SET {column} = {self.expression(kind, scope, 1)}"

    def statement(self):
        self.n_aliases = 0
        roll = self.random.randrange(100)
        if roll < 80:
            return self.query()
        if roll < 86:
            return f"COPY ({self.query()}) TO STDOUT{self.pick(['', ' (FORMAT csv)', ' (FORMAT binary)'])}"
        if roll < 89:
            return f"EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, COSTS OFF) {self.query()}"
        return self.write()
