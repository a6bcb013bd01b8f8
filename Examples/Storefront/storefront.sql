-- The storefront's own schema, and what it sells. Run by psql in its database, as the role that the services sign in with;
-- can be run again.
--
-- A row of a test's carries the run as its scope: ordinary ones have the empty scope, and ordinary reads ask for no other.
SET client_min_messages = warning;
BEGIN;

CREATE SCHEMA IF NOT EXISTS storefront;

CREATE TABLE IF NOT EXISTS storefront.customers (
    id text PRIMARY KEY,
    name text NOT NULL,
    synthetic boolean NOT NULL DEFAULT false
);

CREATE TABLE IF NOT EXISTS storefront.products (
    sku text PRIMARY KEY,
    name text NOT NULL,
    category text NOT NULL,
    tags text[] NOT NULL
);

-- In the currency's smallest unit.
CREATE TABLE IF NOT EXISTS storefront.prices (
    sku text NOT NULL REFERENCES storefront.products,
    currency text NOT NULL CHECK (currency IN ('EUR', 'JPY', 'USD')),
    minor bigint NOT NULL CHECK (minor > 0),
    PRIMARY KEY (sku, currency)
);

-- A run has a stock of its own from its first write on, copied from the ordinary one.
CREATE TABLE IF NOT EXISTS storefront.stock (
    sku text NOT NULL REFERENCES storefront.products,
    scope text NOT NULL DEFAULT '',
    on_hand bigint NOT NULL CHECK (on_hand >= 0),
    PRIMARY KEY (sku, scope)
);

CREATE TABLE IF NOT EXISTS storefront.reservations (
    order_id uuid NOT NULL,
    sku text NOT NULL REFERENCES storefront.products,
    quantity bigint NOT NULL CHECK (quantity > 0),
    synthetic boolean NOT NULL,
    scope text NOT NULL,
    PRIMARY KEY (order_id, sku),
    CHECK (synthetic = (scope <> ''))
);

CREATE TABLE IF NOT EXISTS storefront.orders (
    id uuid PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    customer text NOT NULL REFERENCES storefront.customers,
    currency text NOT NULL,
    total_minor bigint NOT NULL,
    synthetic boolean NOT NULL,
    scope text NOT NULL,
    CHECK (synthetic = (scope <> ''))
);

CREATE TABLE IF NOT EXISTS storefront.order_lines (
    order_id uuid NOT NULL REFERENCES storefront.orders ON DELETE CASCADE,
    sku text NOT NULL REFERENCES storefront.products,
    quantity bigint NOT NULL CHECK (quantity > 0),
    unit_minor bigint NOT NULL,
    PRIMARY KEY (order_id, sku)
);

INSERT INTO storefront.customers (id, name, synthetic) VALUES
    ('guest', 'Guest', false),
    ('synthetic', 'Synthetic Customer', true)
ON CONFLICT DO NOTHING;

INSERT INTO storefront.products (sku, name, category, tags) VALUES
    ('cup', 'Porcelain cup', 'kitchen', '{dishwasher-safe,gift,white}'),
    ('kettle', 'Enamel kettle', 'kitchen', '{blue,gift,induction}'),
    ('lamp', 'Reading lamp', 'home', '{brass,dimmable}'),
    ('notebook', 'Dotted notebook', 'paper', '{a5,recycled}'),
    ('pen', 'Fountain pen', 'paper', '{black,gift}'),
    ('print', 'Signed print, the last one', 'art', '{gift,signed,unique}')
ON CONFLICT DO NOTHING;

INSERT INTO storefront.prices (sku, currency, minor) VALUES
    ('cup', 'EUR', 1290), ('cup', 'USD', 1390), ('cup', 'JPY', 2100),
    ('kettle', 'EUR', 5900), ('kettle', 'USD', 6450), ('kettle', 'JPY', 9800),
    ('lamp', 'EUR', 8950), ('lamp', 'USD', 9700), ('lamp', 'JPY', 14800),
    ('notebook', 'EUR', 1450), ('notebook', 'USD', 1550), ('notebook', 'JPY', 2400),
    ('pen', 'EUR', 3995), ('pen', 'USD', 4350), ('pen', 'JPY', 6600),
    ('print', 'EUR', 24000), ('print', 'USD', 26000), ('print', 'JPY', 39500)
ON CONFLICT DO NOTHING;

INSERT INTO storefront.stock (sku, on_hand) VALUES
    ('cup', 1000000000), ('kettle', 40), ('lamp', 12), ('notebook', 1000000000), ('pen', 75), ('print', 1)
ON CONFLICT DO NOTHING;

COMMIT;
