-- Without its row, a process claims nothing. The row is locked, so that nobody can take the process for gone
-- before this is committed.
WITH me AS MATERIALIZED (
    SELECT id FROM leadhook_inbox_process WHERE id = $1 {share}
), firsts AS MATERIALIZED (
    SELECT key FROM leadhook_inbox AS first, me WHERE key {in $3} AND {is_first}
)
UPDATE leadhook_inbox
SET process = $1, token = $2, attempts = attempts + 1
WHERE key IN (SELECT key FROM firsts)
RETURNING key, source, provider, scope, matched_secret, body, body_cipher, accepted_at, attempts, abandoned, ordered,
    trace_context
