-- What a clerk's screen asks for: whole rows, the newest payments, a page of a view.
\set customer random(1, 120)
\set page random(0, 10)
SELECT * FROM customers WHERE id = :customer;
SELECT p.paid_on, p.amount, p.card_number FROM payments p WHERE p.customer_id = :customer ORDER BY p.paid_on DESC LIMIT 3;
SELECT k, who, reference, dial FROM customer_contacts ORDER BY k LIMIT 10 OFFSET :page * 10;
SELECT to_jsonb(c) FROM customers c WHERE id = :customer;
SELECT array_agg(ssn ORDER BY id) FROM customers WHERE id BETWEEN :customer AND :customer + 3;
