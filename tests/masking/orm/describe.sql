-- What people type at psql's prompt to see what there is.
\d
\d+
\d customers
\d+ customers
\d+ payments
\d+ payments_2025
\d orders
\d+ newsletter
\d+ contacts
\d+ customer_contacts
\d+ customer_hashes
\dt
\dv+
\dm
\di
\ds
\df
\df+ contact_of
\dT+
\dD
\do
\dp
\dx
\dn+
\du
\l shop*
\dd
\det
\dX
\sf order_total
\sv customer_contacts
\ef order_total
