-- These events, and some of those behind them, wait for one that is held.
UPDATE leadhook_inbox SET parked = 1
WHERE key IN (
    SELECT key FROM leadhook_inbox
    WHERE state = 'waiting' AND token IS NULL AND parked = 0 AND key IN (
        SELECT behind.key FROM leadhook_inbox_line AS own
        JOIN leadhook_inbox_line AS behind ON behind.subject = own.subject
            AND behind.position >= own.position AND behind.position < own.position + 500
        WHERE own.key {in $1} AND (
            SELECT first.key FROM leadhook_inbox_line AS first
            WHERE first.subject = own.subject AND first.position < own.position ORDER BY first.position LIMIT 1
        ) {in $2}
    )
    ORDER BY key {skip_locked}
)
RETURNING key
