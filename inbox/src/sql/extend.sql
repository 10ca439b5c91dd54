UPDATE leadhook_inbox SET lease_until = {now} + $1
WHERE key IN (SELECT key FROM leadhook_inbox WHERE lease IN ({leases}) AND {rows} {skip_locked})
