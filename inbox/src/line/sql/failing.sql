-- Those that have failed for long and are not due, while another one is that waits for them.
SELECT key FROM leadhook_inbox AS failing
WHERE key {in $1} AND state = 'waiting' AND token IS NULL AND first_failed_at <= {now} - $2 AND due_at > {now} AND EXISTS (
    SELECT 1 FROM leadhook_inbox_line AS own
    JOIN leadhook_inbox_line AS behind ON behind.subject = own.subject AND behind.position > own.position
    JOIN leadhook_inbox AS next ON next.key = behind.key AND next.state = 'waiting' AND next.due_at <= {now}
    WHERE own.key = failing.key
)
ORDER BY key {rows_locked}
