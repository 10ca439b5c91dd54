SELECT key FROM leadhook_inbox
WHERE state = 'waiting' AND lease IS NULL AND abandoned > 0 AND due_at <= {now} AND source IN ({sources})
LIMIT 1
