DELETE FROM leadhook_inbox_process
WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM leadhook_inbox WHERE process = $1 AND token IS NOT NULL)
RETURNING id
