-- A clock that was far ahead for a while must not delay a row for as long.
UPDATE leadhook_inbox SET due_at = {now}
WHERE key IN (
    SELECT key FROM leadhook_inbox
    WHERE state = 'waiting' AND token IS NULL AND {abandoned} AND parked = 0 AND source {in $1} AND due_at > {now} + $2
    ORDER BY key {skip_locked}
)
