-- ask-every-table.sql - tables whose rows are not all found by their indexes, and sequences that would give out a number
-- again: one a line, or nothing.
\set manifest `cat "$MANIFEST"`
SET enable_seqscan = off;

SELECT string_agg(format(
    'SELECT format(''  %%s: %%s rows by its index, %%s in the manifest'', %L, count(*), %L) FROM %s HAVING count(*) <> %L',
    key, value ->> 'rows', (SELECT format('%I.%I', parts[1], parts[2]) FROM string_to_array(key, '.') AS parts), value ->> 'rows'),
    ' UNION ALL ') AS ask
FROM jsonb_each(:'manifest'::jsonb #> '{contents,tables}') \gset
:ask;

SELECT string_agg(format(
    'SELECT format(''  %%s gave out %%s, and the table holds %%s'', %L, last_value, (SELECT max(%I) FROM %s)) FROM %s WHERE last_value < (SELECT max(%I) FROM %s)',
    sequence, attname, relation, sequence, attname, relation), ' UNION ALL ') AS ask
FROM (
    SELECT attname, attrelid::regclass AS relation, pg_get_serial_sequence(attrelid::regclass::text, attname) AS sequence
    FROM pg_attribute WHERE attidentity <> '' AND NOT attisdropped
) AS identities WHERE sequence IS NOT NULL \gset
:ask;
