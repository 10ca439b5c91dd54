-- Frees the rows of this process that it does not know, or all of them, and counts no attempt.
UPDATE leadhook_inbox
SET token = NULL, process = NULL, due_at = {now}, attempts = attempts - 1
WHERE key IN (
    SELECT key FROM leadhook_inbox
    WHERE process = $1 AND token IS NOT NULL AND NOT key {in $2} ORDER BY key {skip_locked}
)
RETURNING key
