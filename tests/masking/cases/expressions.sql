-- What is computed from a masked column is computed from the mask.
-- must: either
SELECT left(ssn, 9) FROM customers WHERE id = 3
SELECT substring(ssn FROM 2 FOR 5) FROM customers WHERE id = 3
SELECT substring(email FROM '^(.*)@') FROM customers WHERE id = 3
SELECT overlay(ssn PLACING 'x' FROM 1 FOR 1) FROM customers WHERE id = 3
SELECT ssn || '!' FROM customers WHERE id = 3
SELECT 'no: ' || pin FROM customers WHERE id = 3
SELECT concat(ssn, ' ', email, ' ', pin) FROM customers WHERE id = 3
SELECT concat_ws(',', id, ssn) FROM customers WHERE id = 3
SELECT format('%s %L %I', ssn, email, phone) FROM customers WHERE id = 3
SELECT nullif(ssn, 'nothing') FROM customers WHERE id = 3
SELECT coalesce(email, 'none') FROM customers ORDER BY id LIMIT 4
SELECT greatest(ssn, '0'), least(pin, 99999) FROM customers WHERE id = 3
SELECT CASE WHEN id > 0 THEN ssn ELSE name END FROM customers WHERE id = 3
SELECT CASE id WHEN 3 THEN email END FROM customers WHERE id = 3
SELECT upper(email), lower(ssn), initcap(email) FROM customers WHERE id = 4
SELECT btrim(ssn, ' '), ltrim(ssn), rtrim(phone) FROM customers WHERE id = 4
SELECT replace(ssn, '1', 'one') FROM customers WHERE id = 4
SELECT translate(ssn, '0123456789', 'abcdefghij') FROM customers WHERE id = 4
SELECT reverse(email) FROM customers WHERE id = 4
SELECT repeat(ssn, 2) FROM customers WHERE id = 4
SELECT lpad(ssn, 20, '.'), rpad(ssn, 20, '.') FROM customers WHERE id = 4
SELECT quote_literal(ssn), quote_ident(email), quote_nullable(phone) FROM customers WHERE id = 4
SELECT md5(ssn), md5(email) FROM customers WHERE id = 4
SELECT encode(sha512(ssn::bytea), 'base64') FROM customers WHERE id = 4
SELECT sha224(convert_to(email, 'UTF8')) FROM customers WHERE id = 4
SELECT hashtext(ssn), hashtextextended(ssn, 7) FROM customers WHERE id = 4
SELECT encode(ssn::bytea, 'hex') FROM customers WHERE id = 4
SELECT convert_from(convert_to(ssn, 'LATIN1'), 'LATIN1') FROM customers WHERE id = 4
SELECT length(ssn), octet_length(email), bit_length(phone), char_length(remark::text) FROM customers ORDER BY id LIMIT 6
SELECT position('7' IN ssn), strpos(ssn, '4') FROM customers ORDER BY id LIMIT 6
SELECT ascii(ssn), ascii(right(ssn, 1)) FROM customers ORDER BY id LIMIT 6
SELECT i, substr(ssn, i, 1) FROM customers, generate_series(1, 9) i WHERE id = 4 ORDER BY i
SELECT i, get_byte(ssn::bytea, i) FROM customers, generate_series(0, 8) i WHERE id = 4 ORDER BY i
SELECT string_to_array(ssn, '0') FROM customers WHERE id = 5
SELECT string_to_table(email, 'a') FROM customers WHERE id = 5
SELECT split_part(email, '@', 1) FROM customers WHERE id = 5
SELECT regexp_replace(ssn, '[0-4]', 'x', 'g') FROM customers WHERE id = 5
SELECT regexp_match(email, '(.)(.)') FROM customers WHERE id = 5
SELECT regexp_matches(ssn, '\d\d', 'g') FROM customers WHERE id = 5
SELECT regexp_split_to_array(ssn, '5'), regexp_count(ssn, '[1-5]') FROM customers WHERE id = 5
SELECT regexp_substr(email, '[a-m]+') FROM customers WHERE id = 5
SELECT starts_with(ssn, '1') FROM customers ORDER BY id
SELECT ssn ^@ '4' FROM customers ORDER BY id
SELECT ssn LIKE '%7%', ssn ILIKE '4%', ssn SIMILAR TO '%(33|44)%' FROM customers ORDER BY id
SELECT ssn ~ '^[0-4]', email ~* '^[A-M]' FROM customers ORDER BY id
SELECT ssn = '123456789', ssn > '5', ssn IN ('1', '2'), ssn BETWEEN '3' AND '6' FROM customers ORDER BY id
SELECT ssn IS NULL, points IS NULL, points IS NOT DISTINCT FROM NULL FROM customers ORDER BY id
SELECT ssn < ALL (ARRAY['4', '5']), pin = ANY (ARRAY[1, 2]), pin > 5000 FROM customers ORDER BY id
SELECT (pin, ssn) > (5000, '') FROM customers ORDER BY id
SELECT (pin > 4000) IS TRUE, num_nulls(points, born), num_nonnulls(points) FROM customers ORDER BY id
SELECT ssn::varchar(3), ssn::char(15), ssn::name, ssn::bytea FROM customers WHERE id = 5
SELECT CAST(ssn AS text), ssn::text COLLATE "C" FROM customers WHERE id = 5
SELECT ssn::bigint, ssn::numeric / 3, ssn::float8 FROM customers WHERE id = 5
SELECT pin::text, pin::bit(16), pin::float4, pin::oid FROM customers WHERE id = 5
SELECT to_hex(pin), to_char(pin, '0000000'), chr(pin) FROM customers WHERE id = 5
SELECT ARRAY[ssn, email::text], ARRAY[pin, id] FROM customers WHERE id = 5
SELECT (ARRAY[ssn])[1], array_append(NULL, pin), array_fill(pin, '{2}') FROM customers WHERE id = 5
SELECT ROW(id, ssn), (id, email) FROM customers WHERE id = 5
SELECT xmlelement(name one, ssn), xmlforest(email, pin) FROM customers WHERE id = 5
SELECT xmlconcat(xmlelement(name a, pin), xmlcomment(email)) FROM customers WHERE id = 5
SELECT hstore('k', ssn), hstore(ARRAY['k'], ARRAY[email::text]) FROM customers WHERE id = 5
SELECT json_build_object('s', ssn), json_build_array(pin, email), to_json(ssn), jsonb_build_object(ssn, 1) FROM customers WHERE id = 5
SELECT row_to_json(ROW(ssn)), array_to_json(ARRAY[ssn]), to_jsonb(pin) FROM customers WHERE id = 5
SELECT json_object(ARRAY['s', ssn]), jsonb_set('{}', '{s}', to_jsonb(ssn)) FROM customers WHERE id = 5
SELECT to_tsvector('simple', ssn), to_tsquery('simple', 'a' || pin), ssn::tsvector FROM customers WHERE id = 5
SELECT unistr(ssn), normalize(email), ssn IS NORMALIZED FROM customers WHERE id = 5
SELECT similarity FROM (SELECT levenshtein.l AS similarity FROM customers, LATERAL (SELECT length(replace(ssn, '1', '')) AS l) levenshtein ORDER BY id) x
SELECT date '2000-01-01' + pin, interval '1 second' * pin, make_interval(days => pin) FROM customers WHERE id = 6
SELECT random() < 2, pg_typeof(ssn), ssn FROM customers WHERE id = 6
SELECT pg_column_size(ssn), pg_column_size(email) FROM customers ORDER BY id
SELECT pg_size_pretty(pin::bigint), width_bucket(pin, 0, 10000, 100) FROM customers ORDER BY id LIMIT 8
SELECT lower(int4range(pin, NULL)), int4multirange(int4range(pin, pin + 3)) FROM customers WHERE id = 6
SELECT point(pin, salary), box(point(0, 0), point(pin, 1)), circle(point(0, 0), pin) FROM customers WHERE id = 6
SELECT ('10.0.0.0'::inet + pin)::text, set_masklen('10.0.0.0'::inet, pin % 32) FROM customers WHERE id = 6
SELECT translate(ssn, '0123456789', U&'\FF10\FF11\FF12\FF13\FF14\FF15\FF16\FF17\FF18\FF19') FROM customers WHERE id = 6
SELECT regexp_replace(ssn, '(.)', U&'\0031\200b', 'g'), regexp_replace(ssn, '(.)', '\1 ', 'g') FROM customers WHERE id = 6
SELECT replace(ssn, '3', E'\n'), replace(email, '@', ' at ') FROM customers WHERE id = 6
