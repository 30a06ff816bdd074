-- contents.sql - everything a database of endpoint-stats holds, as one JSON document that is the same wherever the same
-- rows are: read-only, and in one snapshot if the caller has begun a transaction.
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
SET IntervalStyle = 'postgres';
SET bytea_output = 'hex';
SET extra_float_digits = 1;
SET search_path = pg_catalog;

-- A digest is the sum of the rows' hashes: it does not depend on their order.
SELECT 'SELECT coalesce(jsonb_object_agg(name, facts), ''{}'') AS tables FROM ('
    || string_agg(format(
        'SELECT %L AS name, jsonb_build_object(''rows'', count(*), ''digest'', coalesce(sum(hashtextextended(t::text, 0)), 0)::text) AS facts FROM %I.%I AS t',
        nspname || '.' || relname, nspname, relname), ' UNION ALL ')
    || ') AS counted' AS count_tables
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind IN ('r', 'p') AND NOT relispartition AND nspname !~ '^pg_' AND nspname <> 'information_schema' \gset
:count_tables \gset

SELECT coalesce(jsonb_agg(version ORDER BY version), '[]') AS migrations
FROM endpoint_stats.__diesel_schema_migrations \gset

WITH windows AS (
    SELECT endpoint_id, hits FROM endpoint_stats.window_10s
    UNION ALL SELECT endpoint_id, hits FROM endpoint_stats.window_1m
    UNION ALL SELECT endpoint_id, hits FROM endpoint_stats.window_1h
    UNION ALL SELECT endpoint_id, hits FROM endpoint_stats.window_1d
), by_endpoint AS (
    SELECT endpoint_id, sum(hits) AS hits FROM windows GROUP BY endpoint_id
), by_service AS (
    SELECT service.name, count(endpoint.id) AS endpoints, coalesce(sum(endpoint.hits), 0) AS hits,
        coalesce(sum(by_endpoint.hits), 0) AS hits_in_windows
    FROM endpoint_stats.service
    LEFT JOIN endpoint_stats.endpoint ON endpoint.service_id = service.id
    LEFT JOIN by_endpoint ON by_endpoint.endpoint_id = endpoint.id
    GROUP BY service.name
)
SELECT coalesce(jsonb_object_agg(name, to_jsonb(by_service) - 'name'), '{}') AS services FROM by_service \gset

WITH ours AS (SELECT oid FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')
SELECT jsonb_build_object(
    'tables', (SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace IN (SELECT oid FROM ours)),
    'indexes', (SELECT count(*) FROM pg_class WHERE relkind IN ('i', 'I') AND relnamespace IN (SELECT oid FROM ours)),
    'sequences', (SELECT count(*) FROM pg_class WHERE relkind = 'S' AND relnamespace IN (SELECT oid FROM ours)),
    'constraints', (SELECT count(*) FROM pg_constraint WHERE contype <> 'n' AND connamespace IN (SELECT oid FROM ours)),
    'functions', (SELECT count(*) FROM pg_proc WHERE pronamespace IN (SELECT oid FROM ours))) AS objects \gset

-- Whoever owns something here or was granted something; the owner of the server itself leaves no trace in pg_shdepend.
WITH named AS (
    SELECT refobjid AS role FROM pg_shdepend, pg_database
    WHERE datname = current_database() AND refclassid = 'pg_authid'::regclass
        AND (dbid = pg_database.oid OR (dbid = 0 AND classid = 'pg_database'::regclass AND objid = pg_database.oid))
    UNION SELECT datdba FROM pg_database WHERE datname = current_database()
    UNION SELECT relowner FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
)
SELECT jsonb_agg(rolname ORDER BY rolname) AS roles FROM named JOIN pg_roles ON pg_roles.oid = role \gset

SELECT jsonb_build_object('migrations', :'migrations'::jsonb, 'tables', :'tables'::jsonb, 'services', :'services'::jsonb,
    'objects', :'objects'::jsonb, 'roles', :'roles'::jsonb);
