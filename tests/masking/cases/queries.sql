-- Common table expressions, sub-selects, LATERAL, set operations: a masked column on its way through scopes.
-- must: hidden
WITH x AS (SELECT ssn AS s FROM customers WHERE id = 3) SELECT s FROM x
WITH x (a, b) AS (SELECT id, ssn FROM customers) SELECT b FROM x WHERE a = 3
WITH x AS MATERIALIZED (SELECT * FROM customers) SELECT email FROM x WHERE id = 3
WITH x AS NOT MATERIALIZED (TABLE customers) SELECT ssn, phone FROM x WHERE id = 3
WITH a AS (SELECT id, ssn FROM customers), b AS (SELECT ssn AS t, id FROM a) SELECT t FROM b WHERE id = 4
WITH customers AS (SELECT id, ssn AS name FROM public.customers) SELECT name FROM customers WHERE id = 4
SELECT s FROM (SELECT ssn AS s, id FROM customers) x WHERE id = 4
SELECT (SELECT ssn FROM customers WHERE id = 4)
SELECT ARRAY(SELECT ssn FROM customers WHERE id < 4 ORDER BY id)
SELECT o.id, (SELECT c.email FROM customers c WHERE c.id = o.customer_id) FROM orders o ORDER BY o.id LIMIT 5
SELECT l.x FROM customers, LATERAL (SELECT ssn) AS l (x) WHERE id = 4
SELECT l.x FROM orders o, LATERAL (SELECT ssn AS x FROM customers c WHERE c.id = o.customer_id) l WHERE o.id < 4 ORDER BY o.id
SELECT * FROM (SELECT id, ssn FROM customers WHERE id < 3) x JOIN (SELECT id, email FROM customers) y USING (id) ORDER BY id
-- must: either
WITH RECURSIVE t (n, s) AS (SELECT 1, ssn FROM customers WHERE id = 1 UNION ALL SELECT n + 1, c.ssn FROM t JOIN customers c ON c.id = n + 1 WHERE n < 4) SELECT s FROM t ORDER BY n
WITH RECURSIVE t (s) AS (SELECT ssn FROM customers WHERE id = 3 UNION ALL SELECT substr(s, 2) FROM t WHERE s <> '') SELECT s FROM t
WITH RECURSIVE t (id, s) AS (SELECT id, ssn FROM customers WHERE id = 1 UNION ALL SELECT t.id + 1, c.ssn FROM t, customers c WHERE c.id = t.id + 1 AND t.id < 3) SEARCH DEPTH FIRST BY s SET o CYCLE id SET looped USING path SELECT o, path FROM t
SELECT ssn FROM customers WHERE id = 3 UNION ALL SELECT 'x'
SELECT ssn FROM customers WHERE id < 3 UNION SELECT email::text FROM customers WHERE id < 3 ORDER BY 1
SELECT name FROM customers WHERE id < 3 UNION ALL SELECT ssn FROM customers WHERE id < 3
SELECT ssn FROM customers EXCEPT SELECT 'x' ORDER BY 1
SELECT left(ssn, 1) FROM customers WHERE id < 8 INTERSECT SELECT n::text FROM generate_series(0, 9) n ORDER BY 1
SELECT id FROM customers WHERE id < 40 EXCEPT SELECT id FROM customers WHERE pin > 5000 ORDER BY 1
SELECT pin FROM customers EXCEPT ALL SELECT n FROM generate_series(1000, 5000) n ORDER BY 1
(SELECT ssn FROM customers WHERE id = 1) UNION ALL (SELECT ssn FROM customers WHERE id = 2 ORDER BY ssn LIMIT 1)
VALUES ((SELECT ssn FROM customers WHERE id = 3)), ('x')
SELECT * FROM (VALUES (1, (SELECT email FROM customers WHERE id = 3))) v (n, e)
SELECT x FROM customers, LATERAL (VALUES (ssn), (email::text)) AS l (x) WHERE id = 3
SELECT x FROM customers, unnest(ARRAY[ssn, phone::text]) AS x WHERE id = 3
SELECT x FROM customers, ROWS FROM (unnest(ARRAY[ssn]), generate_series(1, 2)) AS r (x, n) WHERE id = 3 ORDER BY n
SELECT x FROM customers, regexp_split_to_table(ssn, '') AS x WHERE id = 3
SELECT x.v FROM customers c, XMLTABLE('/r' PASSING xmlelement(name r, c.ssn) COLUMNS v text PATH '.') x WHERE c.id = 3
SELECT y.v FROM customers c, LATERAL (SELECT c.ssn || n AS v FROM generate_series(1, 2) n) y WHERE c.id = 3 ORDER BY 1
SELECT EXISTS (SELECT FROM customers WHERE id = 3 AND pin > 5000), EXISTS (SELECT FROM customers WHERE ssn LIKE '99%'), 5 > ALL (SELECT left(ssn, 1)::int FROM customers WHERE id < 6), EXISTS (SELECT FROM customers WHERE ssn LIKE '12%'), EXISTS (SELECT FROM customers WHERE ssn LIKE '31%'), EXISTS (SELECT FROM customers WHERE ssn LIKE '45%')
SELECT n FROM generate_series(0, 9999) n WHERE n IN (SELECT pin FROM customers) ORDER BY n LIMIT 10
SELECT n FROM generate_series(0, 9999) n WHERE n = (SELECT pin FROM customers WHERE id = 3)
SELECT n FROM generate_series(0, 9999) n JOIN customers c ON c.pin = n WHERE c.id = 3
SELECT n FROM customers c JOIN LATERAL generate_series(0, c.pin) n ON true WHERE c.id = 3 ORDER BY n DESC LIMIT 1
SELECT d::date FROM generate_series(date '1950-01-01', date '2000-01-01', '1 day') d, customers WHERE born = d AND id < 5 ORDER BY id
SELECT string_agg(ch, '' ORDER BY i) FROM generate_series(1, 9) i, unnest(string_to_array('0,1,2,3,4,5,6,7,8,9', ',')) ch WHERE ch = (SELECT substr(ssn, i, 1) FROM customers WHERE id = 3)
SELECT o.id FROM orders o WHERE o.customer_id IN (SELECT id FROM customers WHERE pin > 5000) ORDER BY o.id
SELECT o.memo FROM orders o JOIN customers c ON c.id = o.customer_id AND c.ssn < '5' ORDER BY o.id
SELECT c.name, count(*) FROM customers c JOIN newsletter n ON n.email > c.email GROUP BY c.id ORDER BY c.id
SELECT a.id, b.id FROM customers a JOIN customers b ON a.phone = b.phone AND a.id < b.id ORDER BY 1, 2
SELECT a.id FROM customers a LEFT JOIN customers b ON b.pin = a.pin + 1 WHERE b.id IS NULL ORDER BY 1
SELECT CASE WHEN (SELECT pin FROM customers WHERE id = 3) > 4000 THEN 'high' ELSE 'low' END, (SELECT max(pin) FROM customers)
