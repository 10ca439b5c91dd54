SELECT MIN(due_at) - {now} AS due_in FROM leadhook_inbox
WHERE state = 'waiting' AND lease IS NULL AND source IN ({sources})
