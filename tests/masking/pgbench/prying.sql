-- Somebody who pries: compares, orders and counts by what is masked. Where that is refused there are errors, alike.
\set guess random(1000, 9999)
\set digit random(0, 9)
SELECT count(*) FROM customers WHERE pin > :guess;
SELECT id FROM customers WHERE ssn LIKE concat(:digit::text, '%') ORDER BY id;
SELECT id FROM customers ORDER BY pin, id LIMIT 5 OFFSET :digit;
SELECT n FROM generate_series(:guess, :guess + 200) n JOIN customers ON pin = n ORDER BY n;
