-- manifest.sql - the manifest around what contents.sql found: read from the file named by CONTENTS.
\set contents `cat "$CONTENTS"`
SELECT jsonb_pretty(jsonb_build_object(
    'format', :format,
    'name', :'name',
    'dumped_by', :'dumped_by',
    'server_version', current_setting('server_version'),
    'server_version_num', current_setting('server_version_num')::int,
    'contents', :'contents'::jsonb,
    'database', jsonb_build_object(
        'name', datname,
        'owner', datdba::regrole::text,
        'encoding', pg_encoding_to_char(encoding),
        'collate', datcollate,
        'ctype', datctype,
        'locale_provider', datlocprovider,
        'locale', coalesce(to_jsonb(pg_database) ->> 'datlocale', to_jsonb(pg_database) ->> 'daticulocale'),
        'grants', (
            SELECT jsonb_agg(jsonb_build_object(
                'to', CASE grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(grantee) END,
                'privilege', privilege_type,
                'with_grant_option', is_grantable))
            FROM aclexplode(datacl)),
        'settings', (
            SELECT jsonb_agg(jsonb_build_object(
                'role', CASE setrole WHEN 0 THEN NULL ELSE pg_get_userbyid(setrole) END,
                'name', split_part(setting, '=', 1),
                'value', substr(setting, strpos(setting, '=') + 1)))
            FROM pg_db_role_setting CROSS JOIN LATERAL unnest(setconfig) AS setting WHERE setdatabase = pg_database.oid))))
FROM pg_database WHERE datname = current_database();
