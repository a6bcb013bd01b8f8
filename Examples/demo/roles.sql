-- The roles that the demo's agent signs in with. Run by psql as the superuser in the shop's database; psql variables:
--   read_password, write_password
-- Can be run again: passwords are then set anew.

-- A statement that fails mustn't be logged: it has a password in it.
SET log_min_error_statement = 'panic';

SELECT NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'glovebox_read') AS fresh \gset
\if :fresh
CREATE ROLE glovebox_read;
CREATE ROLE glovebox_write;
\endif

ALTER ROLE glovebox_read WITH LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    PASSWORD :'read_password';
ALTER ROLE glovebox_write WITH LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    PASSWORD :'write_password';
ALTER ROLE glovebox_read SET default_transaction_read_only = on;

SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database()) \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO glovebox_read, glovebox_write', current_database()) \gexec
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO glovebox_read, glovebox_write;
-- Whoever may run these can keep data in the database, before PostgreSQL 16 in read-only transactions too.
REVOKE EXECUTE ON FUNCTION lo_creat(int), lo_create(oid), lo_from_bytea(oid, bytea) FROM PUBLIC;

RESET log_min_error_statement;
