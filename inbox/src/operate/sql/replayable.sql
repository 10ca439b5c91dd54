SELECT key FROM leadhook_inbox
WHERE {selected} AND {after} AND state <> 'waiting' AND body IS NOT NULL
ORDER BY key LIMIT $1
