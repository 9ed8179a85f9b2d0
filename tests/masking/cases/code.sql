-- Functions, operators and statements in strings, that read the table by themselves.
-- must: either
SELECT contact_of(3)
SELECT * FROM contact_of(3)
SELECT public.contact_of(id) FROM customer_names WHERE id = 3
SELECT name FROM customer_names WHERE contact_of(id) LIKE '%<a%' ORDER BY id
SELECT * FROM everybody() LIMIT 2
SELECT (everybody()).ssn LIMIT 2
SELECT ssn FROM everybody() WHERE id = 3
SELECT tax_number(c) FROM customers c WHERE id = 3
SELECT c.tax_number FROM customers c WHERE id = 3
SELECT run_any('SELECT ssn FROM customers WHERE id = 3')
SELECT '1' === 3, (SELECT string_agg((n::text || '1234567' === n)::text || ssn, '') FROM generate_series(1, 3) n JOIN customers ON id = n)
SELECT length(3::bigint)
SELECT public.length(3::bigint)
CALL tell(3, '')
SELECT query_to_xml('SELECT ssn FROM customers WHERE id = 3', true, false, '')
SELECT query_to_xml_and_xmlschema('SELECT pin FROM customers WHERE id = 3', true, false, '')
SELECT table_to_xml('customers', true, false, '')
SELECT schema_to_xml('public', true, false, '')
SELECT database_to_xml(true, false, '')
SELECT xpath('//ssn/text()', query_to_xml('SELECT ssn FROM customers WHERE id < 4 ORDER BY id', true, false, ''))
SELECT word FROM ts_stat($$SELECT to_tsvector('simple', ssn) FROM customers WHERE id < 4$$) ORDER BY word
SELECT ts_rewrite('a', $$SELECT 'a'::tsquery, to_tsquery('simple', 'n' || ssn) FROM customers WHERE id = 3$$)
DO $$BEGIN RAISE NOTICE '%', (SELECT ssn FROM customers WHERE id = 3); END$$
DO $$BEGIN RAISE WARNING USING MESSAGE = 'm', DETAIL = (SELECT email FROM customers WHERE id = 3); END$$
DO $$BEGIN RAISE EXCEPTION USING MESSAGE = 'm', HINT = (SELECT pin::text FROM customers WHERE id = 3); END$$
DO $$BEGIN RAISE EXCEPTION USING MESSAGE = 'm', COLUMN = (SELECT ssn FROM customers WHERE id = 3), TABLE = (SELECT email FROM customers WHERE id = 3); END$$
DO $$BEGIN RAISE EXCEPTION USING ERRCODE = (SELECT 'Z' || left(ssn, 4) FROM customers WHERE id = 3); END$$
DO $$BEGIN IF (SELECT pin FROM customers WHERE id = 3) > 5000 THEN RAISE NOTICE 'high'; END IF; RAISE NOTICE '%', (SELECT sum(pin) FROM customers); END$$
DO $$DECLARE s text; BEGIN SELECT ssn INTO s FROM customers WHERE id = 3; EXECUTE 'SELECT ' || quote_literal(s) || ' FROM'; END$$
DO $$DECLARE s text; BEGIN SELECT ssn INTO s FROM customers WHERE id = 3; EXECUTE 'SELECT 1 / 0 -- ' || s; END$$
DO $$DECLARE r refcursor := 'r'; BEGIN OPEN r FOR SELECT ssn FROM customers WHERE id = 3; END$$; FETCH ALL FROM r
DO $$BEGIN PERFORM set_config('my.x', (SELECT ssn FROM customers WHERE id = 3), true); END$$; SHOW my.x
SAVEPOINT s; DECLARE c CURSOR FOR SELECT ssn FROM customers WHERE id = 3; SELECT cursor_to_xml('c', 1, true, false, '')
