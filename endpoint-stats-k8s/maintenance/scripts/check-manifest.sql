-- check-manifest.sql - what keeps this server from taking the backup, or nothing. Reads only.
\set manifest `cat "$MANIFEST"`
\getenv name NAME
WITH given AS (SELECT :'manifest'::jsonb AS manifest),
facts AS (
    -- A dump may need what the program that wrote it knew, also when the server was older.
    SELECT manifest, (manifest ->> 'server_version_num')::int / 10000 AS of_server,
        greatest((manifest ->> 'server_version_num')::int / 10000, substring(manifest ->> 'dumped_by' FROM '\) ([0-9]+)')::int) AS theirs,
        current_setting('server_version_num')::int / 10000 AS ours
    FROM given
)
SELECT CASE
    WHEN manifest ->> 'format' IS DISTINCT FROM :'format'
        THEN format('the manifest has format %s, expected %s; use the scripts of the version that made it', coalesce(manifest ->> 'format', 'none'), :'format')
    WHEN manifest ->> 'name' IS DISTINCT FROM :'name'
        THEN format('the manifest is that of %s; a backup keeps its name', coalesce(manifest ->> 'name', 'no backup'))
    WHEN of_server IS NULL
            OR NOT coalesce(manifest #> '{contents}' ?& ARRAY['migrations', 'tables', 'services', 'objects', 'roles'], false)
            OR manifest #>> '{database,owner}' IS NULL
        THEN 'the manifest lacks what backup.sh writes into it; take another backup'
    WHEN theirs > ours
        THEN format('it was made by PostgreSQL %s, and this server is PostgreSQL %s; restore into %s or later', theirs, ours, theirs)
END
FROM facts;
