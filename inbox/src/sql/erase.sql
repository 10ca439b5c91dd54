UPDATE leadhook_inbox
SET body = NULL,
    body_cipher = NULL,
    lease = NULL,
    lease_until = NULL,
    reason = CASE WHEN state = 'waiting' THEN 'erased' ELSE reason END,
    settled_at = CASE WHEN state = 'waiting' THEN {now} ELSE settled_at END,
    state = CASE WHEN state = 'waiting' THEN 'dead' ELSE state END
WHERE {selected} AND body IS NOT NULL
