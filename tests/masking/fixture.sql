-- Two databases are made of this; then each gets masked values of its own (values.sql). What a mask shows (a
-- domain, a year, a range, the last characters) is the same in both.
CREATE EXTENSION citext;
CREATE TYPE home AS (street text, zip text);
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE DOMAIN code AS text CHECK (value ~ '^[A-Z]+$');
CREATE TABLE people (
    id int PRIMARY KEY, name text NOT NULL, country text DEFAULT 'XX', mail text UNIQUE, ssn text UNIQUE,
    born date, pin int NOT NULL, salary numeric(12,2), nick varchar(4), tags text[], home home, profile jsonb,
    photo bytea, feeling mood, letter code, key uuid NOT NULL, seen timestamptz NOT NULL, level smallint,
    nickname citext, phone text, loud text GENERATED ALWAYS AS (upper(ssn)) STORED
);
INSERT INTO people SELECT g, 'name ' || g, CASE WHEN g % 3 = 0 THEN 'DE' ELSE 'US' END FROM generate_series(1, 0) g;
CREATE INDEX ON people (country);
CREATE TABLE orders (id int PRIMARY KEY, person int NOT NULL REFERENCES people, amount numeric(10,2) CHECK (amount >= 0), memo text);
CREATE TABLE notes (id serial PRIMARY KEY, body text);
INSERT INTO notes (body) VALUES ('a note');
CREATE VIEW contacts AS SELECT id AS k, name AS who, ssn AS reference, upper(mail) AS loud_mail FROM people;
CREATE VIEW deep AS SELECT k, reference || '!' AS shout FROM contacts;
CREATE VIEW mails AS SELECT k, m.mail AS plain, upper(m.mail) AS loud, pay FROM (SELECT id AS k, mail, salary AS pay FROM people) m
    JOIN generate_series(1, 3) g ON g = m.k;
CREATE VIEW both_mails AS SELECT k, plain FROM mails UNION ALL SELECT k, loud FROM mails;
CREATE VIEW rich AS SELECT id, name FROM people WHERE salary > 1000;
CREATE MATERIALIZED VIEW kept AS SELECT id, ssn AS s, country FROM people WITH NO DATA;
CREATE TABLE payments (id int, card text, paid date) PARTITION BY RANGE (paid);
CREATE TABLE payments_24 PARTITION OF payments FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE payments_25 (paid date, card text, id int);
ALTER TABLE payments ATTACH PARTITION payments_25 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE old_contacts (id int, phone text);
CREATE TABLE old_contacts_vip (tier text) INHERITS (old_contacts);
CREATE SCHEMA other;
CREATE TABLE other.people (id int PRIMARY KEY, what text);
INSERT INTO other.people VALUES (1, 'other');
CREATE TABLE tagged (id int, secret text, plain text);
COMMENT ON COLUMN tagged.secret IS 'postern: pii';
CREATE FUNCTION peek(i int) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT ssn FROM people WHERE id = i';
CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
    RAISE NOTICE 'row %', (SELECT ssn FROM people WHERE id = 1);
    IF NEW.body = 'raise' THEN RAISE EXCEPTION 'no: %', (SELECT ssn FROM people WHERE id = 1); END IF;
    RETURN NEW; END$$;
CREATE TRIGGER told BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION told();
CREATE TABLE archive (id int, was people, many people[]);
CREATE TABLE ruled (id int, what text);
CREATE RULE r AS ON UPDATE TO ruled DO INSTEAD SELECT ssn, mail FROM people;
CREATE ROLE app LOGIN PASSWORD 'app-password';
GRANT USAGE, CREATE ON SCHEMA public, other TO app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public, other TO app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO app;
