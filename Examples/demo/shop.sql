-- A shop's database, of made-up data that follows from row numbers alone: two runs give the same rows.
-- Run by psql as the superuser, after roles.sql, in an empty database. psql variables:
--   customers     how many (20000 when not given); there are three orders and three payments for each
--   list_secrets  when set, the schema `seeded` lists every secret in the data, for tests to search for
-- E-mail addresses are under example.com, .org and .net (RFC 2606); phones are numbers kept for fiction (+1 …555-01xx,
-- and the French regulator's ranges); cards are test prefixes with a right check digit (Luhn), IBANs have right check
-- digits (ISO 13616). Keys and tokens have their vendors' shapes and no other meaning; their prefixes are put together
-- here, so that scanners of this repository aren't alarmed.

\if :{?customers}
\else
    \set customers 20000
\endif
SET client_min_messages = warning;
SET TIME ZONE 'UTC';

BEGIN;

-- Draws: 60 bits that follow from a row's number and a name.
CREATE FUNCTION pg_temp.draw(n bigint, salt text) RETURNS bigint LANGUAGE sql IMMUTABLE AS
    $$ SELECT ('x' || substr(md5(salt || ':' || n), 1, 15))::bit(60)::bigint $$;

CREATE FUNCTION pg_temp.pick(n bigint, salt text, VARIADIC choices text[]) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT choices[1 + pg_temp.draw(n, salt) % array_length(choices, 1)] $$;

-- Letters and digits, in both cases, of any length up to 60.
CREATE FUNCTION pg_temp.letters(n bigint, salt text, length int) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT left(translate(encode(sha512(convert_to(salt || ':' || n, 'UTF8')), 'base64'), E'+/=\n', 'aB'), length) $$;

CREATE FUNCTION pg_temp.base64url(value text) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT translate(encode(convert_to(value, 'UTF8'), 'base64'), E'+/=\n', '-_') $$;

-- Appends the check digit that makes the sum by Luhn's rule a multiple of ten (ISO/IEC 7812-1, annex B).
CREATE FUNCTION pg_temp.with_luhn(digits text) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$
    SELECT digits || (10 - sum(CASE
            WHEN (length(digits) - i) % 2 = 1 THEN substr(digits, i, 1)::int
            WHEN substr(digits, i, 1)::int > 4 THEN substr(digits, i, 1)::int * 2 - 9
            ELSE substr(digits, i, 1)::int * 2
        END) % 10) % 10
    FROM generate_series(1, length(digits)) AS i
    $$;

-- An IBAN of digits alone after the country: check digits are 98 less the remainder by 97 (ISO 13616, ISO 7064).
CREATE FUNCTION pg_temp.iban(country text, account text) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$
    SELECT country || lpad((98 - mod((account
            || (ascii(substr(country, 1, 1)) - 55) || (ascii(substr(country, 2, 1)) - 55) || '00')::numeric, 97))::text, 2, '0')
        || account
    $$;

CREATE FUNCTION pg_temp.jwt(n bigint, subject text) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$
    SELECT pg_temp.base64url('{"alg":"HS256","typ":"JWT"}') || '.'
        || pg_temp.base64url('{"sub":"' || subject || '","iat":' || 1700000000 + n || '}') || '.'
        || pg_temp.letters(n, 'jwt', 43)
    $$;

CREATE TABLE customers (
    id            bigint PRIMARY KEY,
    full_name     text NOT NULL,
    email         text NOT NULL UNIQUE,
    phone         text NOT NULL,
    date_of_birth date NOT NULL,
    country       text NOT NULL,
    card          text NOT NULL,
    iban          text NOT NULL,
    password_hash text NOT NULL,
    aliases       text[] NOT NULL DEFAULT '{}',
    profile       jsonb NOT NULL,
    notes         text,
    created_at    timestamptz NOT NULL
);
CREATE TABLE orders (
    id          bigint PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers,
    status      text NOT NULL,
    item        text NOT NULL,
    quantity    int NOT NULL,
    total       numeric(10, 2) NOT NULL,
    delivery    text,
    placed_at   timestamptz NOT NULL
);
CREATE TABLE payments (
    id         bigint PRIMARY KEY,
    order_id   bigint NOT NULL REFERENCES orders,
    method     text NOT NULL,
    amount     numeric(10, 2) NOT NULL,
    reference  text NOT NULL,
    response   jsonb NOT NULL,
    paid_at    timestamptz NOT NULL
);

-- Everything about a customer, each value once, for the tables and for the list of secrets.
CREATE TEMPORARY TABLE person AS
SELECT n,
    given || ' ' || family AS full_name,
    lower(given) || '.' || lower(family) || n || '@' || pg_temp.pick(n, 'domain', 'example.com', 'example.org', 'example.net')
        AS email,
    CASE n % 3
        WHEN 0 THEN '+1 ' || pg_temp.pick(n, 'area', '202', '212', '305', '312', '415', '503', '617', '702') || '-555-01'
            || lpad((pg_temp.draw(n, 'line') % 100)::text, 2, '0')
        ELSE '+33' || pg_temp.pick(n, 'range', '19900', '26191', '35301', '46571', '53649', '63998')
            || lpad((n % 10000)::text, 4, '0')
    END AS phone,
    date '1945-01-01' + (pg_temp.draw(n, 'birth') % 22000)::int AS date_of_birth,
    country,
    pg_temp.with_luhn(pg_temp.pick(n, 'issuer', '411111', '555555', '400000', '520082')
        || lpad((pg_temp.draw(n, 'card') % 1000000000)::text, 9, '0')) AS card_digits,
    pg_temp.iban(country, lpad((pg_temp.draw(n, 'account') % 1000000000000000)::text,
        CASE country WHEN 'DE' THEN 18 WHEN 'CH' THEN 17 WHEN 'AT' THEN 16 ELSE 20 END, '3')) AS iban,
    '$2b$' || '12$' || pg_temp.letters(n, 'hash', 53) AS password_hash,
    'sk_' || 'live_' || pg_temp.letters(n, 'payment key', 24) AS payment_key,
    CASE WHEN n % 5 = 0 THEN 'AK' || 'IA' || upper(translate(pg_temp.letters(n, 'cloud id', 16), '0189', 'QRST')) END AS cloud_id,
    CASE WHEN n % 5 = 0 THEN pg_temp.letters(n, 'cloud key', 40) END AS cloud_key,
    CASE WHEN n % 7 = 0 THEN 'gh' || 'p_' || pg_temp.letters(n, 'source token', 36) END AS source_token,
    CASE WHEN n % 11 = 0 THEN 'xo' || 'xb-' || lpad((pg_temp.draw(n, 'chat') % 1000000000000)::text, 12, '1')
        || '-' || pg_temp.letters(n, 'chat token', 24) END AS chat_token,
    CASE WHEN n % 13 = 0 THEN pg_temp.letters(n, 'url password', 18) END AS url_password,
    CASE WHEN n % 19 = 0 THEN pg_temp.jwt(n, 'customer-' || n) END AS jwt,
    CASE WHEN n % 17 = 0 THEN 'friend' || n || '.' || lower(family) || '@example.net' END AS other_email,
    CASE WHEN n % 97 = 0 THEN pg_temp.letters(n, 'key 1', 60) || E'\n' || pg_temp.letters(n, 'key 2', 60) END AS key_text
FROM (
    SELECT n,
        pg_temp.pick(n, 'given', 'Ada', 'Bram', 'Carla', 'Dario', 'Elif', 'Farid', 'Greta', 'Hana', 'Ivo', 'Jana', 'Kofi',
            'Lena', 'Mateo', 'Nora', 'Oskar', 'Priya', 'Quentin', 'Rosa', 'Sven', 'Tilda', 'Umar', 'Vera', 'Wanda', 'Yara') AS given,
        pg_temp.pick(n, 'family', 'Abend', 'Brunner', 'Castelli', 'Dumont', 'Egger', 'Ferrari', 'Gruber', 'Haldane', 'Iversen',
            'Jansen', 'Keller', 'Lindqvist', 'Moreau', 'Novak', 'Okafor', 'Petrov', 'Quispe', 'Rossi', 'Steiner', 'Tanaka') AS family,
        pg_temp.pick(n, 'country', 'CH', 'DE', 'AT', 'ES') AS country
    FROM generate_series(1::bigint, :customers) AS n
) AS drawn;

INSERT INTO customers
SELECT n, full_name, email, phone, date_of_birth, country,
    CASE n % 2
        WHEN 0 THEN card_digits
        ELSE regexp_replace(card_digits, '(\d{4})(\d{4})(\d{4})(\d{4})', '\1 \2 \3 \4')
    END,
    CASE n % 4 WHEN 0 THEN trim(regexp_replace(iban, '(.{4})', '\1 ', 'g')) ELSE iban END,
    password_hash,
    CASE WHEN other_email IS NULL THEN '{}'::text[] ELSE ARRAY[other_email] END,
    jsonb_strip_nulls(jsonb_build_object(
        'theme', pg_temp.pick(n, 'theme', 'light', 'dark'),
        'newsletter', n % 2 = 0,
        'logins', pg_temp.draw(n, 'logins') % 400,
        'payments', jsonb_build_object('provider', 'stripe', 'api_key', payment_key),
        'cloud', CASE WHEN cloud_id IS NOT NULL THEN
            jsonb_build_object('access_key_id', cloud_id, 'secret_access_key', cloud_key, 'region', 'eu-central-1') END)),
    nullif(concat_ws(' ',
        CASE WHEN n % 3 = 0 THEN pg_temp.pick(n, 'remark', 'Asked for a later delivery.', 'Prefers to be called in the afternoon.',
            'Returned the second parcel unopened.', 'Gift wrapping, please.') END,
        'Writes from ' || other_email || ' as well.',
        'Deploys with ' || source_token || ' until March.',
        'Posts to the shop''s channel with ' || chat_token || '.',
        'Feed at https://import:' || url_password || '@feed.example.org/v2/items.',
        'Session ' || jwt || ' was reported as stolen.',
        CASE WHEN n % 53 = 0 THEN 'Paid by phone with ' || card_digits || '.' END,
        E'Sent us this by mistake:\n-----BEGIN ' || E'PRIVATE KEY-----\n' || key_text || E'\n-----END ' || 'PRIVATE KEY-----'), ''),
    timestamptz '2021-01-01' + n * interval '37 minutes'
FROM person
ORDER BY n;

INSERT INTO orders
SELECT o, person.n,
    pg_temp.pick(o, 'status', 'placed', 'paid', 'sent', 'delivered', 'delivered', 'delivered', 'returned'),
    pg_temp.pick(o, 'item', 'Teapot, 1 l', 'Reading lamp', 'Wool blanket', 'Notebook, ruled', 'Bread knife', 'Garden hose, 20 m'),
    1 + (pg_temp.draw(o, 'quantity') % 5)::int,
    (500 + pg_temp.draw(o, 'total') % 40000) / 100.0,
    CASE WHEN o % 29 = 0 THEN 'Ring twice, or write to ' || person.email END,
    timestamptz '2023-01-01' + o * interval '11 minutes'
FROM generate_series(1::bigint, :customers * 3) AS o
JOIN person ON person.n = 1 + (o - 1) % :customers
ORDER BY o;

INSERT INTO payments
SELECT orders.id, orders.id, CASE orders.id % 3 WHEN 0 THEN 'transfer' ELSE 'card' END, orders.total,
    CASE orders.id % 3 WHEN 0 THEN 'Transfer from ' || person.iban ELSE 'ch_' || substr(md5('charge:' || orders.id), 1, 16) END,
    jsonb_build_object(
        'approved', orders.id % 50 <> 0,
        'last4', right(person.card_digits, 4),
        'contact', jsonb_build_object('email', person.email)),
    orders.placed_at + interval '3 minutes'
FROM orders JOIN person ON person.n = orders.customer_id
ORDER BY orders.id;

CREATE INDEX ON customers (created_at);
CREATE INDEX ON orders (customer_id);
CREATE INDEX ON orders (placed_at);
CREATE INDEX ON payments (order_id);

COMMENT ON TABLE customers IS 'Who buys; nearly every column is personal or secret';
COMMENT ON COLUMN customers.notes IS 'Free text by the support team; people paste anything here';
COMMENT ON COLUMN customers.profile IS 'Settings, and keys of the customers'' own integrations';
COMMENT ON TABLE orders IS 'One line an order';
COMMENT ON TABLE payments IS 'What the payment provider answered';

GRANT SELECT ON customers, orders, payments TO glovebox_read;
GRANT SELECT, INSERT, UPDATE, DELETE ON customers, orders, payments TO glovebox_write;

\if :{?list_secrets}
CREATE SCHEMA seeded;
CREATE TABLE seeded.secrets AS
SELECT kind, value FROM person, LATERAL (VALUES
    ('person_name', full_name), ('email', email), ('email', other_email), ('phone', phone), ('date_of_birth', date_of_birth::text),
    ('card', card_digits), ('iban', iban), ('password_hash', password_hash), ('api_key', payment_key), ('api_key', cloud_id),
    ('api_key', cloud_key), ('token', source_token), ('token', chat_token), ('url_password', url_password), ('jwt', jwt),
    ('private_key', key_text)) AS listed (kind, value)
WHERE value IS NOT NULL
-- As they stand in the tables too, where that differs.
UNION ALL SELECT 'card', card FROM customers WHERE id % 2 = 1
UNION ALL SELECT 'iban', iban FROM customers WHERE id % 4 = 0;
\endif

COMMIT;
ANALYZE;
