INSERT INTO leadhook_inbox
    (key, source, provider, scope, matched_secret, event, lead_id, subject_1, subject_2, subject_3, subject_4, body, body_cipher, accepted_at, retry_until, ordered, due_at, trace_context)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, {now}, {now} + $14, $15, {now}, $16)
ON CONFLICT (key) DO NOTHING
