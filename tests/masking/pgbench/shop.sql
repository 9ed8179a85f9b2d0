-- A shop's day: a customer is looked at, orders are listed, one is added and paid, and all is undone.
\set customer random(1, 120)
\set order random(1, 300)
BEGIN;
SELECT id, name, email, phone FROM customers WHERE id = :customer;
SELECT o.id, o.amount, o.memo FROM orders o WHERE o.customer_id = :customer ORDER BY o.id;
INSERT INTO orders (id, customer_id, amount, memo) VALUES (100000 + :order, :customer, :order, 'from pgbench') RETURNING id;
UPDATE orders SET status = 'paid' WHERE id = :order RETURNING id, status;
SELECT c.country, count(*), sum(o.amount) FROM orders o JOIN customers c ON c.id = o.customer_id GROUP BY c.country ORDER BY c.country;
ROLLBACK;
