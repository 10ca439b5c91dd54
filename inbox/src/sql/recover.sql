UPDATE leadhook_inbox
SET lease = NULL,
    lease_until = NULL,
    due_at = {now},
    error = 'abandoned',
    abandoned = abandoned + 1,
    state = CASE WHEN abandoned + 1 >= $1 THEN 'dead' ELSE 'waiting' END,
    reason = CASE WHEN abandoned + 1 >= $1 THEN 'abandoned' END,
    settled_at = CASE WHEN abandoned + 1 >= $1 THEN {now} END
WHERE key IN (
    SELECT key FROM leadhook_inbox
    WHERE lease IS NOT NULL AND lease_until <= {now} AND source IN ({sources}) AND key NOT IN ({own})
    {skip_locked}
)
RETURNING key, source, state, abandoned
