INSERT INTO leadhook_inbox_process (id, lease) VALUES ($1, $2)
