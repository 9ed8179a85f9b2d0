-- What people type at psql's prompt, one command a line.
\d
\d+
\dt
\dt+ *.*
\dt shop.*
\dv
\dv+
\dm
\dm+
\ds
\ds+
\di
\di+
\dn
\dn+
\dn shop
\du
\du+
\dg app
\l
\l+ shop
\d customers
\d+ customers
\d orders
\d+ orders
\d shop.order_lines
\d+ nodes
\d+ documents
\d payments
\d+ payments
\d+ payments_2024
\d+ visits
\d+ old_visits
\d+ scratch
\d order_totals
\d+ order_totals
\d+ open_orders
\d+ monthly
\d tickets_seq
\d+ customers_id_seq
\d orders_customer
\d+ orders_lower
\d address
\d public.countries
\d nowhere
\d "No Such"
\d pg_class
\d+ pg_catalog.pg_stat_activity
\d information_schema.columns
\dS pg_am
\da
\da+ product
\dA
\dA+
\dAc gin
\dAf gin
\dAo gin
\dAp gin
\db
\db+
\dc
\dC
\dC+ citext
\dconfig search_path
\dconfig+ work_mem
\dd
\ddp
\dD
\dD+
\dE
\des
\des+
\det
\deu
\dew
\df
\df+ slug
\df shop.*
\dfa
\dfp
\dft
\dfw pg_catalog.rank
\df pg_catalog.length * 
\df length text
\dF
\dF+ english
\dFd
\dFp
\dFp+
\dFt
\dl
\dL
\dL+
\do
\do+ ->
\do = int4 int4
\dO
\dp
\dp orders
\z
\z customers
\dP
\dP+
\dPi
\dPt
\drds
\dRp
\dRp+
\dRs
\dT
\dT+
\dT mood
\dT+ shop.*
\dT+ int4
\dX
\dx
\dx+
\dx+ citext
\dy
\sf slug
\sf+ touch
\sf tidy
\sf nowhere
\sv order_totals
\sv+ open_orders
\ef slug
\r
\ev order_totals
\r
\encoding
\echo :SERVER_VERSION_NUM :ENCODING :AUTOCOMMIT
\c
\dt orders
SELECT * FROM customers ORDER BY id LIMIT 3;
SELECT id, name FROM customers WHERE name LIKE 'Customer 1%' ORDER BY id \gx
SELECT state, placed, count(*) FROM orders GROUP BY 1, 2 ORDER BY 2 LIMIT 6 \crosstabview
SELECT 1 AS one, 'x' AS two \gset p_
\echo :p_one :p_two
SELECT id, total, state, during FROM orders \gdesc
SELECT format('SELECT %L', n) FROM generate_series(1, 3) n \gexec
SELECT total FROM orders WHERE id = 7;
TABLE public.countries;
SELECT * FROM nowhere;
SELECT wrong FROM customers;
SELECT id, wrong, 'é' FROM customers JOIN orders o USING (id);
SELECT customers.id FROM orders;
SELECT nofunction(1);
SELECT length(1, 2);
SELECT 'a' + 1;
SELECT 1 / 0;
SELEC 1;
SELECT name, count(*) FROM customers;
INSERT INTO orders (customer_id, total) VALUES (1, -1);
INSERT INTO orders (customer_id, total, state) VALUES (1, 1, 'lost');
INSERT INTO orders (customer_id, total) VALUES (999, 1);
INSERT INTO customers (name, email) VALUES ('twice', 'C1@MAIL.invalid');
INSERT INTO customers (nam) VALUES ('x');
UPDATE customers SET nope = 1 WHERE id = 1;
\set VERBOSITY verbose
SELECT * FROM nowhere;
SELECT wrong FROM shop.customers;
\set VERBOSITY default
\set FETCH_COUNT 7
SELECT id, total FROM orders ORDER BY id LIMIT 20;
\unset FETCH_COUNT
BEGIN;
SAVEPOINT a;
INSERT INTO nodes VALUES (100, 7, 'new') RETURNING *;
ROLLBACK TO a;
\set ON_ERROR_ROLLBACK on
SELECT * FROM nowhere;
SELECT count(*) FROM nodes;
\set ON_ERROR_ROLLBACK off
ROLLBACK;
\copy (SELECT id, name FROM customers ORDER BY id LIMIT 3) TO STDOUT
\copy scratch FROM PSTDIN
\copy scratch TO STDOUT WITH (FORMAT csv, HEADER)
COPY customers (id, name, tags) TO STDOUT;
EXPLAIN (COSTS OFF) SELECT * FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.id = 3;
EXPLAIN (VERBOSE, COSTS OFF) SELECT name FROM order_totals WHERE id = 3;
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT count(*) FROM orders;
SHOW search_path;
SET search_path TO public;
\dt
SELECT * FROM countries;
SELECT count(*) FROM shop.orders;
RESET search_path;
SET search_path = '';
\d shop.orders
SELECT count(*) FROM shop.orders;
RESET search_path;
\timing off
SELECT current_schema, current_user, session_user, current_database();
SELECT current_setting('search_path'), pg_typeof(1), version() ~ 'PostgreSQL 15';
SELECT pg_size_pretty(pg_relation_size('orders')), 'orders'::regclass, 'slug'::regproc, to_regclass('nowhere'), 'mood'::regtype;
SELECT has_table_privilege('orders', 'SELECT'), pg_get_serial_sequence('customers', 'id'), obj_description('customers'::regclass);
