DELETE FROM leadhook_inbox
WHERE key IN (
    SELECT key FROM leadhook_inbox
    WHERE state = 'done' AND settled_at <= {now} - $1 AND retry_until <= {now}
    ORDER BY settled_at LIMIT $2 {skip_locked}
)
