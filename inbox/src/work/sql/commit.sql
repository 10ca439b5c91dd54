-- The COMMIT follows at once. If it does not, the process is frozen or its machine gone, and must not keep the row.
UPDATE leadhook_inbox
SET state = 'done', settled_token = token, token = NULL, process = NULL, abandoned = 0, error = NULL, settled_at = {now}
WHERE key = $1 AND token = $2
RETURNING key, {guard} AS guard
