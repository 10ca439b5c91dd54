-- One look into the index for each source.
WITH RECURSIVE found (source) AS (
    SELECT MIN(source) FROM leadhook_inbox WHERE {rows}
    UNION ALL
    SELECT (SELECT MIN(source) FROM leadhook_inbox WHERE {rows} AND source > found.source)
    FROM found WHERE found.source IS NOT NULL
)
SELECT source FROM found WHERE source IS NOT NULL
