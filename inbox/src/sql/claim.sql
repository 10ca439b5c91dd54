UPDATE leadhook_inbox
SET lease = $1, lease_until = {now} + $2, tries = tries + 1
WHERE key IN (
    SELECT key FROM leadhook_inbox
    WHERE state = 'waiting' AND lease IS NULL AND {kind} AND due_at <= {now} AND source IN ({sources})
    ORDER BY due_at LIMIT $3 {skip_locked}
)
RETURNING key, source, body, body_cipher, received_at, tries
