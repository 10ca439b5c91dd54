UPDATE leadhook_inbox
SET token = NULL,
    process = NULL,
    due_at = {now},
    error = 'abandoned',
    abandoned = abandoned + 1,
    state = CASE WHEN abandoned + 1 >= $2 THEN 'dead' ELSE 'waiting' END,
    reason = CASE WHEN abandoned + 1 >= $2 THEN 'abandoned' END,
    settled_at = CASE WHEN abandoned + 1 >= $2 THEN {now} END
WHERE key IN (
    SELECT key FROM leadhook_inbox WHERE process = $1 AND token IS NOT NULL ORDER BY key {skip_locked}
)
RETURNING key, source, state, abandoned
