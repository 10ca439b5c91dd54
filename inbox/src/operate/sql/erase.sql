UPDATE leadhook_inbox
SET body = NULL,
    body_cipher = NULL,
    lead_id = NULL,
    trace_context = NULL,
    subject_1 = NULL,
    subject_2 = NULL,
    subject_3 = NULL,
    subject_4 = NULL,
    token = NULL,
    parked = 0,
    process = NULL,
    reason = CASE WHEN state = 'waiting' THEN 'erased' ELSE reason END,
    settled_at = CASE WHEN state = 'waiting' THEN {now} ELSE settled_at END,
    state = CASE WHEN state = 'waiting' THEN 'dead' ELSE state END
WHERE key IN (
    SELECT key FROM leadhook_inbox
    WHERE {selected} AND {after} AND {changeable}
    ORDER BY key LIMIT $1 {lock}
)
RETURNING key
