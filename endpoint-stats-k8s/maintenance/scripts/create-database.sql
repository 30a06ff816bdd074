-- create-database.sql - an empty database :name, with owner, encoding, locale, rights and settings of the manifest.
\set manifest `cat "$MANIFEST"`
SELECT :'manifest'::jsonb -> 'database' AS "like" \gset

SELECT format('CREATE DATABASE %I OWNER %s TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L', :'name',
        it ->> 'owner', it ->> 'encoding', it ->> 'collate', it ->> 'ctype')
    || CASE it ->> 'locale_provider'
        WHEN 'i' THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %L', it ->> 'locale')
        WHEN 'b' THEN format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', it ->> 'locale')
        ELSE ' LOCALE_PROVIDER libc' END
FROM (SELECT :'like'::jsonb) AS given (it) \gexec

SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'name')
WHERE jsonb_typeof(:'like'::jsonb -> 'grants') = 'array' \gexec
SELECT format('GRANT %s ON DATABASE %I TO %s%s', it ->> 'privilege', :'name', coalesce(quote_ident(it ->> 'to'), 'PUBLIC'),
    CASE WHEN (it ->> 'with_grant_option')::boolean THEN ' WITH GRANT OPTION' END)
FROM jsonb_array_elements(CASE jsonb_typeof(:'like'::jsonb -> 'grants') WHEN 'array' THEN :'like'::jsonb -> 'grants' ELSE '[]' END) AS each (it)
\gexec

-- A value is parsed as it was when it was set: a list stays a list.
SELECT unnest(ARRAY[
    format('SELECT set_config(%L, %L, false)', it ->> 'name', it ->> 'value'),
    format('ALTER %s SET %I FROM CURRENT',
        CASE WHEN it ->> 'role' IS NULL THEN format('DATABASE %I', :'name')
            ELSE format('ROLE %I IN DATABASE %I', it ->> 'role', :'name') END, it ->> 'name')])
FROM jsonb_array_elements(CASE jsonb_typeof(:'like'::jsonb -> 'settings') WHEN 'array' THEN :'like'::jsonb -> 'settings' ELSE '[]' END) AS each (it)
\gexec
