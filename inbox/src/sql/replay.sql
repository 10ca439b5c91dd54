UPDATE leadhook_inbox
SET state = 'waiting', reason = NULL, error = NULL, due_at = {now}, tries = 0, abandoned = 0,
    first_failed_at = NULL, settled_at = NULL
WHERE {selected} AND state <> 'waiting' AND body IS NOT NULL
