SELECT id, lease, beat FROM leadhook_inbox_process WHERE id <> $1
