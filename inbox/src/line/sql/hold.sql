-- Who is first in the lines of these events. Until the end of this transaction it can't be settled or moved, which
-- would wake those that are not parked yet.
SELECT key FROM leadhook_inbox
WHERE state = 'waiting' AND key IN (
    SELECT (
        SELECT first.key FROM leadhook_inbox_line AS first WHERE first.subject = own.subject ORDER BY first.position LIMIT 1
    )
    FROM leadhook_inbox_line AS own WHERE own.key {in $1}
)
ORDER BY key {share_skip_locked}
