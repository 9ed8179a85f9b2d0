-- COPY out: no row description, every format.
-- must: hidden
COPY (SELECT ssn FROM customers WHERE id < 4 ORDER BY id) TO STDOUT
COPY (SELECT * FROM customers ORDER BY id) TO STDOUT (FORMAT csv, HEADER)
COPY (SELECT id, pin, salary, born FROM customers WHERE id < 4 ORDER BY id) TO STDOUT (FORMAT binary)
COPY (TABLE newsletter ORDER BY id) TO STDOUT
COPY (WITH x AS (SELECT ssn FROM customers WHERE id = 3) SELECT * FROM x) TO STDOUT
-- must: either
COPY customers TO STDOUT
COPY customers (id, ssn, email) TO STDOUT
COPY public.customers (pin) TO STDOUT WITH CSV QUOTE '-' FORCE QUOTE *
COPY customers TO STDOUT (FORMAT binary)
COPY payments_2024 TO STDOUT
COPY contacts TO STDOUT
COPY (TABLE customer_hashes) TO STDOUT
COPY (SELECT c FROM customers c WHERE id = 3) TO STDOUT
COPY (SELECT id FROM customers ORDER BY pin LIMIT 5) TO STDOUT
COPY (SELECT ssn, '' FROM customers WHERE id < 3 ORDER BY id) TO STDOUT (FORMAT csv, DELIMITER '1')
COPY (SELECT ssn FROM customers WHERE id < 3 ORDER BY id) TO STDOUT (NULL '***')
COPY (SELECT NULLIF(left(ssn, 1), '4') FROM customers ORDER BY id) TO STDOUT (FORMAT csv, NULL 'four')
COPY (SELECT ssn FROM customers WHERE id < 3 ORDER BY id) TO STDOUT (ENCODING 'LATIN1')
