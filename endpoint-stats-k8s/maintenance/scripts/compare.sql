-- compare.sql - every place where the document FOUND differs from the contents of MANIFEST, one a line.
\set expected `cat "$MANIFEST"`
\set found `cat "$FOUND"`
WITH RECURSIVE parts (side, path, value) AS (
    SELECT 'expected', '', :'expected'::jsonb -> 'contents'
    UNION ALL SELECT 'found', '', :'found'::jsonb
    UNION ALL
    SELECT side, path || '/' || key, child
    FROM parts
    CROSS JOIN LATERAL jsonb_each(CASE jsonb_typeof(value) WHEN 'object' THEN value ELSE '{}' END) AS each (key, child)
), leaves AS (
    SELECT side, path, value FROM parts WHERE jsonb_typeof(value) <> 'object'
)
SELECT format('  %s: %s in the manifest, %s in the database', substr(path, 2), coalesce(expected.value::text, 'nothing'),
    coalesce(found.value::text, 'nothing'))
FROM (SELECT path, value FROM leaves WHERE side = 'expected') AS expected
FULL JOIN (SELECT path, value FROM leaves WHERE side = 'found') AS found USING (path)
WHERE expected.value IS DISTINCT FROM found.value
ORDER BY path;
