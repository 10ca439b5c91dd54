UPDATE leadhook_inbox
SET lease = NULL, lease_until = NULL, due_at = {now}, tries = tries - 1
WHERE lease IN ({leases}) AND {rows}
