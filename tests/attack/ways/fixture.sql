-- A shop as one finds it: an owner, an application, a reader, code of its own in the database, some of it
-- careless. Loaded by a superuser into an empty database; the roles are there already (see `run`).
-- Nothing in here is meant as advice.
CREATE EXTENSION citext;
CREATE EXTENSION hstore;
CREATE EXTENSION tablefunc;
CREATE EXTENSION dblink;
CREATE EXTENSION postgres_fdw;
CREATE EXTENSION xml2;
CREATE EXTENSION pageinspect;
GRANT CREATE ON SCHEMA public TO shop_owner, shop_app;
SELECT lo_from_bytea(4711, 'contract of 2019');
GRANT SELECT, UPDATE ON LARGE OBJECT 4711 TO shop_app;
ALTER LARGE OBJECT 4711 OWNER TO shop_owner;



SET SESSION AUTHORIZATION shop_owner;
CREATE SCHEMA hr;
CREATE SCHEMA audit;
CREATE SCHEMA api;
GRANT USAGE ON SCHEMA hr, audit, api TO shop_app, shop_reader;

CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, email text UNIQUE, tier text NOT NULL DEFAULT 'basic', credit int NOT NULL DEFAULT 0);
INSERT INTO customers SELECT n, 'Customer ' || n, 'c' || n || '@mail.invalid', CASE WHEN n % 10 = 0 THEN 'gold' ELSE 'basic' END, n * 10 FROM generate_series(1, 100) n;
CREATE TABLE orders (id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customers ON DELETE CASCADE ON UPDATE CASCADE, total numeric(10, 2) NOT NULL, state text NOT NULL DEFAULT 'open', remark text);
INSERT INTO orders SELECT n, (n - 1) % 100 + 1, n * 1.25, CASE WHEN n % 3 = 0 THEN 'sent' ELSE 'open' END FROM generate_series(1, 300) n;
CREATE TABLE order_lines (order_id int REFERENCES orders ON DELETE CASCADE, line int, article text NOT NULL, quantity int NOT NULL, PRIMARY KEY (order_id, line));
INSERT INTO order_lines SELECT n, 1, 'article-' || n % 50 + 1, 1 FROM generate_series(1, 300) n;
CREATE TABLE stock (article text PRIMARY KEY, quantity int NOT NULL CHECK (quantity >= 0), shelf int);
INSERT INTO stock SELECT 'article-' || n, 1000, n FROM generate_series(1, 50) n;
CREATE TABLE payments (id int, order_id int, amount numeric(10, 2), paid date NOT NULL) PARTITION BY RANGE (paid);
CREATE TABLE payments_2024 PARTITION OF payments FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE payments_2025 PARTITION OF payments FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE payments_rest PARTITION OF payments DEFAULT;
INSERT INTO payments SELECT n, n, n, date '2024-01-01' + n * 4 FROM generate_series(1, 240) n;
CREATE TABLE visits (id int, page text);
CREATE TABLE visits_old (browser text) INHERITS (visits);
INSERT INTO visits SELECT n, '/p' || n FROM generate_series(1, 60) n;
INSERT INTO visits_old SELECT n, '/o' || n, 'lynx' FROM generate_series(1, 240) n;
CREATE TABLE notes (id serial PRIMARY KEY, body text);
INSERT INTO notes (body) VALUES ('first'), ('second'), ('third');
CREATE TABLE tickets (id int PRIMARY KEY, title text);
INSERT INTO tickets VALUES (1, 'broken cup');
CREATE TABLE settings (key text PRIMARY KEY, value text);
INSERT INTO settings VALUES ('shop.open', 'yes'), ('shop.name', 'Corner'), ('mail.from', 'shop@mail.invalid');
CREATE SEQUENCE invoice_number;

CREATE TABLE audit.entries (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT '2025-01-01', who text, what text);
INSERT INTO audit.entries (who, what) SELECT 'seed', 'entry ' || n FROM generate_series(1, 60) n;
CREATE TABLE hr.salaries (id int PRIMARY KEY, person text, amount int, remark text);
INSERT INTO hr.salaries VALUES (1, 'S4LARY-Ada', 91000, 'S4LARY-remark-1'), (2, 'S4LARY-Ben', 72000, 'S4LARY-remark-2'), (3, 'S4LARY-Cyd', 65000, NULL);
CREATE TABLE hr.reviews (salary_id int REFERENCES hr.salaries, text text);
INSERT INTO hr.reviews VALUES (1, 'S4LARY-review');

-- Code. What it does is the worst that code of its kind could do.
CREATE FUNCTION api.order_total(int) RETURNS numeric LANGUAGE sql STABLE AS 'SELECT sum(total) FROM public.orders WHERE customer_id = $1';
CREATE FUNCTION api.close_account(first int) RETURNS int LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM public.customers WHERE id >= $1; SELECT 1';
CREATE FUNCTION api.run_report(query text) RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN EXECUTE query; RETURN 1; END';
CREATE PROCEDURE api.archive_orders() LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM public.orders';
CREATE FUNCTION api.wipe() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM public.orders; SELECT 1';
CREATE FUNCTION api.wipe_pages() RETURNS SETOF int LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM public.orders RETURNING id';
CREATE FUNCTION api.tidy(int) RETURNS int LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER AS 'BEGIN PERFORM api.wipe(); RETURN $1; END';
CREATE FUNCTION api.tidy_text(text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN DELETE FROM public.orders; RETURN true; END';
CREATE FUNCTION api.tidy_variadic(VARIADIC int[]) RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN DELETE FROM public.orders; RETURN 1; END';
CREATE FUNCTION api.tidy_named(a int DEFAULT 1, b int DEFAULT 2) RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN DELETE FROM public.orders; RETURN 1; END';
CREATE FUNCTION purge(customers) RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN DELETE FROM public.orders; RETURN 1; END';
CREATE FUNCTION length(int) RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN DELETE FROM public.orders; RETURN 1; END';
CREATE FUNCTION lower(public.citext, int) RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN DELETE FROM public.orders; RETURN 1; END';
CREATE FUNCTION api.sweep_step(int, int) RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN DELETE FROM public.orders; RETURN 1; END';
CREATE AGGREGATE api.sweep(int) (SFUNC = api.sweep_step, STYPE = int, INITCOND = '0');
CREATE AGGREGATE public.max(boolean) (SFUNC = pg_catalog.booland_statefunc, STYPE = boolean);
CREATE FUNCTION api.after_max(boolean) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN DELETE FROM public.orders; RETURN true; END';
DROP AGGREGATE public.max(boolean);
CREATE AGGREGATE public.max(boolean) (SFUNC = pg_catalog.booland_statefunc, STYPE = boolean, FINALFUNC = api.after_max);
CREATE FUNCTION api.compare(int, int) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN DELETE FROM public.orders; RETURN true; END';
CREATE OPERATOR public.<-> (LEFTARG = int, RIGHTARG = int, FUNCTION = api.compare);
CREATE FUNCTION api.equal_text(text, int) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN DELETE FROM public.orders; RETURN true; END';
CREATE FUNCTION api.flip(int) RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN DELETE FROM public.orders; RETURN 1; END';
CREATE OPERATOR public.!! (RIGHTARG = int, FUNCTION = api.flip);
CREATE TYPE coupon AS ENUM ('spring', 'autumn');
CREATE FUNCTION api.redeem(coupon) RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN DELETE FROM public.orders; RETURN 1; END';
CREATE CAST (coupon AS int) WITH FUNCTION api.redeem(coupon) AS ASSIGNMENT;
CREATE TYPE price AS (cents int);
CREATE FUNCTION api.cents(price) RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN DELETE FROM public.orders; RETURN 1; END';
CREATE CAST (price AS int) WITH FUNCTION api.cents(price) AS IMPLICIT;
CREATE DOMAIN article_code AS text CHECK (api.tidy_text(VALUE));
CREATE DOMAIN article_code_2 AS article_code;
CREATE TYPE parcel AS (code article_code, weight int);
CREATE FUNCTION api.salary_of(int) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT person || amount FROM hr.salaries WHERE id = $1';

CREATE VIEW api.open_orders AS SELECT id, customer_id, total, state, remark FROM orders WHERE state <> 'gone';
CREATE VIEW api.every_order AS SELECT * FROM api.open_orders;
CREATE VIEW api.order_totals AS SELECT customer_id, sum(total) AS total FROM orders GROUP BY customer_id;
CREATE VIEW api.staff AS SELECT id, person AS who, remark FROM hr.salaries;
CREATE VIEW api.staff_names AS SELECT upper(who) AS name FROM api.staff;
CREATE MATERIALIZED VIEW api.staff_cache AS SELECT person AS p FROM hr.salaries;
CREATE VIEW api.busy AS SELECT c.id, c.name, api.wipe() AS checked FROM customers c;
CREATE VIEW mailbox AS SELECT id, body FROM notes;
CREATE RULE mailbox_insert AS ON INSERT TO mailbox DO INSTEAD DELETE FROM public.orders;
CREATE TABLE suggestions (body text);
CREATE RULE suggestions_insert AS ON INSERT TO suggestions DO ALSO DELETE FROM public.orders;
CREATE TABLE wishes (body text, token int DEFAULT api.wipe());
CREATE TABLE outbox (body text);
CREATE FUNCTION api.outbox_sent() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN DELETE FROM public.orders; RETURN NEW; END';
CREATE TRIGGER outbox_sent AFTER INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION api.outbox_sent();
CREATE TABLE letters (id int, body text);
INSERT INTO letters VALUES (1, 'dear');
CREATE FUNCTION api.may_see(int) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN DELETE FROM public.orders; RETURN true; END';
ALTER TABLE letters ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY letters_seen ON letters USING (api.may_see(id));
CREATE FUNCTION api.log_customer() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN INSERT INTO audit.entries (who, what) VALUES (session_user, 'customer ' || OLD.id); RETURN OLD; END$$;
CREATE TRIGGER customers_logged BEFORE DELETE ON customers FOR EACH ROW EXECUTE FUNCTION api.log_customer();
CREATE FUNCTION api.no_gold_sale() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF NEW.tier <> OLD.tier AND NEW.tier = 'gold' THEN RAISE 'not here'; END IF; RETURN NEW; END$$;
CREATE TRIGGER customers_tier BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION api.no_gold_sale();

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public, api, hr, audit TO shop_app;
GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public, audit TO shop_app;
GRANT SELECT ON ALL TABLES IN SCHEMA public, api, hr, audit TO shop_reader;
RESET SESSION AUTHORIZATION;
CREATE PUBLICATION shop_changes FOR TABLE orders, customers;
ALTER PUBLICATION shop_changes OWNER TO shop_owner;
ANALYZE;
