SELECT key FROM leadhook_inbox
WHERE {selected} AND {after} AND {changeable}
ORDER BY key LIMIT $1
