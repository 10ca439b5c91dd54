UPDATE leadhook_inbox SET body = NULL, body_cipher = NULL
WHERE key IN (
    SELECT key FROM (
        SELECT key, settled_at, SUM(size) OVER (ORDER BY settled_at, key) - size AS before FROM (
            SELECT key, settled_at, length(body) AS size FROM leadhook_inbox
            WHERE state = 'done' AND body IS NOT NULL AND settled_at <= {now} - $1
            ORDER BY settled_at LIMIT $2 {skip_locked}
        ) AS oldest
    ) AS sized WHERE before < $3
)
RETURNING key
