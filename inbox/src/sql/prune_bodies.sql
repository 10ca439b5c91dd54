UPDATE leadhook_inbox SET body = NULL, body_cipher = NULL
WHERE key IN (
    SELECT key FROM leadhook_inbox
    WHERE state = 'done' AND body IS NOT NULL AND settled_at <= {now} - $1
    ORDER BY settled_at LIMIT $2 {skip_locked}
)
