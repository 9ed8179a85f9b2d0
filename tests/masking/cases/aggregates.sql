-- Aggregates and window functions over masked columns.
-- must: either
SELECT string_agg(ssn, ',' ORDER BY id) FROM customers WHERE id < 4
SELECT array_agg(email ORDER BY id) FROM customers WHERE id < 4
SELECT json_agg(ssn ORDER BY id), jsonb_agg(pin ORDER BY id) FROM customers WHERE id < 4
SELECT json_object_agg(id, ssn ORDER BY id) FROM customers WHERE id < 4
SELECT xmlagg(xmlelement(name s, ssn) ORDER BY id) FROM customers WHERE id < 4
SELECT min(ssn), max(ssn), min(email), max(phone), min(pin), max(salary), min(born) FROM customers
SELECT max(ssn) FROM customers WHERE country = 'DE'
SELECT sum(pin), avg(salary), sum(points) FROM customers
SELECT stddev_pop(pin), var_samp(pin), corr(pin, id), regr_slope(pin, id), covar_pop(salary, id) FROM customers
SELECT mode() WITHIN GROUP (ORDER BY phone) FROM customers
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY pin), percentile_disc(0.1) WITHIN GROUP (ORDER BY ssn) FROM customers
SELECT rank(5000) WITHIN GROUP (ORDER BY pin), cume_dist(5000) WITHIN GROUP (ORDER BY pin) FROM customers
SELECT count(points), count(DISTINCT phone), count(DISTINCT area) FROM customers
SELECT count(*) FILTER (WHERE pin > 5000), count(*) FILTER (WHERE ssn < '4') FROM customers
SELECT bool_and(pin > 1500), bool_or(ssn LIKE '000%'), every(length(ssn) = 9), bit_or(pin) FROM customers WHERE id < 8
SELECT string_agg(ssn, '') FILTER (WHERE id = 3) FROM customers
SELECT country, min(ssn) FROM customers GROUP BY country ORDER BY country
SELECT area, count(*) FROM customers GROUP BY area ORDER BY area
SELECT left(ssn, 1), count(*) FROM customers GROUP BY 1 ORDER BY 1
SELECT phone, count(*) FROM customers GROUP BY phone ORDER BY phone
SELECT count(*) FROM customers GROUP BY phone ORDER BY 1
SELECT pin % 10, count(*) FROM customers GROUP BY ROLLUP (1) ORDER BY 1
SELECT country, pin > 5000, count(*) FROM customers GROUP BY GROUPING SETS ((country), (pin > 5000)) ORDER BY 1, 2
SELECT country, count(*) FROM customers GROUP BY country, points IS NULL HAVING points IS NULL ORDER BY 1
SELECT country FROM customers GROUP BY country HAVING sum(pin) > 165000 ORDER BY 1
SELECT country, count(*) FROM customers GROUP BY country ORDER BY sum(pin)
SELECT first_value(ssn) OVER (ORDER BY id), last_value(ssn) OVER (), nth_value(email, 2) OVER () FROM customers WHERE id < 5
SELECT lag(ssn) OVER (ORDER BY id), lead(pin, 2, -1) OVER (ORDER BY id) FROM customers WHERE id < 6
SELECT id, rank() OVER (ORDER BY pin), dense_rank() OVER (ORDER BY phone), ntile(4) OVER (ORDER BY ssn) FROM customers ORDER BY id
SELECT id, row_number() OVER (ORDER BY salary DESC, id) FROM customers ORDER BY id
SELECT id, percent_rank() OVER w, cume_dist() OVER w FROM customers WINDOW w AS (ORDER BY pin) ORDER BY id
SELECT id, count(*) OVER (PARTITION BY phone) FROM customers ORDER BY id
SELECT id, sum(pin) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM customers ORDER BY id
SELECT id, count(*) OVER (ORDER BY pin RANGE BETWEEN 500 PRECEDING AND 500 FOLLOWING) FROM customers ORDER BY id
SELECT (SELECT sum(pin) FROM customers) - (SELECT sum(pin) FROM customers WHERE id <> 3)
SELECT regr_avgy(pin, id), regr_sxy(pin, points) FROM customers
SELECT range_agg(int4range(pin, pin + 1)) FROM customers WHERE id < 5
SELECT hash, count(*) FROM customer_hashes GROUP BY hash ORDER BY hash
