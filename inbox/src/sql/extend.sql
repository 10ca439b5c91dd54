UPDATE leadhook_inbox SET lease_until = {now} + $1
WHERE lease IN ({leases}) AND {rows}
