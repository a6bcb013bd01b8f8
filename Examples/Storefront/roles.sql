-- The storefront's role and its database. Run by psql as the superuser in another database; psql variable:
--   storefront_password
-- Can be run again: the password is then set anew.

-- A statement that fails mustn't be logged: it has a password in it.
SET log_min_error_statement = 'panic';
SET client_min_messages = warning;

SELECT 'CREATE ROLE storefront' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'storefront') \gexec
ALTER ROLE storefront WITH LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    PASSWORD :'storefront_password';
SELECT 'CREATE DATABASE storefront TEMPLATE template0 OWNER storefront'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'storefront') \gexec
REVOKE ALL ON DATABASE storefront FROM PUBLIC;

RESET log_min_error_statement;
