SELECT ssn FROM customers WHERE id = 3
SELECT * FROM customers WHERE id BETWEEN 3 AND 9
SELECT email FROM customers WHERE country = 'DE' ORDER BY joined
SELECT * FROM customers ORDER BY joined DESC LIMIT 3
SELECT name FROM customers WHERE joined > '2019-01-01' AND country IN ('JP', 'FR')
SELECT c.email, o.amount FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.id = 7
SELECT c.ssn FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.id = 7
SELECT c.id, c.name, count(*) FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.joined < '2016-01-01' GROUP BY c.id
SELECT (SELECT c.phone FROM customers c WHERE c.id = o.customer_id) FROM orders o WHERE o.id < 4
SELECT card_number FROM payments WHERE paid_on = '2025-02-02'
SELECT max(joined) FROM customers
SELECT k, reference FROM customer_contacts WHERE k = 3
SELECT o.id FROM orders o WHERE EXISTS (SELECT FROM customers c WHERE c.id = o.customer_id AND c.country = 'US')
UPDATE customers SET active = false WHERE id = 3 RETURNING ssn
DELETE FROM orders WHERE id = 3
SELECT n.email FROM newsletter n WHERE n.id = 8
