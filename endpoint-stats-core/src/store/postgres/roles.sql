-- roles.sql - the three roles of an endpoint-stats database, each with the least it needs.
--
-- `endpoint-stats-server migrate --roles` runs it after the migrations, as the role that owns the schema; it may be run
-- again at any time. A role that may not make roles needs those two to be there.
--
--   the owner               runs migrations, owns tables and partitions; no service needs it while it runs
--   endpoint_stats_writer   flushes, settles and rolls up: services, and `serve`
--   endpoint_stats_reader   answers questions: `report`, and SQL of your own
--
-- The two roles cannot log in. Give them to roles that can:
--
--   CREATE ROLE shop LOGIN PASSWORD '...' IN ROLE endpoint_stats_writer;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'endpoint_stats_writer') THEN
        CREATE ROLE endpoint_stats_writer NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'endpoint_stats_reader') THEN
        CREATE ROLE endpoint_stats_reader NOLOGIN;
    END IF;
END
$$;

SET search_path = endpoint_stats;

GRANT USAGE ON SCHEMA endpoint_stats TO endpoint_stats_reader, endpoint_stats_writer;
GRANT SELECT ON ALL TABLES IN SCHEMA endpoint_stats TO endpoint_stats_reader, endpoint_stats_writer;

GRANT INSERT ON service, dead_letter, damaged_window TO endpoint_stats_writer;
GRANT INSERT, UPDATE ON endpoint TO endpoint_stats_writer;
GRANT INSERT, DELETE ON arrival TO endpoint_stats_writer;
GRANT INSERT, UPDATE, DELETE ON writer TO endpoint_stats_writer;
GRANT INSERT, UPDATE, DELETE ON window_10s, window_1m, window_1h, window_1d, sum_1m, sum_1h, sum_1d, sum_1w
    TO endpoint_stats_writer;
GRANT EXECUTE ON FUNCTION make_partition, drop_empty_partition TO endpoint_stats_writer;
