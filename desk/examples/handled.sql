-- Handled events of thirty days in four sources.
WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {rows})
INSERT INTO leadhook_inbox
    (key, source, provider, event, lead_id, body, accepted_at, retry_until, due_at, state, attempts, settled_at)
SELECT lower(hex(randomblob(32))), CASE n % 4 WHEN 0 THEN 'scoreapp' WHEN 1 THEN 'grader' WHEN 2 THEN 'graphoid' ELSE 'tomba' END,
    'scoreapp', 'LEAD_SIGNED_UP', 'lead_' || n, CAST('{"event_name":"LEAD_SIGNED_UP","data":{"id":"1"}}' AS BLOB),
    t - 1000, t, t - 1000, 'done', 1, t
FROM (SELECT n, CAST(unixepoch('subsec') * 1000 AS INTEGER) - CAST(n * 2592000000.0 / {rows} AS INTEGER) AS t FROM n);
