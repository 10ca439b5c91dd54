SELECT key, due_at FROM (
    SELECT key, due_at FROM leadhook_inbox
    WHERE state = 'waiting' AND lease IS NULL AND {kind} AND due_at <= {now} AND source = {source}
    ORDER BY due_at LIMIT $3 {skip_locked}
) AS of_source
