-- A masked column in the select list, under every name that it can have.
-- must: hidden
SELECT email FROM customers WHERE id = 3
SELECT ssn FROM customers WHERE id = 3
SELECT id, name, born, pin, points, email, ssn, card_number, phone, salary FROM customers ORDER BY id
SELECT * FROM customers ORDER BY id
SELECT c.* FROM customers c ORDER BY c.id LIMIT 7
TABLE customers ORDER BY id LIMIT 3
SELECT ssn AS name FROM customers WHERE id BETWEEN 2 AND 4 ORDER BY id
SELECT ssn "clear" FROM public.customers WHERE id = 5
SELECT "customers"."ssn" FROM "customers" WHERE "id" = 5
SELECT SSN, eMail FROM CUSTOMERS WHERE ID = 5
SELECT U&"s\0073n" FROM U&"c\0075stomers" WHERE id = 9
SELECT public.customers.ssn FROM public.customers WHERE id = 9
SELECT customers.ssn, c2.ssn FROM customers, customers c2 WHERE customers.id = 1 AND c2.id = 2
SELECT (c).email FROM customers c WHERE c.id = 4
SELECT z FROM customers AS t (a, b, c, d, e, f, g, h, i, j, z) WHERE a = 8
SELECT x.ssn, x.n FROM (SELECT ssn, id AS n FROM customers) x WHERE x.n = 8
SELECT pin, pin AS p2, id, pin + 0 AS p3 FROM customers WHERE id = 12
SELECT o.id, c.ssn, c.email FROM orders o JOIN customers c ON c.id = o.customer_id ORDER BY o.id LIMIT 9
SELECT c.phone FROM customers c LEFT JOIN notes n ON n.customer_id = c.id ORDER BY c.id, n.id LIMIT 5
SELECT email, count(*) FROM customers NATURAL JOIN (SELECT id FROM orders) o GROUP BY id, email ORDER BY id LIMIT 5
SELECT ssn FROM customers c JOIN (SELECT id FROM orders) o USING (id) ORDER BY id LIMIT 4
SELECT ssn FROM ONLY customers WHERE id = 6
SELECT ssn FROM customers * WHERE id = 6
SELECT ssn FROM customers ORDER BY id OFFSET 5 FETCH FIRST 2 ROWS ONLY
SELECT DISTINCT ssn FROM customers WHERE id < 3
SELECT ALL remark FROM customers WHERE id < 4 ORDER BY id
SELECT remark, area, home, photo, profile, aliases FROM customers WHERE id IN (10, 11) ORDER BY id
SELECT points, name FROM customers ORDER BY id
SELECT email, name, count(*) FROM customers GROUP BY id ORDER BY id LIMIT 3
SELECT card_number FROM payments ORDER BY id
SELECT ssn FROM documents ORDER BY id
SELECT phone FROM contacts ORDER BY id
-- must: either
SELECT ssn FROM customers TABLESAMPLE BERNOULLI (100) WHERE id = 7
SELECT ssn FROM customers TABLESAMPLE SYSTEM (100) REPEATABLE (3) ORDER BY id LIMIT 2
SELECT DISTINCT ON (ssn) ssn FROM customers WHERE id < 6 ORDER BY ssn
SELECT (c.*).phone FROM customers c WHERE id = 2
SELECT ssn(c) FROM customers c WHERE id = 2
SELECT c.email FROM customers c WHERE c.ctid = '(0,1)'
SELECT ssn FROM customers a FULL JOIN (SELECT ssn FROM customers WHERE id < 4) b USING (ssn) WHERE a.id < 3 ORDER BY a.id
SELECT ssn FROM documents NATURAL FULL JOIN people_known ORDER BY 1
SELECT u.ssn FROM customers AS u (id, ssn, a, b, c, d, e, f, g, h, i) WHERE id = 3
SELECT q.ssn FROM (customers c CROSS JOIN notes n) AS q (a, b, c, d, e, f, g, h, i, j, ssn) WHERE q.a = 1 LIMIT 1
