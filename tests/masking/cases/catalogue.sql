-- Catalogues that hold values, and EXPLAIN.
-- must: either
-- role: owner
SELECT most_common_vals FROM pg_stats WHERE tablename = 'customers' ORDER BY attname
SELECT attname, histogram_bounds FROM pg_stats WHERE tablename = 'customers' ORDER BY attname
SELECT histogram_bounds FROM pg_stats WHERE tablename = 'customers_email_lower'
SELECT n_distinct, correlation, null_frac FROM pg_stats WHERE tablename = 'customers' ORDER BY attname
SELECT most_common_freqs FROM pg_stats WHERE attname = 'phone' ORDER BY tablename
SELECT most_common_vals, most_common_freqs FROM pg_stats_ext WHERE statistics_name = 'customers_phones'
SELECT histogram_bounds::text::text[] FROM pg_catalog.pg_stats WHERE tablename = 'payments' AND attname = 'card_number'
SELECT s FROM pg_stats s WHERE tablename = 'customers' AND attname = 'ssn'
SELECT count(*) FROM pg_stats WHERE tablename = 'customers' AND histogram_bounds::text LIKE '%456692356%'
EXPLAIN SELECT * FROM customers WHERE phone < '+14'
EXPLAIN SELECT 1 FROM customers WHERE pin > 3000
EXPLAIN SELECT 1 FROM customers WHERE born IS NOT NULL AND area > '5'
EXPLAIN SELECT 1 FROM customers a JOIN customers b ON a.phone = b.phone
-- role: reader
EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, COSTS OFF) SELECT 1 FROM customers WHERE ssn < '5'
EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, COSTS OFF) SELECT 1 FROM customers WHERE pin > 5000
EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF) SELECT o.id FROM orders o JOIN customers c ON c.pin = o.customer_id
EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, COSTS OFF, FORMAT json) SELECT 1 FROM customer_hashes WHERE hash > '8'
EXPLAIN (VERBOSE, COSTS OFF) SELECT * FROM orders WHERE customer_id = (SELECT pin FROM customers WHERE id = 3) AND contact_of(3) = contact_of(3) AND memo = (SELECT max(phone) FROM customers); SELECT ssn FROM customers WHERE id = 1
