WITH due AS MATERIALIZED ({due})
UPDATE leadhook_inbox
SET lease = $1, lease_until = {now} + $2, tries = tries + 1
WHERE key IN (SELECT key FROM due ORDER BY due_at LIMIT $3)
RETURNING key, source, body, body_cipher, received_at, tries
