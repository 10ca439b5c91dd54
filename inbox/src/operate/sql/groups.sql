SELECT source, state, reason, error, COUNT(*) AS of_group, MIN(accepted_at) AS first_accepted_at,
    MAX(accepted_at) AS last_accepted_at, CAST(SUM(COUNT(*)) OVER () AS BIGINT) AS looked_at
FROM (
    SELECT source, CASE WHEN token IS NULL THEN state ELSE 'in_progress' END AS state, reason, error, accepted_at
    FROM {table}
    WHERE {of_sources} AND {selected} LIMIT {limit}
) AS looked
GROUP BY source, state, reason, error
ORDER BY of_group DESC, source, reason, error LIMIT {most}
