-- What graphical database browsers ask of PostgreSQL's catalogue as somebody clicks through them, in the manner of each
-- (these are the lab's own statements). Run by psql: none may fail.

\echo == pgAdmin: as a connection begins
SET DateStyle=ISO; SET client_min_messages=notice; SELECT set_config('bytea_output', 'hex', false) FROM pg_catalog.pg_show_all_settings() WHERE name = 'bytea_output'; SET client_encoding = 'UTF8';
SELECT pg_catalog.version(), pg_catalog.current_database(), pg_catalog.inet_server_addr() IS NULL, pg_catalog.pg_postmaster_start_time() < now();
SELECT r.oid AS id, r.rolname AS name, r.rolsuper AS is_superuser, CASE WHEN r.rolsuper THEN true ELSE r.rolcreaterole END AS may_make_roles,
    'pg_signal_backend' = ANY (WITH RECURSIVE groups AS (
        SELECT m.roleid, pg_catalog.pg_get_userbyid(m.roleid) AS name FROM pg_catalog.pg_auth_members m WHERE m.member = r.oid
        UNION SELECT m.roleid, pg_catalog.pg_get_userbyid(m.roleid) FROM groups g JOIN pg_catalog.pg_auth_members m ON m.member = g.roleid)
        SELECT name FROM groups) AS may_signal
    FROM pg_catalog.pg_roles r WHERE rolname = current_user;
SELECT CASE WHEN usesuper THEN pg_catalog.pg_is_in_recovery() ELSE false END AS in_recovery,
    CASE WHEN usesuper AND pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_is_wal_replay_paused() ELSE false END AS is_paused
    FROM pg_catalog.pg_user WHERE usename = current_user;
SELECT d.oid, d.datname, d.datallowconn, d.datistemplate, pg_catalog.has_database_privilege(d.oid, 'CREATE') AS may_create,
    pg_catalog.shobj_description(d.oid, 'pg_database'), pg_catalog.pg_encoding_to_char(d.encoding)
    FROM pg_catalog.pg_database d ORDER BY datname;
SELECT gss_authenticated, encrypted FROM pg_catalog.pg_stat_gssapi WHERE pid = pg_catalog.pg_backend_pid();

\echo == pgAdmin: dashboard
SELECT 'sessions' AS chart, pg_catalog.row_to_json(t) AS data FROM (SELECT
    (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE datname = current_database()) AS "Total",
    (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE state = 'active' AND datname = current_database()) AS "Active") t
UNION ALL
SELECT 'transactions', pg_catalog.row_to_json(t) FROM (SELECT
    (SELECT sum(xact_commit) + sum(xact_rollback) FROM pg_catalog.pg_stat_database WHERE datname = current_database()) AS "Transactions",
    (SELECT sum(blks_read) FROM pg_catalog.pg_stat_database) AS "Reads") t;
SELECT pid, datname, usename, application_name, client_addr, pg_catalog.to_char(backend_start, 'YYYY-MM-DD HH24:MI:SS TZ') AS backend_start,
    state, wait_event_type || ': ' || wait_event AS wait_event, pg_catalog.array_to_string(pg_catalog.pg_blocking_pids(pid), ', ') AS blocking_pids,
    query, pg_catalog.to_char(query_start, 'YYYY-MM-DD HH24:MI:SS TZ') AS query_start,
    CASE WHEN state = 'active' THEN round((extract(epoch FROM now() - query_start) / 60)::numeric, 2) ELSE 0 END AS minutes
    FROM pg_catalog.pg_stat_activity WHERE datname = current_database() ORDER BY pid;
SELECT pid, locktype, datname, relation::pg_catalog.regclass, page, tuple, virtualxid, transactionid, classid::pg_catalog.regclass, mode, granted
    FROM pg_catalog.pg_locks l LEFT OUTER JOIN pg_catalog.pg_database d ON l.database = d.oid ORDER BY pid, locktype;
SELECT name, category, setting, unit, short_desc FROM pg_catalog.pg_settings ORDER BY category, name LIMIT 5;
SELECT gid, database, owner, transaction, prepared FROM pg_catalog.pg_prepared_xacts;

\echo == pgAdmin: a table
SELECT rel.oid, rel.relname AS name, rel.relkind, (SELECT count(*) FROM pg_catalog.pg_trigger WHERE tgrelid = rel.oid AND NOT tgisinternal) AS triggers,
    (SELECT count(1) FROM pg_catalog.pg_inherits WHERE inhrelid = rel.oid LIMIT 1) AS is_inherited, pg_catalog.pg_get_partkeydef(rel.oid)
    FROM pg_catalog.pg_class rel WHERE rel.relkind IN ('r', 's', 't', 'p') AND rel.relnamespace = 'museum'::regnamespace ORDER BY rel.relname;
SELECT att.attname AS name, att.*, def.*, pg_catalog.pg_get_expr(def.adbin, def.adrelid) AS default_value,
    CASE WHEN att.attndims > 0 THEN 1 ELSE 0 END AS is_array, pg_catalog.format_type(ty.oid, NULL) AS type_name,
    pg_catalog.format_type(ty.oid, att.atttypmod) AS display_type, tn.nspname AS type_schema, et.typname AS element, cl.relname AS relation,
    na.nspname AS schema, pg_catalog.col_description(att.attrelid, att.attnum::int) AS description, pg_catalog.array_to_string(att.attacl::text[], ', '),
    EXISTS (SELECT 1 FROM pg_catalog.pg_constraint WHERE conrelid = att.attrelid AND contype = 'f' AND att.attnum = ANY (conkey)) AS is_fk
    FROM pg_catalog.pg_attribute att JOIN pg_catalog.pg_type ty ON ty.oid = atttypid JOIN pg_catalog.pg_namespace tn ON tn.oid = ty.typnamespace
    JOIN pg_catalog.pg_class cl ON cl.oid = att.attrelid JOIN pg_catalog.pg_namespace na ON na.oid = cl.relnamespace
    LEFT OUTER JOIN pg_catalog.pg_type et ON et.oid = ty.typelem
    LEFT OUTER JOIN pg_catalog.pg_attrdef def ON adrelid = att.attrelid AND adnum = att.attnum
    WHERE att.attrelid = 'museum.items'::regclass AND att.attnum > 0 AND att.attisdropped IS FALSE ORDER BY att.attnum;
SELECT seq_scan AS "Sequential scans", n_live_tup, n_dead_tup, heap_blks_read, pg_catalog.pg_size_pretty(pg_catalog.pg_relation_size(stat.relid)),
    pg_catalog.pg_size_pretty(pg_catalog.pg_total_relation_size(stat.relid) - pg_catalog.pg_relation_size(stat.relid)), last_vacuum
    FROM pg_catalog.pg_stat_all_tables stat JOIN pg_catalog.pg_statio_all_tables statio ON stat.relid = statio.relid
    JOIN pg_catalog.pg_class cl ON cl.oid = stat.relid WHERE stat.relid = 'museum.items'::regclass;
SELECT indexrelname, pg_catalog.pg_get_indexdef(indexrelid), idx_scan, pg_catalog.pg_size_pretty(pg_catalog.pg_relation_size(indexrelid))
    FROM pg_catalog.pg_stat_all_indexes WHERE schemaname = 'museum' ORDER BY 1;

\echo == DBeaver: as a connection begins
SET extra_float_digits = 3;
SET application_name = 'DBeaver 24 - Main <shop>';
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED;
SHOW search_path;
SELECT current_schema(), session_user;
SELECT * FROM pg_catalog.pg_enum WHERE 1 <> 1 LIMIT 1;
SELECT reltype FROM pg_catalog.pg_class WHERE 1 <> 1 LIMIT 1;
SELECT db.oid, db.* FROM pg_catalog.pg_database db WHERE datallowconn AND NOT datistemplate OR db.datname = 'shop' ORDER BY db.datname;
SELECT * FROM pg_catalog.pg_settings WHERE name = 'standard_conforming_strings';
SELECT string_agg(word, ',') FROM pg_catalog.pg_get_keywords() WHERE word <> ALL ('{a,abs,all}'::text[]);
SELECT n.oid, n.*, d.description FROM pg_catalog.pg_namespace n
    LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = n.oid AND d.objsubid = 0 AND d.classoid = 'pg_namespace'::regclass ORDER BY nspname;

\echo == DBeaver: the tree
SELECT t.oid, t.*, c.relkind, pg_catalog.format_type(nullif(t.typbasetype, 0), t.typtypmod) AS base_type_name, d.description
    FROM pg_catalog.pg_type t LEFT OUTER JOIN pg_catalog.pg_type et ON et.oid = t.typelem LEFT OUTER JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
    LEFT OUTER JOIN pg_catalog.pg_description d ON t.oid = d.objoid
    WHERE t.typname IS NOT NULL AND (c.relkind IS NULL OR c.relkind = 'c') AND (et.typcategory IS NULL OR et.typcategory <> 'C') ORDER BY t.oid LIMIT 500;
SELECT c.oid, c.*, d.description, pg_catalog.pg_get_expr(c.relpartbound, c.oid) AS partition_expr, pg_catalog.pg_get_partkeydef(c.oid) AS partition_key
    FROM pg_catalog.pg_class c LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = c.oid AND d.objsubid = 0 AND d.classoid = 'pg_class'::regclass
    WHERE c.relnamespace = 'museum'::regnamespace AND c.relkind NOT IN ('i', 'I', 'c');
SELECT c.oid, c.conname, c.*, t.relname AS table_name, rt.relnamespace AS referenced_schema, d.description,
    CASE c.contype WHEN 'c' THEN substring(pg_catalog.pg_get_constraintdef(c.oid), 7) ELSE NULL END AS check_clause
    FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_class t ON t.oid = c.conrelid LEFT OUTER JOIN pg_catalog.pg_class rt ON rt.oid = c.confrelid
    LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = c.oid AND d.objsubid = 0 AND d.classoid = 'pg_constraint'::regclass ORDER BY c.oid;
SELECT i.*, i.indkey AS keys, c.relname, c.relnamespace, c.relam, c.reltablespace, tc.relname AS tabrelname, dsc.description,
    pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS pred_expr, pg_catalog.pg_get_expr(i.indexprs, i.indrelid, true) AS expr, pg_catalog.pg_relation_size(i.indexrelid) AS index_rel_size
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_class tc ON tc.oid = i.indrelid
    LEFT OUTER JOIN pg_catalog.pg_description dsc ON i.indexrelid = dsc.objoid WHERE c.relnamespace = 'museum'::regnamespace ORDER BY tabrelname, c.relname;
SELECT p.oid AS poid, p.*, pg_catalog.pg_get_expr(p.proargdefaults, 0) AS arg_defaults, d.description
    FROM pg_catalog.pg_proc p LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = p.oid AND d.objsubid = 0 WHERE p.pronamespace = 'museum'::regnamespace ORDER BY p.proname;
SELECT c.relname, seq.* FROM pg_catalog.pg_class c JOIN pg_catalog.pg_sequences seq ON seq.schemaname = 'museum' AND seq.sequencename = c.relname WHERE c.relkind = 'S';
SELECT x.oid, x.*, p.pronamespace AS func_schema FROM pg_catalog.pg_trigger x LEFT OUTER JOIN pg_catalog.pg_proc p ON p.oid = x.tgfoid WHERE x.tgrelid = 'museum.items'::regclass AND NOT x.tgisinternal;
SELECT 'museum' AS schema, pg_catalog.pg_total_relation_size(c.oid), pg_catalog.pg_relation_size(c.oid) FROM pg_catalog.pg_class c WHERE c.relnamespace = 'museum'::regnamespace AND c.relkind IN ('r', 'm');
SELECT sa.* FROM pg_catalog.pg_stat_activity sa;
EXPLAIN (FORMAT XML, ANALYZE) SELECT * FROM museum.rooms WHERE id = 7;

\echo == DataGrip: as a connection begins, and introspection
SET extra_float_digits = 3;
SET application_name = '';
SELECT version();
SHOW TRANSACTION ISOLATION LEVEL;
SELECT current_database() AS a, current_schemas(false) AS b, current_user;
SELECT round(extract(epoch FROM pg_catalog.pg_postmaster_start_time() AT TIME ZONE 'UTC')) AS startup_time;
SELECT L.transactionid::varchar::bigint AS transaction_id FROM pg_catalog.pg_locks L WHERE L.transactionid IS NOT NULL ORDER BY pg_catalog.age(L.transactionid) DESC LIMIT 1;
SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL ELSE (pg_catalog.txid_current() % (2 ^ 32)::bigint)::varchar::bigint END AS current_txid;
SELECT N.oid::bigint AS id, N.xmin AS state_number, nspname AS name, D.description, pg_catalog.pg_get_userbyid(N.nspowner) AS "owner"
    FROM pg_catalog.pg_namespace N LEFT JOIN pg_catalog.pg_description D ON N.oid = D.objoid
    ORDER BY CASE WHEN nspname = pg_catalog.current_schema() THEN -1::bigint ELSE N.oid::bigint END;
SELECT T.relkind AS table_kind, T.relname AS table_name, T.oid AS table_id, T.xmin AS table_state_number, false AS table_with_oids,
    T.reltablespace AS tablespace_id, T.reloptions AS options, T.relpersistence AS persistence,
    (SELECT pg_catalog.array_agg(inhparent::bigint ORDER BY inhseqno)::varchar FROM pg_catalog.pg_inherits WHERE T.oid = inhrelid) AS ancestors,
    T.relispartition AS is_partition, pg_catalog.pg_get_partkeydef(T.oid) AS partition_key, pg_catalog.pg_get_expr(T.relpartbound, T.oid) AS partition_expression
    FROM pg_catalog.pg_class T WHERE relnamespace = 'museum'::regnamespace::oid AND relkind IN ('r', 'm', 'v', 'f', 'p')
    AND pg_catalog.age(T.xmin) <= coalesce(nullif(greatest(pg_catalog.age('1'::varchar::xid), -1), -1), 2147483647) ORDER BY table_kind, table_id;
WITH T AS (SELECT DISTINCT T.oid AS table_id, T.relname AS table_name FROM pg_catalog.pg_class T WHERE T.relnamespace = 'museum'::regnamespace AND T.relkind IN ('r', 'm', 'v', 'f', 'p'))
SELECT T.table_id, C.attnum AS column_position, C.attname AS column_name, C.xmin AS column_state_number, C.atttypmod AS type_mod,
    pg_catalog.format_type(C.atttypid, C.atttypmod) AS type_spec, C.attnotnull AS mandatory, pg_catalog.pg_get_expr(D.adbin, T.table_id) AS column_default_expression,
    not C.attislocal AS column_is_inherited, C.attfdwoptions AS options, C.attidentity AS identity_kind, C.attgenerated AS generated
    FROM T JOIN pg_catalog.pg_attribute C ON T.table_id = C.attrelid LEFT JOIN pg_catalog.pg_attrdef D ON (C.attrelid, C.attnum) = (D.adrelid, D.adnum)
    WHERE attnum > 0 AND NOT attisdropped ORDER BY table_id, attnum;
SELECT sv.oid AS id, sv.srvname, sv.srvtype, sv.srvoptions, fdw.fdwname FROM pg_catalog.pg_foreign_server sv JOIN pg_catalog.pg_foreign_data_wrapper fdw ON fdw.oid = sv.srvfdw;
SELECT umid AS id, srvid AS server_id, usename AS "user", umoptions AS options FROM pg_catalog.pg_user_mappings ORDER BY server_id;
SELECT pg_catalog.pg_get_viewdef(T.oid, true) FROM pg_catalog.pg_class T WHERE T.relkind IN ('m', 'v') AND T.relnamespace = 'museum'::regnamespace;
SELECT t.* FROM museum.items t LIMIT 501;
SELECT t.*, ctid FROM museum.rooms t ORDER BY id DESC LIMIT 3;
