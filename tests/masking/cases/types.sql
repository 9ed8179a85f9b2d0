-- Masked columns of other types than text.
-- must: hidden
SELECT pin, points, salary FROM customers ORDER BY id
SELECT born FROM customers ORDER BY id
SELECT aliases FROM customers WHERE id = 3
SELECT home FROM customers WHERE id = 3
SELECT profile FROM customers WHERE id = 3
SELECT photo FROM customers WHERE id = 3
SELECT remark FROM customers WHERE id = 3
-- must: either
SELECT -pin, pin * 2, pin % 7, pin / 3, pin & 255, pin # 1, ~pin, pin << 1, |/ pin FROM customers WHERE id = 3
SELECT abs(pin), sqrt(pin), power(pin, 2), ln(pin), round(salary), ceil(salary), trunc(salary, -1), sign(pin - 5000) FROM customers WHERE id = 3
SELECT mod(pin, 10), div(salary, 7), gcd(pin, 60), lcm(pin, 2), factorial(pin % 10) FROM customers WHERE id = 3
SELECT int4send(pin), int8send(points), numeric_send(salary), date_send(born), textsend(ssn) FROM customers WHERE id = 8
SELECT pin::bit(32), pin::int2, pin::money, pin::boolean FROM customers WHERE id = 3
SELECT generate_series(1, pin / 500) FROM customers WHERE id = 3
SELECT count(*) FROM customers, generate_series(1, pin) WHERE id = 3
SELECT n FROM generate_series(1, 12000) n LIMIT (SELECT pin / 100 FROM customers WHERE id = 3)
SELECT n FROM generate_series(1, 12000) n OFFSET (SELECT pin FROM customers WHERE id = 3) LIMIT 1
SELECT length(repeat('.', pin)) FROM customers WHERE id = 3
SELECT int4range(pin, pin + 5), numrange(0, salary), daterange(born, NULL) FROM customers WHERE id = 3
SELECT sum(pin), avg(pin), stddev(pin), bit_and(pin), bit_xor(pin), variance(salary) FROM customers WHERE id < 9
SELECT salary::int, salary - 20000, salary % 10000, scale(salary), to_char(salary, '999999.99') FROM customers WHERE id = 3
SELECT extract(doy FROM born), date_part('month', born), extract(epoch FROM born), extract(julian FROM born) FROM customers WHERE id = 3
SELECT born - date '1950-01-01', age(date '2020-01-01', born), born + 1, date_trunc('month', born) FROM customers WHERE id = 3
SELECT to_char(born, 'YYYY-MM-DD Day'), born::timestamptz, isfinite(born), (born, interval '1 day') OVERLAPS (date '1950-01-01', date '1970-01-01') FROM customers WHERE id = 3
SELECT born > date '1953-06-01', make_date(2000, extract(month FROM born)::int, 1) FROM customers ORDER BY id
SELECT age(born) IS NULL, date_bin('10 days', born::timestamp, timestamp '1950-01-01') FROM customers WHERE id < 9 ORDER BY id
SELECT aliases[1], aliases[1:2], array_length(aliases, 1), cardinality(aliases) FROM customers ORDER BY id LIMIT 6
SELECT unnest(aliases) FROM customers WHERE id = 4
SELECT a FROM customers, unnest(aliases) WITH ORDINALITY AS u (a, n) WHERE id < 5 ORDER BY id, n
SELECT array_to_string(aliases, ','), aliases || ARRAY['x'], array_position(aliases, 'x'), aliases @> ARRAY['a'] FROM customers WHERE id = 4
SELECT 'x' = ANY (aliases), aliases && ARRAY['a', 'b'], array_ndims(aliases), array_upper(aliases, 1) FROM customers ORDER BY id
SELECT (home).street, (home).zip FROM customers WHERE id = 4
SELECT zip(home), street(home), home::text, row_to_json(home) FROM customers WHERE id = 4
SELECT (home).* FROM customers WHERE id = 4
SELECT h.street FROM customers c, LATERAL (SELECT (c.home).*) h WHERE id = 4
SELECT profile->'passport', profile->>'passport', profile#>'{passport}', profile['passport'] FROM customers WHERE id = 4
SELECT jsonb_path_query(profile, '$.**.iban'), jsonb_path_query_first(profile, '$.limit') FROM customers WHERE id = 4
SELECT key, value FROM customers, jsonb_each(profile) WHERE id = 4 ORDER BY key
SELECT jsonb_object_keys(profile) FROM customers WHERE id = 4
SELECT jsonb_pretty(profile), jsonb_strip_nulls(profile), profile::text, profile - 'limit', profile || '{"a": 1}' FROM customers WHERE id = 4
SELECT profile ? 'k3', profile ?| ARRAY['k1', 'k2'], profile @> '{"limit": 3000}', profile @? '$.k5', profile @@ '$.limit > 5000' FROM customers ORDER BY id
SELECT x.passport FROM customers, jsonb_to_record(profile) AS x (passport text) WHERE id = 4
SELECT jsonb_populate_record(NULL::customer_names, jsonb_build_object('name', profile->'passport')) FROM customers WHERE id = 4
SELECT j.p FROM customers, jsonb_array_elements_text(jsonb_build_array(profile->'passport')) AS j (p) WHERE id = 4
SELECT encode(photo, 'base64'), md5(photo), photo::text, substring(photo FROM 1 FOR 4), get_byte(photo, 0), get_bit(photo, 3) FROM customers WHERE id = 4
SELECT photo || '\x00', length(photo), convert_from(substring(photo FROM 1 FOR 0), 'UTF8'), photo > '\x80' FROM customers ORDER BY id LIMIT 5
SELECT remark || 'x', remark LIKE '%a%', upper(remark), replace(remark, 'a', 'b') FROM customers ORDER BY id LIMIT 5
SELECT email::email_address, email::text, VALUE FROM (SELECT email, email AS value FROM customers WHERE id = 3) x
SELECT area, initial || area, area::int FROM customers WHERE id = 4
