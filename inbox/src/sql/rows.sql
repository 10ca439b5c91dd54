SELECT key, source, state, reason, error, tries, abandoned, duplicates, received_at, due_at, settled_at,
    CASE WHEN lease IS NULL THEN CAST(0 AS BIGINT) ELSE 1 END AS leased,
    CASE WHEN body IS NULL THEN CAST(0 AS BIGINT) ELSE 1 END AS has_body
FROM leadhook_inbox
WHERE {selected}
ORDER BY settled_at, key LIMIT {limit}
