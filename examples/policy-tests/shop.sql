-- The database that the cases are about; shop.catalog was made from it, and cut down to what they name:
--   postern policy catalog | psql -XAtq -v ON_ERROR_STOP=1 shop > shop.catalog
CREATE SCHEMA hr;
CREATE SCHEMA audit;
CREATE EXTENSION citext;
CREATE TABLE public.customers (id integer PRIMARY KEY, name text NOT NULL, city text, email citext, phone text);
CREATE TABLE public.orders (id integer PRIMARY KEY, customer integer REFERENCES public.customers, placed date, state text);
CREATE TABLE public.order_lines (orders integer REFERENCES public.orders ON DELETE CASCADE, line integer, product text, price numeric);
CREATE TABLE public.products (id integer PRIMARY KEY, title text, price numeric);
CREATE TABLE audit.log (at timestamptz, what text);
CREATE TABLE hr.people (id integer PRIMARY KEY, name text, pay numeric);
CREATE VIEW public.directory AS SELECT name, pay FROM hr.people;
CREATE VIEW public.customer_cities AS SELECT name, city FROM public.customers;
CREATE VIEW public.contacts AS SELECT name, email AS mail FROM public.customers;
CREATE FUNCTION public.slug(title text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT lower(title) $$;
CREATE FUNCTION public.refund(which integer) RETURNS void LANGUAGE sql AS $$ UPDATE public.orders SET state = 'refunded' WHERE id = which $$;
