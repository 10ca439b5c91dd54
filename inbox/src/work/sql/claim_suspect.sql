SELECT key, due_at, 0 AS place FROM (
    SELECT key, due_at FROM leadhook_inbox
    WHERE state = 'waiting' AND token IS NULL AND abandoned > 0 AND abandoned BETWEEN $4 AND $5 AND source {in $6}
        AND due_at <= {now} AND source NOT IN (SELECT source FROM leadhook_inbox_paused)
    ORDER BY abandoned, due_at LIMIT 1 {skip_locked}
) AS suspect
