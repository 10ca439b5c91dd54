UPDATE leadhook_inbox
SET lease = NULL,
    lease_until = NULL,
    due_at = {now} + $3,
    error = $4,
    first_failed_at = COALESCE(first_failed_at, {now}),
    state = CASE WHEN {now} - COALESCE(first_failed_at, {now}) >= $5 THEN 'dead' ELSE 'waiting' END,
    reason = CASE WHEN {now} - COALESCE(first_failed_at, {now}) >= $5 THEN 'failed' END,
    settled_at = CASE WHEN {now} - COALESCE(first_failed_at, {now}) >= $5 THEN {now} END
WHERE key = $1 AND lease = $2
RETURNING state
