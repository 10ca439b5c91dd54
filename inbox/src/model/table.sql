SELECT 'row' AS kind, key, state, reason, process, token, settled_token, attempts, abandoned,
    CASE WHEN body IS NULL THEN CAST(0 AS BIGINT) ELSE 1 END AS has_body,
    due_at, retry_until, first_failed_at, settled_at, parked
FROM leadhook_inbox
UNION ALL SELECT 'process', id, NULL, NULL, NULL, NULL, NULL, beat, 0, 0, 0, 0, NULL, NULL, 0 FROM leadhook_inbox_process
UNION ALL SELECT 'line', key, NULL, NULL, NULL, NULL, NULL, subject, position, 0, 0, 0, NULL, NULL, 0 FROM leadhook_inbox_line
UNION ALL SELECT 'effects', NULL, NULL, NULL, NULL, NULL, NULL, count(*), 0, 0, 0, 0, NULL, NULL, 0 FROM effects
UNION ALL SELECT 'now', NULL, NULL, NULL, NULL, NULL, NULL, {now}, 0, 0, 0, 0, NULL, NULL, 0
