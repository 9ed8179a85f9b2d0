#!/usr/bin/python3
"""Sessions whose statements are understood in a view of the catalogue, on a real server: search paths,
temporary tables, transactions that change the schema, and what others change meanwhile.

usage: tests/views/views.py"""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import gateway
import postgres
import process
import rawpg
import tally

FIXTURE = """
CREATE ROLE app LOGIN PASSWORD '%s';
CREATE SCHEMA app AUTHORIZATION app;
CREATE SCHEMA other AUTHORIZATION app;
GRANT CREATE ON SCHEMA public TO app;
SET ROLE app;
CREATE TABLE public.orders (id int PRIMARY KEY, what text);
INSERT INTO public.orders VALUES (1, 'one'), (2, 'two');
CREATE TABLE app.things (id int, name text);
INSERT INTO app.things VALUES (1, 'app');
CREATE TABLE other.things (id int, name text);
INSERT INTO other.things VALUES (1, 'other');
CREATE TABLE public.secrets (id int, what text);
INSERT INTO public.secrets VALUES (1, 'secret');
""" % postgres.PASSWORD

POLICY = {
    "name": "p", "who": "any", "record": {"rows": "full", "on_failure": "deny"},
    "allow": ["all"],
    "rules": [{"name": "no-secrets", "deny": {"relations": ["public.secrets", "*.secrets"]}}],
}


class Session:
    """Simple queries; each answer is (rows, error fields or None)."""

    def __init__(self, g, database="postgres"):
        self.raw = rawpg.Raw(g.port)
        self.raw.login(g.token(), database=database)

    def query(self, text):
        self.raw.send(rawpg.query(text))
        return self.answer()

    def answer(self):
        rows, error, status = [], None, None
        while True:
            kind, body = self.raw.receive()
            if kind == "D":
                rows.append([v.decode() if v is not None else None for v in rawpg.columns(body)])
            elif kind == "E":
                error = rawpg.fields(body)
            elif kind == "Z":
                self.status = body.decode()
                return rows, error
