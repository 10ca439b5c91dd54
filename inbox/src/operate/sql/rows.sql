SELECT key, source, provider, scope, matched_secret, event, lead_id, reason, error, attempts, abandoned,
    accepted_at, due_at, settled_at, parked,
    CASE WHEN token IS NULL THEN state ELSE 'in_progress' END AS state,
    CASE WHEN body IS NULL THEN CAST(0 AS BIGINT) ELSE 1 END AS has_body,
    COALESCE((SELECT duplicates FROM leadhook_inbox_duplicate AS d WHERE d.key = leadhook_inbox.key), 0) AS duplicates
FROM {table}
WHERE {of_sources} AND {selected} AND {after}
ORDER BY {order} LIMIT {limit}
