SELECT COALESCE(SUM(CASE WHEN abandoned < $1 THEN 1 ELSE 0 END), 0) AS suspects,
    COALESCE(SUM(CASE WHEN abandoned < $1 THEN 0 ELSE 1 END), 0) AS last_chances
FROM leadhook_inbox
WHERE state = 'waiting' AND token IS NULL AND abandoned > 0 AND parked = 0 AND source {in $2} AND due_at <= {now}
    AND source NOT IN (SELECT source FROM leadhook_inbox_paused)
