-- The process is gone if its beat is still the one that was seen long ago.
SELECT id FROM leadhook_inbox_process WHERE id = $1 AND beat = $2 {skip_locked}
