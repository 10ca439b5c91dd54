SELECT key FROM leadhook_inbox
WHERE state = 'waiting' AND token IS NULL AND abandoned > 0 AND parked = 0 AND abandoned BETWEEN $1 AND $2
    AND source {in $3} AND due_at <= {now}
    AND source NOT IN (SELECT source FROM leadhook_inbox_paused)
ORDER BY abandoned, due_at LIMIT 1 {skip_locked}
