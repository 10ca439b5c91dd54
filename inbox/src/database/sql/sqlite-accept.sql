INSERT INTO leadhook_inbox
    (key, source, provider, scope, matched_secret, event, lead_id, subject_1, subject_2, subject_3, subject_4, body, body_cipher, accepted_at, retry_until, ordered, due_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, {now}, {now} + $14, $15, {now})
ON CONFLICT (key) DO NOTHING
