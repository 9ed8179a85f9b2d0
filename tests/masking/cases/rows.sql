-- A whole row holds the masked columns too.
-- must: either
SELECT c FROM customers c WHERE id = 3
SELECT customers FROM customers WHERE id = 3
SELECT c::text FROM customers c WHERE id = 3
SELECT (c) IS NULL, c FROM customers c WHERE id < 3 ORDER BY id
SELECT ROW(c.*) FROM customers c WHERE id = 3
SELECT ROW(c) FROM customers c WHERE id = 3
SELECT ARRAY[c] FROM customers c WHERE id = 3
SELECT array_agg(c ORDER BY id) FROM customers c WHERE id < 4
SELECT (array_agg(c))[1] FROM customers c WHERE id = 4
SELECT row_to_json(c), to_json(c), to_jsonb(c) FROM customers c WHERE id = 4
SELECT to_jsonb(c) - 'name' FROM customers c WHERE id = 4
SELECT to_jsonb(c)->>'ssn' FROM customers c WHERE id = 4
SELECT json_agg(c) FROM customers c WHERE id < 3
SELECT jsonb_object_agg(id, c) FROM customers c WHERE id < 3
SELECT hstore(c) FROM customers c WHERE id = 4
SELECT hstore(c)->'email' FROM customers c WHERE id = 4
SELECT record_out(c) FROM customers c WHERE id = 4
SELECT md5(c::text), length(c::text) FROM customers c WHERE id = 4
SELECT max(c::text) FROM customers c WHERE id < 5
SELECT xmlelement(name c, c::text) FROM customers c WHERE id = 4
SELECT concat(c), format('%s', c), quote_literal(c) FROM customers c WHERE id = 4
SELECT c = ROW(c.*)::customers, hash_record(c), record_send(c) FROM customers c WHERE id = 4
SELECT x.r FROM (SELECT c AS r FROM customers c) x WHERE (x.r).id = 4
SELECT (x.r).ssn FROM (SELECT c AS r FROM customers c) x WHERE (x.r).id = 4
SELECT (r).phone FROM (SELECT c FROM customers c WHERE id = 4) AS x (r)
SELECT ((SELECT c FROM customers c WHERE id = 4)).ssn
SELECT ((array_agg(c))[1]).email FROM customers c WHERE id = 4
SELECT first_value(c) OVER (ORDER BY id) FROM customers c WHERE id < 4
SELECT count(DISTINCT c.ssn), count(DISTINCT c.phone) FROM customers c
SELECT jsonb_populate_record(NULL::customers, to_jsonb(c)) FROM customers c WHERE id = 4
SELECT ROW(c.pin) > ROW(c2.pin), c.* < c2.* FROM customers c, customers c2 WHERE c.id = c2.id + 1 ORDER BY c.id
SELECT j.value FROM customers c, jsonb_each_text(to_jsonb(c)) j WHERE id = 4 ORDER BY j.key
SELECT v FROM customers c CROSS JOIN LATERAL (VALUES (c.ssn), (c.pin::text)) AS l (v) WHERE id = 4
SELECT o, c FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.id = 4
SELECT j FROM (customers c JOIN orders o ON o.customer_id = c.id) AS j WHERE j.amount < 3
SELECT p FROM payments p WHERE id = 3
SELECT p::text FROM payments_2025 p ORDER BY id LIMIT 1
SELECT k FROM people_known k WHERE id = 6
SELECT p::people FROM people_known p WHERE p.ssn > '5' ORDER BY id
SELECT v FROM customer_contacts v WHERE k = 3
SELECT row_to_json(v) FROM contact_sheet v ORDER BY 1 ::text LIMIT 3
