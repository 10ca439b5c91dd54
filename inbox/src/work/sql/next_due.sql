SELECT MIN(due_at) - {now} AS due_in FROM leadhook_inbox
WHERE state = 'waiting' AND token IS NULL AND parked = 0 AND source {in $1}
    AND source NOT IN (SELECT source FROM leadhook_inbox_paused)
