-- begin.sql - begins the transaction whose snapshot dump and counts share, and prints the snapshot's name.
-- Locks come first: a snapshot taken before them could show rows of a partition that is dropped meanwhile.
SET lock_timeout = '60s';
SET idle_in_transaction_session_timeout = 0;
SELECT to_regclass('endpoint_stats.__diesel_schema_migrations') IS NULL AS is_empty \gset
\if :is_empty
    \echo empty
    \quit
\endif
SELECT string_agg(format('%I.%I', nspname, relname), ', ' ORDER BY nspname, relname) AS tables
FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind IN ('r', 'p') AND NOT relispartition AND nspname !~ '^pg_' AND nspname <> 'information_schema' \gset
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
LOCK TABLE :tables IN ACCESS SHARE MODE;
SELECT pg_catalog.pg_export_snapshot();
