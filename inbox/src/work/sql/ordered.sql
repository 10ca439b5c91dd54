-- The sources with due events that may have to wait for others.
SELECT value AS source FROM {list $1} AS value
WHERE EXISTS (
    SELECT 1 FROM leadhook_inbox
    WHERE state = 'waiting' AND token IS NULL AND ordered = 1 AND source = value AND due_at <= {now}
)
