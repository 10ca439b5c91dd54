UPDATE leadhook_inbox
SET state = 'waiting', reason = NULL, error = NULL, due_at = {now}, attempts = 0, abandoned = 0,
    first_failed_at = NULL, settled_at = NULL
WHERE key IN (
    SELECT key FROM leadhook_inbox WHERE key {in $1} AND {changeable} ORDER BY key {lock}
)
RETURNING key
