UPDATE leadhook_inbox
SET state = 'done', lease = NULL, lease_until = NULL, error = NULL, settled_at = {now}
WHERE key = $1 AND lease = $2
RETURNING state
