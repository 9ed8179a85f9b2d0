/* Texts of the demo. The python session uses psycopg 3, as Debian packages it. */
#include "app/demo-text.h"

const char demo_roles_format[] = "CREATE ROLE app_rw LOGIN PASSWORD '%s';\n"
                                 "CREATE DATABASE orders OWNER app_rw;\n";

const char demo_sample_data[] =
    "SET client_min_messages = warning;\n"
    "CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, email text NOT NULL, country text NOT "
    "NULL);\n"
    "CREATE TABLE orders (id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customers, amount "
    "numeric(10,2) NOT NULL,\n"
    "                     status text NOT NULL DEFAULT 'open', placed_on date NOT NULL);\n"
    "INSERT INTO customers SELECT g, 'Customer ' || g, 'customer' || g || '@example.com', "
    "(ARRAY['DE','FR','JP','US'])[g % 4 + 1]\n"
    "  FROM generate_series(1, 40) g;\n"
    "INSERT INTO orders SELECT g, g % 40 + 1, (g * 7919 % 50000) / 100.0, CASE g % 5 WHEN 0 THEN 'late' ELSE "
    "'open' END, date '2026-01-01' + g % 300\n"
    "  FROM generate_series(1, 1000) g;\n"
    "ALTER TABLE customers OWNER TO app_rw;\n"
    "ALTER TABLE orders OWNER TO app_rw;\n";

const char demo_config_format[] =
    "# The configuration of `make demo`: one database, one issuer, one policy for agents.\n"
    "listen: 127.0.0.1:0\n"
    "data: \"%s/data\"\n"
    "workers: 2\n"
    "identity:\n"
    "  oidc:\n"
    "    - { issuer: \"%s\", audience: postern, groups_claim: groups,\n"
    "        machine_claim: token_use, machine_value: machine }\n"
    "connections:\n"
    "  - name: orders\n"
    "    via: direct\n"
    "    target: { host: \"%s\", port: 5432, database: orders, tls: disable }\n"
    "    logins:\n"
    "      - { name: rw, user: app_rw, password: \"${file:%s/orders.password}\" }\n"
    "policies:\n"
    "  - name: agents-on-orders\n"
    "    who: { groups: [ai-agents] }\n"
    "    on: { connections: [orders] }\n"
    "    record: { rows: full, on_failure: deny }\n"
    "    allow: [read, write, update, delete, bulk_out]\n"
    "    deny:\n"
    "      - { name: no-drop, effects: [schema, truncate], message: \"agents change rows, not tables; ask "
    "the data team\" }\n"
    "      - { name: whereless, effects: [delete, update], where: missing }\n"
    "    hold:\n"
    "      - { name: clean-up, effects: [delete], unless: { affected_rows: \"<= 10\" }, by: [data-team], "
    "reason: "
    "required }\n"
    "    limits: { statement: 30s, returned_rows: 10000 }\n";

const char demo_psql_session[] =
    "\\set ON_ERROR_STOP off\n"
    "SELECT status, count(*) AS orders, sum(amount) AS total FROM orders GROUP BY status ORDER BY status;\n"
    "SELECT c.name, c.country, o.amount, o.placed_on FROM orders o JOIN customers c ON c.id = o.customer_id\n"
    "  WHERE o.status = 'late' ORDER BY o.amount DESC LIMIT 5;\n"
    "DROP TABLE orders;\n"
    "DELETE FROM orders;\n"
    "BEGIN;\n"
    "UPDATE orders SET status = 'chased' WHERE status = 'late' AND amount > 490;\n"
    "COMMIT;\n";

const char demo_held_statement[] = "DELETE FROM orders WHERE status = 'late' AND placed_on < '2026-02-01'";
const char demo_reason[] = "archived in January";

const char demo_python_session[] =
    "import sys\n"
    "import psycopg\n"
    "with psycopg.connect(sys.argv[1], autocommit=True) as connection:\n"
    "    connection.execute(\"SET postern.task = 'monthly-report'\")\n"
    "    cursor = connection.execute('SELECT id, amount, status FROM orders WHERE customer_id = %s AND "
    "placed_on >= %s ORDER BY id', (7, '2026-06-01'))\n"
    "    print(f'python: {len(cursor.fetchall())} orders of customer 7')\n"
    "    try:\n"
    "        connection.execute('UPDATE customers SET country = %s WHERE true', ('DE',))\n"
    "    except psycopg.errors.InsufficientPrivilege as refusal:\n"
    "        print('python: refused, as it should be:', refusal.diag.message_primary)\n"
    "        print('        hint:', refusal.diag.message_hint)\n"
    "    with connection.cursor().copy('COPY (SELECT country, count(*) FROM customers GROUP BY 1 ORDER BY 1) "
    "TO STDOUT') as copy:\n"
    "        print('python: copied', sum(1 for _ in copy.rows()), 'rows out')\n"
    "    connection.execute('INSERT INTO orders VALUES (%s, %s, %s, %s, %s)', (1001, 7, '12.50', 'open', "
    "'2026-11-21'))\n"
    "    print('python: one order added')\n";
