-- Writes that carry a masked value off, or tell of it. Each is rolled back.
-- must: either
-- role: app
-- group: compared
INSERT INTO notes (customer_id, body) SELECT NULL, ssn FROM customers WHERE id = 3 RETURNING body
INSERT INTO orders (id, customer_id, amount, memo) SELECT 9000, 1, 1, email FROM customers WHERE id = 3 RETURNING memo
INSERT INTO orders (id, customer_id, amount) SELECT 9000 + id, id, pin FROM customers WHERE id < 4 RETURNING amount
INSERT INTO orders (id, customer_id, amount) SELECT 9000, pin, 1 FROM customers WHERE id = 3
INSERT INTO orders (id, customer_id, amount) SELECT 9000, 1, -pin FROM customers WHERE id = 3
INSERT INTO orders (id, customer_id, amount) SELECT pin, 1, 1 FROM customers WHERE id < 6 RETURNING id
INSERT INTO notes (id, body) SELECT pin, 'x' FROM customers WHERE id = 3 RETURNING id
INSERT INTO notes (body) VALUES ((SELECT ssn FROM customers WHERE id = 3)) RETURNING body
INSERT INTO payments (id, paid_on) SELECT pin, born FROM customers WHERE id = 3
INSERT INTO newsletter (id, email) SELECT 999, 'x' || email FROM customers WHERE id = 3
INSERT INTO customers (id, joined, name, ssn, pin, salary) SELECT 999, '2020-01-01', ssn, '999999999', 1, 1 FROM customers WHERE id = 3 RETURNING name
INSERT INTO customers (id, joined, name, ssn, pin, salary) SELECT id + 500, joined, name, ssn, pin, salary FROM customers WHERE id = 3
INSERT INTO customers (id, joined, name, ssn, pin, salary) SELECT 3, '2020-01-01', 'x', lpad(n::text, 9, '0'), 1, 1 FROM generate_series(1, 1) n ON CONFLICT (id) DO UPDATE SET name = customers.ssn RETURNING name
INSERT INTO customers (id, joined, name, ssn, pin, salary) VALUES (3, '2020-01-01', 'x', '111111111', 1, 1) ON CONFLICT (id) DO UPDATE SET country = 'X' WHERE customers.pin > 3000 RETURNING customers.*
INSERT INTO orders (id, customer_id, amount) VALUES (1, 1, (SELECT pin FROM customers WHERE id = 3)) ON CONFLICT (id) DO UPDATE SET amount = EXCLUDED.amount RETURNING amount
UPDATE customers SET name = ssn WHERE id = 3 RETURNING name
UPDATE customers SET name = email WHERE id = 3; SELECT name FROM customers WHERE id = 3
UPDATE customers SET country = 'X' WHERE pin > 5000
UPDATE customers SET country = 'X' WHERE ssn LIKE '4%' RETURNING id
UPDATE customers SET active = pin > 5000 RETURNING id, active
UPDATE customers SET (name, country) = (SELECT ssn, phone FROM customers c WHERE c.id = customers.id) WHERE id = 3 RETURNING name, country
UPDATE customers SET name = NULL WHERE id = 3
UPDATE customers SET joined = NULL WHERE id = 3 RETURNING *
UPDATE newsletter SET id = 5 WHERE id = 4 RETURNING email
UPDATE customers SET active = active WHERE id = 3 RETURNING *
UPDATE customers SET active = active WHERE id = 3 RETURNING ssn, email, pin
UPDATE customers SET active = active WHERE id = 3 RETURNING customers
UPDATE customers c SET active = c.active WHERE id = 3 RETURNING upper(c.email), c.*, ctid
UPDATE customers SET active = active WHERE id = 3 RETURNING (SELECT ssn)
UPDATE customers SET salary = salary + 1 WHERE id = 3 RETURNING salary
UPDATE customers SET ssn = ssn || '0' WHERE id = 3 RETURNING length(ssn)
UPDATE customers SET pin = pin RETURNING pin % 2
UPDATE customers SET points = NULL WHERE points < 50000
UPDATE customers SET ssn = (SELECT ssn FROM customers WHERE id = 3) WHERE id = 4
UPDATE customers SET email = c.email FROM customers c WHERE c.id = 3 AND customers.id = 4
UPDATE orders SET memo = c.ssn FROM customers c WHERE c.id = customer_id AND orders.id = 3 RETURNING memo
UPDATE orders SET memo = (SELECT email FROM customers WHERE id = customer_id) WHERE id < 4 RETURNING memo
UPDATE orders SET amount = pin FROM customers c WHERE c.id = customer_id AND orders.id < 4 RETURNING amount
UPDATE orders SET memo = 'x' FROM customers c WHERE c.id = customer_id AND c.pin > 5000
UPDATE orders SET memo = 'x' FROM customers c WHERE c.id = customer_id AND orders.id = 3 RETURNING c.ssn
UPDATE orders SET customer_id = (SELECT pin FROM customers WHERE id = 3) WHERE id = 3
UPDATE payments SET paid_on = paid_on + 1 WHERE card_number < '5'
UPDATE payments SET amount = amount WHERE id = 3 RETURNING card_number
UPDATE payments_2025 SET amount = -1 WHERE id > 40 RETURNING payments_2025
UPDATE customer_contacts SET who = reference WHERE k = 3 RETURNING who
UPDATE customer_contacts SET who = who WHERE reference > '5'
UPDATE customer_contacts SET who = who WHERE k = 3 RETURNING *
DELETE FROM orders USING customers c WHERE c.id = customer_id AND c.pin > 5000
DELETE FROM orders USING customers c WHERE c.id = customer_id AND orders.id = 3 RETURNING c.ssn, c.email
DELETE FROM notes WHERE customer_id IN (SELECT id FROM customers WHERE ssn > '5') RETURNING id
DELETE FROM payments WHERE card_number > '5' RETURNING id
DELETE FROM payments WHERE id = 3 RETURNING *
DELETE FROM newsletter WHERE email > 'h'
DELETE FROM newsletter RETURNING email
DELETE FROM contacts WHERE id = 12 RETURNING phone
DELETE FROM people_known WHERE ssn < '5'
DELETE FROM customers WHERE pin > 5000
UPDATE payments_2025 SET paid_on = '1999-01-01' WHERE id = 50
WITH gone AS (DELETE FROM payments WHERE id < 4 RETURNING *) SELECT card_number FROM gone ORDER BY id
WITH new AS (UPDATE orders SET memo = (SELECT ssn FROM customers WHERE id = 3) WHERE id = 3 RETURNING memo) SELECT memo FROM new
WITH s AS (SELECT ssn FROM customers WHERE id = 3) INSERT INTO notes (body) SELECT ssn FROM s RETURNING body
MERGE INTO notes n USING customers c ON n.id = c.id AND c.pin > 5000 WHEN MATCHED THEN DELETE
MERGE INTO orders o USING customers c ON o.id = c.id WHEN MATCHED AND c.ssn > '5' THEN UPDATE SET memo = 'x'
MERGE INTO orders o USING (SELECT id, ssn FROM customers WHERE id = 3) c ON o.id = c.id WHEN MATCHED THEN UPDATE SET memo = c.ssn; SELECT memo FROM orders WHERE id = 3
MERGE INTO payments p USING orders o ON p.id = o.id AND p.card_number > '5' WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN DO NOTHING
MERGE INTO customers c USING (SELECT 3 AS n) s ON c.id = s.n WHEN MATCHED THEN UPDATE SET name = c.ssn; SELECT name FROM customers WHERE id = 3
SELECT ssn FROM customers WHERE id = 3 FOR UPDATE
SELECT id FROM customers WHERE pin > 5000 ORDER BY id FOR SHARE
SELECT c.email, o.id FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.id < 3 ORDER BY o.id FOR UPDATE OF c
SELECT c.ssn FROM customers c WHERE c.id = 3 FOR NO KEY UPDATE OF c SKIP LOCKED
SELECT ssn INTO TEMP stolen FROM customers WHERE id = 3; SELECT * FROM stolen
INSERT INTO notes (customer_id, body) VALUES (3, 'hello')
INSERT INTO notes (customer_id, body) VALUES (3, 'not wanted')
INSERT INTO notes (customer_id, body) SELECT id, 'bulk' FROM customers WHERE id < 4
-- group: written
UPDATE customers SET email = 'new@box.example' WHERE id = 3 RETURNING ssn
UPDATE customers SET pin = 5 WHERE id = 3 RETURNING *
UPDATE customers SET ssn = 'x' WHERE id = 3
UPDATE customers SET salary = -1 WHERE id = 3
UPDATE customers SET card_number = 'not a number' WHERE id = 3
UPDATE customers SET name = NULL, pin = 3 WHERE id = 3
UPDATE customers SET pin = pin + 1 WHERE id = 3 RETURNING pin
UPDATE customers SET salary = pin WHERE id = 3 RETURNING salary
UPDATE customers SET country = 'X' WHERE pin > 5000 RETURNING id
INSERT INTO customers SELECT id + 500, born, pin, points, joined, active, name, country, NULL, NULL, ssn || id, card_number, phone, salary FROM customers WHERE id < 3 RETURNING ssn
INSERT INTO customers (id, joined, name, ssn, pin, salary) SELECT 999, '2020-01-01', 'x', '1234567890', 1, 1 FROM customers WHERE id = 3 AND pin > 5000
