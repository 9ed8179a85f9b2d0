-- Views, materialised views, partitions, children, generated columns: relations that have the values as well.
-- must: hidden
SELECT reference FROM customer_contacts WHERE k = 3
SELECT dial, at FROM customer_contacts ORDER BY k LIMIT 4
SELECT line FROM contact_sheet ORDER BY k LIMIT 4
SELECT paid_with FROM order_lines ORDER BY id LIMIT 4
SELECT hash, loud, next FROM customer_hashes WHERE id = 3
SELECT address FROM everyone ORDER BY id LIMIT 6
SELECT * FROM everyone ORDER BY id LIMIT 6
SELECT country, salaries FROM spending ORDER BY country
SELECT card_number FROM payments_2024 ORDER BY id
SELECT card_number FROM payments_2025 ORDER BY id LIMIT 3
SELECT card_number FROM ONLY payments_2025 ORDER BY id LIMIT 3
SELECT phone FROM contacts_vip ORDER BY id
SELECT phone FROM contacts ORDER BY id
SELECT phone FROM ONLY contacts ORDER BY id
SELECT ssn FROM people_known ORDER BY id
SELECT email, topic FROM newsletter ORDER BY id LIMIT 5
SELECT area FROM customers WHERE id = 3
SELECT * FROM customer_contacts ORDER BY k LIMIT 3
TABLE customer_hashes ORDER BY id LIMIT 3
-- must: either
SELECT hash = md5('123456789'), next > 5000 FROM customer_hashes ORDER BY id
SELECT reference || '' FROM customer_contacts WHERE k = 3
SELECT k FROM customer_contacts WHERE reference > '5' ORDER BY k
SELECT count(*) FROM customer_hashes WHERE hash > '8'
SELECT id FROM customer_hashes ORDER BY hash LIMIT 5
SELECT e.address, c.ssn FROM everyone e JOIN customers c ON c.email = e.address ORDER BY c.id LIMIT 3
SELECT p.card_number = c.card_number, p.card_number || c.ssn FROM payments p JOIN customers c ON c.id = p.customer_id ORDER BY p.id LIMIT 5
SELECT tableoid::regclass, card_number FROM payments ORDER BY id LIMIT 3
SELECT left(salaries::text, 4) FROM spending ORDER BY country
