UPDATE leadhook_inbox
SET state = 'dead', reason = $3, error = $4, lease = NULL, lease_until = NULL, settled_at = {now}
WHERE key = $1 AND lease = $2
RETURNING state
