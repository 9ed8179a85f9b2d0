-- The rows of one copy; psql's variable `copy` says which. The copies differ in what is masked, and agree on what
-- the masks show: an e-mail address's domain, a card's last four digits, a telephone number's last two, a year of
-- birth, the ten thousand that a salary is in, where these are NULL. Every row takes as much room in either, since
-- pages, ctid and EXPLAIN tell of room: where one value is longer, or NULL, another is shorter, or longer.
SET SESSION AUTHORIZATION shop_owner;
SET my.copy = :'copy';
CREATE FUNCTION pg_temp.copy() RETURNS int LANGUAGE sql STABLE AS $$SELECT current_setting('my.copy')::int$$;
-- n digits, letters, a number below `below`: of a row and of the copy.
CREATE FUNCTION pg_temp.digits(nth int, what text, n int) RETURNS text LANGUAGE sql STABLE AS
    $$SELECT left(translate(md5(nth || what || pg_temp.copy()) || md5(what || nth), 'abcdef', '123456'), n)$$;
CREATE FUNCTION pg_temp.letters(nth int, what text, n int) RETURNS text LANGUAGE sql STABLE AS
    $$SELECT left(translate(md5(nth || what || pg_temp.copy()), '0123456789', 'ghijklmnop'), n)$$;
CREATE FUNCTION pg_temp.below(nth int, what text, below int) RETURNS int LANGUAGE sql STABLE AS
    $$SELECT ('x' || left(md5(nth || what || pg_temp.copy()), 6))::bit(24)::int % below$$;
-- 0 for half of the rows in one copy, for the other half in the other.
CREATE FUNCTION pg_temp.odd(nth int) RETURNS int LANGUAGE sql STABLE AS $$SELECT (nth + pg_temp.copy()) % 2$$;

INSERT INTO customers (id, born, pin, points, joined, active, name, country, email, ssn, card_number, phone, salary,
                       aliases, home, profile, photo, remark)
SELECT n,
       CASE WHEN n % 11 <> 0 THEN make_date(1950 + n % 50, 1, 2) + pg_temp.below(n, 'born', 360) END,
       1000 + pg_temp.below(n, 'pin', 9000),
       CASE WHEN pg_temp.odd(n) = 0 OR n % 11 = 0 THEN pg_temp.below(n, 'points', 100000) END,
       date '2015-01-01' + n * 13,
       n % 7 <> 0,
       'Customer ' || n,
       (ARRAY['US', 'DE', 'JP', 'FR'])[1 + n % 4],
       CASE WHEN n % 10 <> 0 THEN
           pg_temp.letters(n, 'email', 12 + 4 * pg_temp.odd(n)) || n || '@' || (ARRAY['mail.example', 'post.example', 'box.example'])[1 + n % 3] END,
       pg_temp.digits(n, 'ssn', 9 + 2 * pg_temp.odd(n)),
       pg_temp.digits(n, 'card', 12) || lpad(n::text, 4, '0'),
       '+1' || pg_temp.digits(n % (20 + 10 * pg_temp.copy()), 'phone', 10 + 2 * (1 - pg_temp.odd(n))) || (10 + n % 40),
       20000 + n % 9 * 10000 + 1 + pg_temp.below(n, 'salary', 9998) + 0.25,
       CASE pg_temp.odd(n) WHEN 0 THEN ARRAY[pg_temp.letters(n, 'alias', 12)]
                           ELSE ARRAY[pg_temp.letters(n, 'one', 4), pg_temp.letters(n, 'two', 4)] END,
       ROW(pg_temp.letters(n, 'street', 8 + 4 * pg_temp.odd(n)), pg_temp.digits(n, 'zip', 9 - 4 * pg_temp.odd(n)))::address,
       jsonb_build_object('passport', pg_temp.letters(n, 'passport', 8), 'limit', 1000 + pg_temp.below(n, 'limit', 9000),
                          'k' || pg_temp.below(n, 'key', 10), jsonb_build_object('iban', 'DE' || pg_temp.digits(n, 'iban', 20))),
       decode(md5('photo' || n || pg_temp.copy()), 'hex'),
       'said ' || pg_temp.letters(n, 'remark', 20 - 4 * pg_temp.odd(n) + 12 * (pg_temp.odd(n) * (n % 11 <> 0)::int))
FROM generate_series(1, 120) n;

INSERT INTO orders SELECT n, 1 + n * 7 % 120, n * 1.25, (ARRAY['new', 'paid', 'sent'])[1 + n % 3]::order_status, 'order ' || n,
       timestamptz '2025-01-01 00:00Z' + n * interval '1 hour', jsonb_build_object('sku', n % 17, 'n', n % 5)
FROM generate_series(1, 300) n;
ALTER TABLE notes DISABLE TRIGGER say_whose;
INSERT INTO notes (customer_id, body) SELECT 1 + n % 120, 'note ' || n FROM generate_series(1, 40) n;
ALTER TABLE notes ENABLE TRIGGER say_whose;
INSERT INTO newsletter SELECT id, email, 'topic ' || id % 5 FROM customers WHERE email IS NOT NULL AND id % 4 = 0;
INSERT INTO documents SELECT n, 'document ' || n, repeat(pg_temp.letters(n, 'document', 25), 200) FROM generate_series(1, 3) n;
INSERT INTO payments (id, customer_id, card_number, amount, paid_on)
    SELECT n, 1 + n % 120, c.card_number, n * 2.5, date '2024-01-05' + n * 9
    FROM generate_series(1, 60) n JOIN customers c ON c.id = 1 + n % 120;
INSERT INTO contacts SELECT n, '+49' || pg_temp.digits(n, 'contact', 10) || 10 + n FROM generate_series(1, 10) n;
INSERT INTO contacts_vip SELECT n, '+49' || pg_temp.digits(n, 'vip', 10) || 10 + n, 'gold' FROM generate_series(11, 15) n;
INSERT INTO people SELECT n, 'nick ' || n FROM generate_series(1, 5) n;
INSERT INTO people_known SELECT n, 'nick ' || n, pg_temp.digits(n, 'known', 9) FROM generate_series(6, 9) n;
REFRESH MATERIALIZED VIEW customer_hashes;
RESET SESSION AUTHORIZATION;
