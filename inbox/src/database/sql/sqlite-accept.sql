INSERT INTO leadhook_inbox
    (key, source, provider, scope, matched_secret, event, lead_id, body, body_cipher, accepted_at, retry_until, due_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, {now}, {now} + $10, {now})
ON CONFLICT (key) DO NOTHING
