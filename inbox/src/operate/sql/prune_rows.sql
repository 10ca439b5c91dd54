DELETE FROM leadhook_inbox
WHERE key IN (
    SELECT key FROM (
        SELECT key, settled_at, SUM(size) OVER (ORDER BY settled_at, key) - size AS before FROM (
            SELECT key, settled_at, COALESCE(length(body), 0) AS size FROM leadhook_inbox
            WHERE state = 'done' AND source = $4 AND settled_at <= {now} - $1 AND retry_until <= {now}
            ORDER BY settled_at LIMIT $2 {skip_locked}
        ) AS oldest
    ) AS sized WHERE before < $3
)
RETURNING key
