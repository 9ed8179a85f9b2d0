-- Statements that return nothing masked, and whose answer depends on it.
-- must: either
SELECT name FROM customers WHERE ssn LIKE '4%' ORDER BY id
SELECT name FROM customers WHERE left(ssn, 1) = '3' ORDER BY id
SELECT count(*) FROM customers WHERE ssn ~ '^[1-4]'
SELECT count(*) FROM customers WHERE pin BETWEEN 3000 AND 4000
SELECT count(*) FROM customers WHERE email < 'h'
SELECT count(*) FROM customers WHERE salary > 44000
SELECT count(*) FROM customers WHERE born > date_trunc('year', born) + interval '6 months'
SELECT id FROM customers WHERE phone LIKE '+11%' ORDER BY id
SELECT id FROM customers WHERE points IS NULL ORDER BY id
SELECT id FROM customers WHERE cardinality(aliases) = 1 ORDER BY id
SELECT id FROM customers WHERE profile ? 'k4' ORDER BY id
SELECT id FROM customers WHERE (profile->>'limit')::int > 5000 ORDER BY id
SELECT id FROM customers WHERE (home).street < 'h' ORDER BY id
SELECT id FROM customers WHERE photo < '\x80' ORDER BY id
SELECT id FROM customers WHERE area > '500' ORDER BY id
SELECT id FROM customers WHERE remark ILIKE 'said a%' OR remark ILIKE 'said b%' ORDER BY id
SELECT id FROM customers WHERE length(ssn) = 11 ORDER BY id
SELECT id FROM customers WHERE md5(ssn) < '8' ORDER BY id
SELECT id FROM customers WHERE ssn::bigint % 2 = 0 ORDER BY id
SELECT id FROM customers WHERE NOT ssn > '5' ORDER BY id
SELECT id FROM customers WHERE (ssn, pin) > ('5', 0) ORDER BY id
SELECT id FROM customers WHERE pin IN (SELECT generate_series(1000, 9999, 2)) ORDER BY id
SELECT id FROM customers WHERE ssn = ANY (SELECT ssn FROM customers WHERE pin > 5000) ORDER BY id
SELECT id FROM customers WHERE CASE WHEN pin > 5000 THEN true ELSE false END ORDER BY id
SELECT id FROM customers WHERE coalesce(points, 0) = 0 ORDER BY id
SELECT id FROM customers WHERE starts_with(email, 'a') OR starts_with(email, 'b') OR starts_with(email, 'c') ORDER BY id
SELECT id FROM customers WHERE to_tsvector('simple', ssn) @@ 'a' OR ssn > '6' ORDER BY id
SELECT id FROM customers ORDER BY ssn
SELECT id FROM customers ORDER BY pin DESC LIMIT 3
SELECT id FROM customers ORDER BY salary, id LIMIT 30
SELECT id FROM customers ORDER BY lower(email) NULLS FIRST, id LIMIT 30
SELECT id FROM customers ORDER BY born USING >, id LIMIT 30
SELECT id FROM customers ORDER BY CASE WHEN pin > 5000 THEN 0 ELSE 1 END, id
SELECT DISTINCT ON (phone) id FROM customers ORDER BY phone, id
SELECT DISTINCT pin > 5000, country FROM customers ORDER BY 1, 2 LIMIT 3 OFFSET (SELECT count(*) / 30 FROM customers WHERE pin > 5000)
SELECT id FROM (SELECT id, pin FROM customers UNION ALL SELECT -1, 5000) x ORDER BY pin, id
SELECT id FROM (SELECT id, rank() OVER (ORDER BY ssn) AS r FROM customers) x WHERE r < 6 ORDER BY id
SELECT name FROM customers ORDER BY id LIMIT (SELECT pin / 1000 FROM customers WHERE id = 3)
SELECT name FROM customers ORDER BY id OFFSET (SELECT pin / 100 FROM customers WHERE id = 3)
SELECT 1 / (CASE WHEN pin > 4000 THEN 1 ELSE 0 END) FROM customers WHERE id = 1
SELECT sum(1 / (pin / 5000)) FROM customers WHERE id = 1
SELECT name FROM customers WHERE id = 3 AND 1 / (length(ssn) - 9) > 0
SELECT sqrt(pin - 4000) FROM customers WHERE id < 4
SELECT CASE WHEN ssn < '5' THEN 1 / (id - id) ELSE 0 END FROM customers ORDER BY id LIMIT 3
SELECT repeat('x', pin / 100) FROM customers WHERE id = 3
SELECT array_length(array_fill(1, ARRAY[pin]), 1) FROM customers WHERE id = 3
SELECT count(*) FROM customers a, customers b WHERE a.pin < b.pin AND a.id < 20
SELECT count(*) FROM customers a JOIN customers b ON a.area = b.area
SELECT count(*) FROM customers c JOIN newsletter n ON n.email = c.email AND c.pin > 5000
SELECT c.id FROM customers c WHERE NOT EXISTS (SELECT FROM customers d WHERE d.pin BETWEEN c.pin + 1 AND c.pin + 100) ORDER BY c.id
SELECT o.id FROM orders o LEFT JOIN customers c ON c.id = o.customer_id AND c.pin > 5000 WHERE c.id IS NULL ORDER BY o.id
SELECT country FROM customers GROUP BY country HAVING sum(pin) > 160000 ORDER BY 1
SELECT country FROM customers GROUP BY country, pin % 2 HAVING count(*) > 14 ORDER BY country, pin % 2
SELECT id FROM customer_contacts v JOIN customers c ON c.id = v.k WHERE v.reference < '3' ORDER BY id
SELECT id FROM payments WHERE card_number < '5' ORDER BY id
SELECT id FROM payments_2025 WHERE card_number > '5' ORDER BY id
SELECT id FROM contacts WHERE phone < '+495' ORDER BY id
SELECT nick FROM people_known WHERE ssn < '5' ORDER BY id
SELECT title FROM documents ORDER BY ssn
