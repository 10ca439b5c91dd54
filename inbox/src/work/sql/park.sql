-- These events, and some of those behind them, wait for one that is held.
UPDATE leadhook_inbox SET parked = 1
WHERE key IN (
    SELECT key FROM leadhook_inbox
    WHERE state = 'waiting' AND token IS NULL AND parked = 0 AND key IN (
        SELECT behind.key FROM leadhook_inbox_line AS own
        JOIN leadhook_inbox_line AS ahead
            ON ahead.subject = own.subject AND ahead.position < own.position AND ahead.key {in $2}
        JOIN leadhook_inbox_line AS behind ON behind.subject = own.subject AND behind.position >= own.position
        WHERE own.key {in $1}
        LIMIT 500
    )
    ORDER BY key {skip_locked}
)
RETURNING key
