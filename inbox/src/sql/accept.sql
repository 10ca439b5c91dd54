INSERT INTO leadhook_inbox (key, source, body, body_cipher, received_at, retry_until, due_at)
SELECT $1, $2, $3, $4, {now}, {now} + $5, {now} FROM {durable}
ON CONFLICT (key) DO UPDATE SET duplicates = leadhook_inbox.duplicates + 1
RETURNING duplicates
