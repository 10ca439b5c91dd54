SELECT key, due_at, {running} + row_number() OVER (ORDER BY due_at) AS place FROM (
    SELECT key, due_at FROM leadhook_inbox
    WHERE state = 'waiting' AND token IS NULL AND abandoned = 0 AND parked = 0 AND source = {source}
        AND due_at <= {now}
        AND NOT EXISTS (SELECT 1 FROM leadhook_inbox_paused AS p WHERE p.source = {source})
    ORDER BY due_at LIMIT {limit} {skip_locked}
) AS of_source
