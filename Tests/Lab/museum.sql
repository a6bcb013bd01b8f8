-- One of each kind of object that a client may list, in the schema `museum`; nothing in it is classified. Run by psql as
-- the superuser in a shop's database, whose roles are there. What the whole cluster has (roles, tablespaces) isn't added to.

CREATE SCHEMA museum;
COMMENT ON SCHEMA museum IS 'one of each kind';
SET search_path = museum, public;
-- What it warns of (no logical replication here) is meant.
SET client_min_messages = error;

CREATE EXTENSION pg_trgm SCHEMA museum;
CREATE LANGUAGE plmuseum HANDLER plpgsql_call_handler;
CREATE TYPE mood AS ENUM ('calm', 'cross');
CREATE TYPE point3 AS (x float8, y float8, z float8);
CREATE TYPE period AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE DOMAIN positive AS int DEFAULT 1 CHECK (VALUE > 0);
COMMENT ON DOMAIN positive IS 'more than nothing';
CREATE COLLATION plain FROM "C";
CREATE CONVERSION museum_latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;

CREATE SEQUENCE numbers AS int START 7 INCREMENT 3;
CREATE TABLE rooms (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE plain NOT NULL UNIQUE,
    size positive,
    mood mood DEFAULT 'calm',
    place point3,
    open period,
    area numeric(10, 2) GENERATED ALWAYS AS (12.5) STORED,
    CONSTRAINT sized CHECK (size < 1000)
);
COMMENT ON TABLE rooms IS 'where things hang';
COMMENT ON COLUMN rooms.size IS 'in paces';
COMMENT ON CONSTRAINT sized ON rooms IS 'no hall is larger';
CREATE TABLE items (
    id bigint DEFAULT nextval('numbers') PRIMARY KEY,
    room int NOT NULL REFERENCES rooms ON DELETE CASCADE,
    title varchar(80),
    tags text[],
    facts jsonb DEFAULT '{}',
    picture bytea,
    seen timestamptz DEFAULT '2024-01-01',
    words tsvector,
    EXCLUDE USING gist (box(point(id, id), point(id, id)) WITH &&)
);
CREATE INDEX items_title ON items (lower(title) text_pattern_ops, id DESC) INCLUDE (room) WHERE title <> '';
-- Without the list of what waits to be put in: when that is done, it grows, and tests look at its size.
CREATE INDEX items_words ON items USING gin (words) WITH (fastupdate = off);
CREATE STATISTICS items_together (dependencies, mcv) ON room, title FROM items;
COMMENT ON STATISTICS items_together IS 'they go together';
CREATE TABLE visits (at date NOT NULL, room int) PARTITION BY RANGE (at);
CREATE TABLE visits_2024 PARTITION OF visits FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE visits_later PARTITION OF visits DEFAULT PARTITION BY LIST (room);
CREATE INDEX visits_at ON visits (at);
CREATE TABLE cellars () INHERITS (rooms);
CREATE UNLOGGED TABLE scratch (line text) WITH (fillfactor = 70);
CREATE VIEW large_rooms WITH (security_barrier) AS SELECT id, name, size FROM rooms WHERE size > 10
    WITH LOCAL CHECK OPTION;
CREATE MATERIALIZED VIEW room_sizes AS SELECT size, count(*) FROM rooms GROUP BY size;
CREATE UNIQUE INDEX ON room_sizes (size);
CREATE RULE keep AS ON DELETE TO scratch DO INSTEAD NOTHING;
CREATE TABLE guards (name text, room int REFERENCES rooms);
ALTER TABLE guards ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON guards FOR SELECT TO PUBLIC USING (room < 3);

CREATE FUNCTION twice(n int, OUT result int) LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN n * 2;
CREATE FUNCTION tidy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE PROCEDURE rest(n int) LANGUAGE plpgsql AS $$ BEGIN PERFORM n; END $$;
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE OPERATOR %% (FUNCTION = int4mod, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR FAMILY ints USING btree;
CREATE OPERATOR CLASS int_order FOR TYPE int USING btree FAMILY ints AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int);
CREATE ACCESS METHOD hill TYPE INDEX HANDLER bthandler;
CREATE CAST (mood AS int) WITH INOUT;
COMMENT ON FUNCTION twice IS 'n and n';
CREATE TRIGGER tidied BEFORE UPDATE OF title ON items FOR EACH ROW EXECUTE FUNCTION tidy();

CREATE TEXT SEARCH DICTIONARY short (TEMPLATE = simple, STOPWORDS = english);
CREATE TEXT SEARCH PARSER words (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype);
CREATE TEXT SEARCH TEMPLATE bare (LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH CONFIGURATION guide (PARSER = words);
ALTER TEXT SEARCH CONFIGURATION guide ADD MAPPING FOR asciiword WITH short;

CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER elsewhere TYPE 'none' FOREIGN DATA WRAPPER nothing OPTIONS (host 'nowhere');
CREATE USER MAPPING FOR PUBLIC SERVER elsewhere OPTIONS (password 'museum-mapping-password');
CREATE FOREIGN TABLE lent (id int OPTIONS (name 'number'), title text) SERVER elsewhere OPTIONS (shelf 'three');

CREATE PUBLICATION news FOR TABLE rooms, visits;
CREATE SUBSCRIPTION gazette CONNECTION 'host=127.0.0.1 port=1 password=museum-subscription-password' PUBLICATION news
    WITH (connect = false, enabled = false, slot_name = NONE);
CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE EVENT TRIGGER watched ON sql_drop EXECUTE FUNCTION watch();
ALTER EVENT TRIGGER watched DISABLE;
SELECT lo_from_bytea(0, 'a large object') AS picture \gset
COMMENT ON LARGE OBJECT :picture IS 'a picture';
GRANT SELECT ON LARGE OBJECT :picture TO glovebox_read, glovebox_write;

INSERT INTO rooms (name, size, mood, place, open)
    SELECT 'room ' || n, n, CASE WHEN n % 7 = 0 THEN 'cross'::mood ELSE 'calm' END, ROW(n, n, 0.5)::point3, period(n, n + 1)
    FROM generate_series(1, 300) n;
INSERT INTO guards SELECT 'guard ' || n, n FROM generate_series(1, 4) n;
INSERT INTO items (room, title, tags, facts, picture, words)
    SELECT n, 'thing ' || n, ARRAY['old', 'set ' || n % 5], jsonb_build_object('weight', n, 'kind', 'thing'),
        decode(lpad(to_hex(n), 8, '0'), 'hex'), to_tsvector('simple', 'thing ' || n)
    FROM generate_series(1, 300) n;
INSERT INTO visits SELECT date '2024-01-01' + n % 366, n FROM generate_series(1, 500) n;
REFRESH MATERIALIZED VIEW room_sizes;

GRANT USAGE ON SCHEMA museum TO glovebox_read, glovebox_write;
GRANT SELECT ON ALL TABLES IN SCHEMA museum TO glovebox_read, glovebox_write;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA museum TO glovebox_read, glovebox_write;
GRANT USAGE ON SEQUENCE numbers TO glovebox_write;
GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA museum TO glovebox_write;
GRANT SELECT (line) ON scratch TO PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA museum GRANT SELECT ON TABLES TO glovebox_read;

-- What clients are told of sizes doesn't change while they ask.
ANALYZE;
