-- One of everything that hangs together, for tests/catalog/check.
CREATE EXTENSION citext;
CREATE EXTENSION hstore;

CREATE TABLE customer (id int PRIMARY KEY, name text NOT NULL, email citext, tax_number text, country text,
                       upper_name text GENERATED ALWAYS AS (upper(name)) STORED);
COMMENT ON COLUMN customer.email IS 'Where to write. postern: contact, personal. Checked at sign-up.';
COMMENT ON COLUMN customer.tax_number IS 'postern:secret';
CREATE TABLE invoice (id int PRIMARY KEY, customer int REFERENCES customer ON DELETE CASCADE ON UPDATE CASCADE,
                      total numeric, note text, hidden int);
ALTER TABLE invoice DROP COLUMN hidden;
CREATE TABLE reminder (invoice int REFERENCES invoice ON DELETE SET NULL, sent date);
CREATE TABLE journal (what text, who text);
ALTER TABLE journal ENABLE ROW LEVEL SECURITY;

CREATE VIEW card AS SELECT id AS key, name AS who, tax_number AS reference FROM customer;
CREATE VIEW card_deep AS SELECT key, reference || '' AS r FROM card WHERE who > 'a';
CREATE VIEW big_invoice AS SELECT id, total FROM invoice WHERE total > 100;
CREATE MATERIALIZED VIEW monthly AS
    SELECT c.country, sum(i.total) AS sum FROM customer c JOIN invoice i ON i.customer = c.id GROUP BY c.country
    HAVING count(i.note) > 1;
CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM invoice;
CREATE VIEW both_names AS SELECT name AS n, 1 AS k FROM customer UNION SELECT note, id FROM invoice;
CREATE VIEW all_names AS SELECT name AS n, 1 AS k FROM customer UNION ALL SELECT note, id FROM invoice WHERE total > 1;
CREATE VIEW chain AS WITH RECURSIVE c(id, depth, path) AS (
    SELECT id, 1, note FROM invoice WHERE customer = 1
    UNION ALL SELECT i.id, c.depth + 1, c.path || i.total FROM invoice i JOIN c ON i.customer = c.id)
    SELECT id, depth, path FROM c;
CREATE VIEW with_scalar AS SELECT i.id, (SELECT name FROM customer c WHERE c.id = i.customer) AS name,
    EXISTS (SELECT FROM reminder r WHERE r.invoice = i.id AND r.sent < '2020-01-01') AS reminded FROM invoice i;
CREATE VIEW joined AS SELECT id, name, note FROM customer LEFT JOIN (SELECT customer AS id, note FROM invoice) i USING (id);
CREATE VIEW lateral_join AS SELECT c.name, x.m FROM customer c, LATERAL (SELECT max(total) AS m FROM invoice WHERE customer = c.id) x;
CREATE VIEW whole AS SELECT c FROM customer c;
CREATE VIEW ranked AS SELECT name, rank() OVER (PARTITION BY country ORDER BY tax_number) AS r FROM customer;
CREATE VIEW newest AS SELECT DISTINCT ON (customer) note FROM invoice ORDER BY customer, id DESC LIMIT 5;
CREATE VIEW spread AS SELECT name, regexp_split_to_table(email::text, '@') AS part FROM customer;
CREATE VIEW listed AS SELECT v.a, v.b FROM (VALUES (1, 'x'), (2, 'y')) v(a, b);
CREATE VIEW unnested AS SELECT u.word FROM customer, unnest(string_to_array(country, ' ')) AS u(word);
CREATE VIEW by_case AS SELECT CASE WHEN country = 'DE' THEN tax_number ELSE name END AS x, coalesce(name, country) AS y FROM customer;

CREATE FUNCTION peek(i int) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT tax_number FROM customer WHERE id = i';
CREATE FUNCTION rows(int, VARIADIC text[]) RETURNS TABLE (a int, "b c" text) LANGUAGE sql AS 'SELECT 1, ''x''::text';
CREATE PROCEDURE tidy() LANGUAGE sql AS 'DELETE FROM journal';
CREATE VIEW peeking AS SELECT id, peek(id) AS p FROM invoice;
CREATE VIEW deciding AS SELECT id FROM invoice WHERE peek(id) > 'a';

CREATE TABLE payment (id int, account text, paid date) PARTITION BY RANGE (paid);
CREATE TABLE payment_2024 PARTITION OF payment FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE payment_2025 (paid date, account text, id int);
ALTER TABLE payment ATTACH PARTITION payment_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE contact (id int, phone text);
CREATE TABLE contact_vip (tier text) INHERITS (contact);

CREATE RULE noted AS ON UPDATE TO reminder DO ALSO INSERT INTO journal SELECT name, NEW.sent::text FROM customer;
CREATE RULE kept AS ON DELETE TO contact DO INSTEAD UPDATE contact SET phone = NULL WHERE id = OLD.id;
CREATE RULE quiet AS ON INSERT TO journal DO INSTEAD NOTHING;
CREATE FUNCTION noting() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER notes AFTER INSERT ON payment FOR EACH ROW EXECUTE FUNCTION noting();

-- What a cascade takes along without a tie: code, policies, defaults.
CREATE TABLE numbered (id serial);
CREATE TABLE borrowed (id int DEFAULT nextval('numbered_id_seq') REFERENCES customer DEFERRABLE INITIALLY DEFERRED);
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON numbered DEFERRABLE FOR EACH ROW EXECUTE FUNCTION noting();
CREATE FUNCTION vip(contact_vip) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE POLICY own ON journal USING (EXISTS (SELECT FROM big_invoice WHERE total > 5));
-- Code that runs although no statement calls it.
CREATE FUNCTION odd(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE TABLE checked (id int CHECK (odd(id) > 0));
CREATE TABLE filled (id int DEFAULT odd(1));
CREATE TABLE indexed (id int);
CREATE INDEX ON indexed ((odd(id) + 1)) WHERE id > 0;
CREATE TABLE routed (id int) PARTITION BY RANGE (odd(id));
CREATE TABLE guarded (id int);
CREATE POLICY seen ON guarded USING (ROW(id, odd(id)) < ROW(1, 1));
CREATE TABLE plain (id int DEFAULT abs(1) CHECK (id > 0), word citext CHECK (word <> 'x'));
CREATE VIEW over_guarded AS SELECT max(odd(id)) FROM plain;
CREATE TABLE atomic_base (id int);
CREATE FUNCTION atomic_count() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM atomic_base; END;

CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN known AS int CHECK (peek(VALUE) IS NOT NULL);
CREATE DOMAIN known_too AS known;
CREATE DOMAIN free AS text;
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE TYPE pair AS (a int, b text);
CREATE FUNCTION same(colour, colour[]) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR === (LEFTARG = colour, RIGHTARG = colour[], FUNCTION = same);
CREATE FUNCTION to_pair(int) RETURNS pair LANGUAGE sql AS 'SELECT $1, ''''';
CREATE CAST (int AS pair) WITH FUNCTION to_pair(int);
CREATE SCHEMA "Odd One";
CREATE TABLE "Odd One"."a b" ("c d" int, ":relid 5" text, "[" text, "{" text);
CREATE VIEW "Odd One"."{v)" AS SELECT "c d" AS ":jointree", "[" AS "]", "{" AS "\", ":relid 5" AS "<>" FROM "Odd One"."a b" AS ":rtable";
